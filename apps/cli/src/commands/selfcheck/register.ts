import { type Command, InvalidArgumentError, Option } from "commander";
import { SelfcheckGroup } from "@crucible/contract";
import type { Io } from "../../io.ts";
import type { SelfcheckCommandOptions } from "./selfcheck.ts";

const collect = <T>(value: T, before: readonly T[]): T[] => [...before, value];

function groupNamed(text: string, before: readonly SelfcheckGroup[]): SelfcheckGroup[] {
  const parsed = SelfcheckGroup.safeParse(text);
  if (parsed.success) return [...before, parsed.data];
  throw new InvalidArgumentError(`It must be one of ${SelfcheckGroup.options.join(", ")}.`);
}

/** Adds `crucible selfcheck` and `crucible selfcheck verify`. Each loads its code when it is called. */
export function addSelfcheckCommands(program: Command, io: Io, done: (exitCode: number) => void): void {
  const selfcheck = program
    .command("selfcheck")
    // Or the `--json` of `selfcheck` would take the name of the file that `verify --json` is to look at.
    .enablePositionalOptions()
    .description("prove the isolation on this host: attack every engine, and show what held")
    .option("--engine <name>", "this engine; repeatable; default: all that work here and isolate", collect<string>, [])
    .option("--group <name>", `this group; repeatable: ${SelfcheckGroup.options.join(", ")}`, groupNamed, [])
    .option("--json [file]", "write the report as JSON to a file, or print it instead of the table")
    .option("--html <file>", "write the report as one page that loads nothing")
    .option("--quick", "leave out bombs and whatever waits, and the controls")
    .option("--data-dir <path>", "where a server of this host looks for the latest report (CRUCIBLE_DATA_DIR)")
    .addHelpText(
      "after",
      `
Exit code: 0 every promise that this host could test held, 1 one broke or is not known, 2 the command failed,
130 interrupted.

Examples:
  crucible selfcheck
  crucible selfcheck --engine bubblewrap --html proof.html
  crucible selfcheck verify proof.html`,
    )
    .action(async (options: SelfcheckCommandOptions) => {
      const { selfcheckCommand } = await import("./selfcheck.ts");
      done(await selfcheckCommand(io, options));
    });

  selfcheck
    .command("verify")
    .description("recompute the hash of a report")
    .argument("<file>", "a report, as JSON or as a page")
    .addOption(new Option("--json", "as JSON"))
    .action(async (file: string, own: { json?: boolean }) => {
      const { verifyCommand } = await import("./verify.ts");
      done(await verifyCommand(io, file, own));
    });

  // Subcommands do not inherit these.
  for (const command of selfcheck.commands) {
    command.exitOverride().configureOutput(program.configureOutput()).showSuggestionAfterError();
  }
}
