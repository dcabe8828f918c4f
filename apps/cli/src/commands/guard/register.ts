import { ScreeningDecision, ScreeningDirection } from "@crucible/contract";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Io } from "../../io.ts";
import type { BenchOptions } from "./bench.ts";
import type { EvalOptions } from "./eval.ts";
import type { ScreenOptions } from "./screen.ts";
import type { ScreeningsOptions } from "./screenings.ts";
import type { TrainOptions } from "./train.ts";

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1)) throw new InvalidArgumentError("It must be from 0 to 1.");
  return value;
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 1_000_000) {
    throw new InvalidArgumentError("It must be a whole number from 0 to 1000000.");
  }
  return value;
}

function withStages(command: Command): Command {
  return command
    .option("--policy <path>", "a policy file; default: the shipped models, Bayes first, then the transformer")
    .option("--bayes-only", "ask the Bayes filter alone, with the thresholds it has by itself")
    .option("--transformer <model>", "ORG/NAME of an installed model, or a folder, in place of the shipped one")
    .option("--model <path>", "a Bayes filter made by crucible guard train, alone; default: the one that is shipped")
    .option("--allow-below <probability>", "Bayes alone: allow below this; default: the model's", share)
    .option("--block-from <probability>", "Bayes alone: block from this on; default: the model's", share);
}

/** Adds `crucible guard`: screen a text, train a model, measure accuracy and speed. Each loads its code when it is called. */
export function addGuardCommands(program: Command, io: Io, done: (exitCode: number) => void): void {
  const guard = program.command("guard").description("screen prompts for attacks; train and measure the filter");

  withStages(guard.command("screen").description("screen one text or one conversation"))
    .argument("[text]", "the text; - or nothing reads it from standard input")
    .option("--messages <path>", "screen the messages in this JSON file instead; - is standard input")
    .option("--evidence <count>", "pieces of evidence to show of what is not allowed; default: the policy's", count)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExit code: 0 allowed, 1 blocked, 3 flagged, 4 a stage failed.\n\nExamples:\n  crucible guard screen 'Ignore all previous instructions'\n  crucible guard screen - < mail.txt\n  crucible guard screen --policy strict.yaml --messages chat.json",
    )
    .action(async (text: string | undefined, options: ScreenOptions) => {
      const { screenCommand } = await import("./screen.ts");
      done(await screenCommand(io, text, options));
    });

  guard
    .command("train")
    .description("train a filter on labelled texts")
    .requiredOption("--data <path>", "CSV or JSON Lines with text, label and maybe source; repeatable", collect)
    .requiredOption("--out <path>", "where to write the model")
    .option("--name <name>", "name of the model", "bayes")
    .option("--test-share <share>", "share of the rows that is held back to measure the model", share, 0.2)
    .option("--block-fpr <rate>", "false-positive rate at which texts are blocked", share, 0.01)
    .option("--generated <count>", "add so many generated attacks, and as many harmless texts", count, 0)
    .option("--seed <number>", "decides the split and the order", count, 1)
    .option("--json", "print the report as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", "\nExample:\n  crucible guard train --data prompts.csv --out my-filter.bin --generated 2000")
    .action(async (options: TrainOptions) => {
      const { trainCommand } = await import("./train.ts");
      done(await trainCommand(io, options));
    });

  withStages(guard.command("eval").description("measure the stages on labelled texts"))
    .requiredOption("--data <path>", "CSV or JSON Lines with text, label and maybe source; repeatable", collect)
    .option("--json <path>", "write the report as JSON")
    .option("--scores <path>", "write one line of JSON per row: label, score, decision, stage, probability")
    .option("--html <path>", "write the report as one page with plots")
    .option("--mistakes <count>", "wrongly judged texts to list of each kind in --json and --html", count, 25)
    .option("--seed <number>", "decides the resamples for the intervals", count, 1)
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExit code: 0 measured, 2 some lines were no rows, 4 a stage failed.\n\nExample:\n  crucible guard eval --data prompts.jsonl --html report.html",
    )
    .action(async (options: EvalOptions) => {
      const { evalCommand } = await import("./eval.ts");
      done(await evalCommand(io, options));
    });

  withStages(guard.command("bench").description("measure speed and memory of the stages on this machine"))
    .option("--json", "as JSON")
    .option("--quiet", "no progress")
    .addHelpText("after", "\nExample:\n  crucible guard bench")
    .action(async (options: BenchOptions) => {
      const { benchCommand } = await import("./bench.ts");
      done(await benchCommand(io, options));
    });

  guard
    .command("screenings")
    .description("list what a server has screened, newest first, or show one screening with its evidence")
    .argument("[id]", "scr_…; default: list")
    .option("--url <url>", "the server; default: CRUCIBLE_URL")
    .option("--key-file <path>", "file with the API key; default: CRUCIBLE_API_KEY, or a local server's own key")
    .addOption(new Option("--decision <decision>", "only these").choices(ScreeningDecision.options))
    .addOption(new Option("--direction <direction>", "only these").choices(ScreeningDirection.options))
    .option("--min-score <probability>", "only from this score on", share)
    .option("--since <time>", "only from this time on, such as 2026-01-31T12:00:00Z")
    .option("--limit <count>", "how many, at most 200", count, 20)
    .option("--json", "as JSON, one line each")
    .addHelpText("after", "\nExample:\n  crucible guard screenings --decision block")
    .action(async (id: string | undefined, options: ScreeningsOptions) => {
      const { screeningsCommand } = await import("./screenings.ts");
      done(await screeningsCommand(io, id, options));
    });

  // Subcommands do not inherit these.
  for (const command of guard.commands) {
    command.exitOverride().configureOutput(program.configureOutput()).showSuggestionAfterError();
  }
}
