import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { IsolationLevel } from "@crucible/contract";
import type { BackendChoice } from "./backend/open.ts";
import type { Backend } from "./backend/types.ts";
import type { BatchOptions } from "./commands/batch.ts";
import type { RunOptions } from "./commands/run.ts";
import { addGuardCommands } from "./commands/guard/register.ts";
import { addModelsCommands } from "./commands/models/register.ts";
import { addSandboxCommands } from "./commands/sandbox/register.ts";
import { addSelfcheckCommands } from "./commands/selfcheck/register.ts";
import type { ServeOptions } from "./commands/serve.ts";
import type { StubModelOptions } from "./commands/stub-model.ts";
import type { Io } from "./io.ts";
import { write } from "./io.ts";
import { CliProblem, problemText } from "./problem.ts";
import { OWN_FAILURE } from "./run/exit-code.ts";
import { parseByteCount } from "./units.ts";

/** Commands whose exit code is their program's. */
const STANDS_IN = ["run", "exec", "shell"];
/** Exit code when a command could not do its job; `run` has its own, `OWN_FAILURE`. */
const FAILURE = 2;

/**
 * Runs the CLI and gives its exit code. Never throws: what went wrong is on stderr in two lines.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const outcome: { exitCode: number } = { exitCode: 0 };
  const program = buildProgram(io, (exitCode) => {
    outcome.exitCode = exitCode;
  });
  const debug = (io.env["CRUCIBLE_DEBUG"] ?? "") !== "";
  try {
    await program.parseAsync([...argv], { from: "user" });
    return outcome.exitCode;
  } catch (error) {
    const failure = STANDS_IN.includes(argv.find((arg) => !arg.startsWith("-")) ?? "") ? OWN_FAILURE : FAILURE;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      await write(io.stderr, problemText(usageProblem(error, argv), debug));
      return failure;
    }
    await write(io.stderr, problemText(error, debug));
    return error instanceof CliProblem ? (error.exitCode ?? failure) : failure;
  }
}

const COMMANDS = [
  ...["run", "batch", "serve", "guard", "models", "languages", "engines", "doctor", "selfcheck", "stub-model"],
  ...["exec", "shell", "sandbox"],
];

/** Commander's `error: what\n(Did you mean x?)` in our two lines. */
function usageProblem(error: CommanderError, argv: readonly string[]): CliProblem {
  const [what = "", hint] = error.message.replace(/^error: /, "").split("\n");
  const command = argv.find((arg) => COMMANDS.includes(arg));
  const help = `crucible ${command === undefined ? "" : `${command} `}--help`;
  if (error.code === "commander.help") return new CliProblem("no command was given", help);
  const suggestion = hint === undefined ? "" : `${hint.replaceAll(/[()]/g, "").replace("Did", "did")} `;
  const passOn =
    STANDS_IN.includes(command ?? "") && error.code === "commander.unknownOption"
      ? "; options of your program go after --"
      : "";
  return new CliProblem(what, `${suggestion}see ${help}${passOn}`);
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1024) {
    throw new InvalidArgumentError("It must be a whole number from 1 to 1024.");
  }
  return value;
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535)
    throw new InvalidArgumentError("It must be from 0 (any free one) to 65535.");
  return value;
}

function wholeMilliseconds(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 3_600_000) throw new InvalidArgumentError("It must be from 0 to 3600000.");
  return value;
}

/** Adds what every command that talks to a backend takes. */
function withBackend(command: Command): Command {
  return command
    .option("--url <url>", "a Crucible server to use; default: CRUCIBLE_URL, or this machine without a server")
    .option("--key-file <path>", "file with the API key; default: CRUCIBLE_API_KEY, or a local server's own key")
    .option("--local", "run on this machine although CRUCIBLE_URL is set");
}

