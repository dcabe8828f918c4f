import type { Command } from "commander";
import type { Io } from "../../io.ts";
import type { ImportOptions } from "./import.ts";
import type { PullOptions } from "./pull.ts";

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

/** Adds `crucible models`: fetch, list, check and remove models for the guard. Each loads its code when it is called. */
export function addModelsCommands(program: Command, io: Io, done: (exitCode: number) => void): void {
  const models = program
    .command("models")
    .description("models for the guard: from a hub or a folder, checked by digest");

  models
    .command("pull")
    .description("fetch a model from a Hugging Face-compatible hub (HF_ENDPOINT, HF_TOKEN)")
    .argument("<name>", "ORG/NAME")
    .option("--revision <revision>", "branch, tag or commit; the commit is what is installed", "main")
    .option("--include <pattern>", "weights to take instead of onnx/model.onnx; repeatable", collect, [])
    .option("--json", "print what is installed as JSON")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExamples:\n  crucible models pull protectai/deberta-v3-base-prompt-injection-v2\n  crucible models pull org/name --revision 0123456789abcdef0123456789abcdef01234567\n  crucible models pull org/name --include onnx/model_quantized.onnx",
    )
    .action(async (name: string, options: PullOptions) => {
      const { pullCommand } = await import("./pull.ts");
      done(await pullCommand(io, name, options));
    });

  models
    .command("import")
    .description("install a model from a folder, without a network")
    .argument("<folder>", "an installed model of another machine, or any folder with config.json")
    .option("--name <name>", "ORG/NAME; needed when the folder has no crucible-model.json")
    .option("--revision <commit>", "the commit that the files are of; default: a digest over them")
    .option("--licence <name>", "default: the one in README.md")
    .option("--include <pattern>", "weights to take instead of onnx/model.onnx; repeatable", collect, [])
    .option("--json", "print what is installed as JSON")
    .action(async (folder: string, options: ImportOptions) => {
      const { importCommand } = await import("./import.ts");
      done(await importCommand(io, folder, options));
    });

  models
    .command("list")
    .description("list installed models")
    .option("--json", "as JSON")
    .action(async (options: { json?: boolean }) => {
      const { listCommand } = await import("./list.ts");
      done(await listCommand(io, options));
    });

  models
    .command("verify")
    .description("compare installed models with their manifests, every byte")
    .argument("[name]", "ORG/NAME; default: all")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExit code: 0 all as installed, 1 something is damaged.")
    .action(async (name: string | undefined, options: { json?: boolean }) => {
      const { verifyCommand } = await import("./verify.ts");
      done(await verifyCommand(io, name, options));
    });

  models
    .command("remove")
    .description("remove an installed model")
    .argument("<name>", "ORG/NAME")
    .option("--revision <commit>", "only this revision")
    .option("--json", "as JSON")
    .action(async (name: string, options: { revision?: string; json?: boolean }) => {
      const { removeCommand } = await import("./remove.ts");
      done(await removeCommand(io, name, options));
    });

  // Subcommands do not inherit these.
  for (const command of models.commands) {
    command.exitOverride().configureOutput(program.configureOutput()).showSuggestionAfterError();
  }
}