/** Each command loads its own code when it is called: `--help` stays quick, and only `serve` needs the server. */
function buildProgram(io: Io, done: (exitCode: number) => void): Command {
  const using = async (options: BackendChoice, use: (backend: Backend) => Promise<number>): Promise<void> => {
    const { openBackend } = await import("./backend/open.ts");
    await using backend = await openBackend(options, io);
    done(await use(backend));
  };

  const program = new Command("crucible")
    .description("Run untrusted programs in a sandbox.")
    // What stands behind the name of a subcommand is that one's.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
    })
    .addHelpText(
      "after",
      "\nExamples:\n  crucible serve\n  crucible run hello.py\n  crucible batch runs.jsonl --out results.jsonl\n  crucible doctor",
    );

  program
    .command("serve")
    .description("start the server: API, queue, workers and sandbox in one process")
    .option("--host <address>", "address to listen on (CRUCIBLE_HOST)")
    .option("--port <number>", "port to listen on, 0 for any free one (CRUCIBLE_PORT)", portNumber)
    .option("--data-dir <path>", "where database and key live (CRUCIBLE_DATA_DIR)")
    .option("--json", "print one line of JSON once it listens")
    .addHelpText("after", "\nExamples:\n  crucible serve\n  crucible serve --port 8080 --data-dir /var/lib/crucible")
    .action(async (options: ServeOptions) => {
      const { serveCommand } = await import("./commands/serve.ts");
      done(await serveCommand(io, options));
    });

  withBackend(
    program
      .command("run")
      .description("run one program as if this were its interpreter")
      .argument("<file>", "the program; - reads it from standard input")
      .argument("[args...]", "arguments of the program; put -- before them when one starts with -")
      .option("-l, --language <name>", "language; default: by the file's extension")
      .option("--json", "print the result as JSON instead of passing output on")
      .option("--limit <name=value>", "such as wallTimeMs=2s or memoryBytes=256MiB; repeatable", collect, [])
      .option("--compile-limit <name=value>", "the same for the compile step; repeatable", collect, [])
      .option("--env <name=value>", "environment variable; repeatable", collect, [])
      .option("--file <path>", "another file the program needs; repeatable", collect, [])
      .option("--no-stdin", "give the program an empty standard input instead of this one")
      .option("--out <dir>", "write the files that the program leaves in out/ here; must be empty or not there")
      .option(
        "--allow-host <name:port>",
        "a host that the program may reach, such as pypi.org:443; repeatable",
        collect,
        [],
      )
      .option("--engine <name>", "run on exactly this engine")
      .addOption(new Option("--at-least <level>", `isolation: ${IsolationLevel.options.join(", ")}`)),
  )
    .addHelpText(
      "after",
      `
Exit code: the program's own; 128+n after signal n; 124 out of time, 152 out of CPU time, 137 out of memory,
141 too much output, 153 too much disk, 130 cancelled, 125 when Crucible itself failed.

Examples:
  crucible run hello.py
  echo 3 4 | crucible run add.js
  crucible run main.c --file util.h --limit wallTimeMs=2s -- --verbose input.txt
  echo 'print(6*7)' | crucible run --language python -`,
    )
    .action(async (file: string, args: string[], options: BackendChoice & RunOptions) => {
      const { runCommand } = await import("./commands/run.ts");
      await using(options, async (backend) => await runCommand(io, backend, file, args, options));
    });

  withBackend(
    program
      .command("batch")
      .description("run a file of programs, one run request with optional `id` and `expected` per line")
      .argument("<file>", "JSON Lines, plain or gzip; - reads standard input")
      .option("--out <path>", "write results there; lines already in it are not run again")
      .option("--concurrency <number>", "programs at once; default: what the backend has room for", positiveInteger)
      .option("--max-input <size>", "how much the file may unpack to; default 8GiB", parseByteCount)
      .option("--json", "print results as JSON lines, or with --out the summary as JSON")
      .option("--quiet", "no progress"),
  )
    .addHelpText(
      "after",
      `
A line: {"id": "sum", "language": "python", "code": "print(1 + 2)", "expected": {"stdout": "3\\n"}}
\`expected\` may hold stdout, exitCode (default 0) and status (default exited).
Exit code: 0 all as expected, 1 an expectation failed, 2 a line was bad or a sandbox broke, 130 interrupted.

Examples:
  crucible batch runs.jsonl
  crucible batch runs.jsonl.gz --out results.jsonl --concurrency 8`,
    )
    .action(async (file: string, options: BackendChoice & { maxInput?: number } & BatchOptions) => {
      const { batchCommand } = await import("./commands/batch.ts");
      const { maxInput, ...rest } = options;
      const parsed = maxInput === undefined ? rest : { ...rest, maxInputBytes: maxInput };
      await using(options, async (backend) => await batchCommand(io, backend, file, parsed));
    });

  withBackend(program.command("languages").description("list installed languages").option("--json", "as JSON")).action(
    async (options: BackendChoice & { json?: boolean }) => {
      const { languagesCommand } = await import("./commands/languages.ts");
      await using(options, async (backend) => await languagesCommand(io, backend, options));
    },
  );

  withBackend(
    program.command("engines").description("list engines and what each can do here").option("--json", "as JSON"),
  ).action(async (options: BackendChoice & { json?: boolean }) => {
    const { enginesCommand } = await import("./commands/engines.ts");
    await using({ ...options, program: null }, async (backend) => await enginesCommand(io, backend, options));
  });

  program
    .command("doctor")
    .description("look at this host: what isolation it offers, what is missing, which tools have known escapes")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExit code: 0 programs can run isolated here, 1 something must be fixed first.")
    .action(async (options: { json?: boolean }) => {
      const { doctorCommand } = await import("./commands/doctor.ts");
      const { thisHost } = await import("./doctor/host.ts");
      const { openLocal } = await import("./backend/local.ts");
      await using backend = await openLocal(io.env, null);
      done(await doctorCommand(io, thisHost(io.env["PATH"] ?? ""), async () => await backend.engines(), options));
    });

  program
    .command("stub-model")
    .description("serve the stub model alone, as a server of models for tests and load")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 for any free one", portNumber, 0)
    .option("--replay <path>", "recorded conversations to answer from, JSON Lines")
    .option("--latency <ms>", "milliseconds before each answer", wholeMilliseconds, 0)
    .option("--json", "print one line of JSON once it listens")
    .addHelpText(
      "after",
      "\nExamples:\n  crucible stub-model --port 8000\n  crucible stub-model --replay recorded.jsonl",
    )
    .action(async (options: StubModelOptions) => {
      const { stubModelCommand } = await import("./commands/stub-model.ts");
      done(await stubModelCommand(io, options));
    });

  addGuardCommands(program, io, done);
  addSelfcheckCommands(program, io, done);
  addModelsCommands(program, io, done);
  addSandboxCommands(program, io, done, wholeMilliseconds);

  // Subcommands do not inherit these.
  for (const command of program.commands) {
    command.exitOverride().configureOutput(program.configureOutput()).showSuggestionAfterError();
  }
  return program;
}
