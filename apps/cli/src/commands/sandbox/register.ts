import { Option } from "commander";
import type { Command } from "commander";
import { IsolationLevel, ListSandboxesQuery } from "@crucible/contract";
import type { Io } from "../../io.ts";
import type { ExecOptions } from "./exec.ts";
import type { SandboxOptions } from "./options.ts";
import type { RemoteOptions } from "./remote.ts";
import type { ShellOptions } from "./shell.ts";

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

function withSandbox(command: Command): Command {
  return command
    .option("--limit <name=value>", "such as memoryBytes=256MiB or wallTimeMs=30s; repeatable", collect, [])
    .option("--env <name=value>", "environment variable; repeatable", collect, [])
    .option("--allow-host <name:port>", "a host that programs may reach, such as pypi.org:443; repeatable", collect, [])
    .option("--engine <name>", "on exactly this engine")
    .option("--image <name>", "of this image, one that the operator has named (engine docker)")
    .addOption(new Option("--at-least <level>", `isolation: ${IsolationLevel.options.join(", ")}`));
}

const withServer = (command: Command): Command =>
  command
    .option("--url <url>", "the Crucible server; default: CRUCIBLE_URL")
    .option("--key-file <path>", "file with the API key; default: CRUCIBLE_API_KEY, or a local server's own key");

/** `exec`, `shell` and `sandbox`: sandboxes that stay. */
export function addSandboxCommands(
  program: Command,
  io: Io,
  done: (exitCode: number) => void,
  milliseconds: (text: string) => number,
): void {
  withServer(
    withSandbox(
      program
        .command("exec")
        .description("run a program in a sandbox: a new one on this machine, or an open one of a server")
        .argument("<program>", "the program inside, looked up in PATH; no shell")
        .argument("[args...]", "its arguments; put -- before the program"),
    )
      .option("--sandbox <id>", "an open sandbox of a server")
      .option("--cwd <path>", "working directory inside")
      .option("--timeout <ms>", "end it after so many milliseconds", milliseconds)
      .option("--no-stdin", "give the program an empty standard input instead of this one")
      .option("--json", "print the result as JSON instead of passing output on"),
  )
    .addHelpText(
      "after",
      "\nExamples:\n  crucible exec -- python3 -c 'print(1)'\n  crucible exec --sandbox sbx_… -- ls -la",
    )
    .action(async (name: string, args: string[], options: ExecOptions) => {
      const { execCommand } = await import("./exec.ts");
      done(await execCommand(io, [name, ...args], options));
    });

  withServer(
    withSandbox(
      program
        .command("shell")
        .description(
          "open a shell on a terminal of its own in a sandbox: of a server where one is named, else of this machine",
        )
        .argument("[program]", "another program than bash")
        .argument("[args...]", "its arguments; put -- before the program"),
    ),
  )
    .option("--local", "in a sandbox of this machine although CRUCIBLE_URL is set")
    .option("--sandbox <id>", "in an open sandbox of a server")
    .addHelpText(
      "after",
      "\nExamples:\n  crucible shell\n  crucible shell --limit memoryBytes=1GiB -- python3\n  crucible shell --sandbox sbx_…",
    )
    .action(async (name: string | undefined, args: string[], options: ShellOptions) => {
      const { shellCommand } = await import("./shell.ts");
      done(await shellCommand(io, name === undefined ? [] : [name, ...args], options));
    });

  const sandbox = program.command("sandbox").description("sandboxes that stay, on a server");
  withServer(withSandbox(sandbox.command("create").description("open one and print its id")))
    .option("--idle <ms>", "close it when nothing was asked of it for so long", milliseconds)
    .option("--lifetime <ms>", "close it after so long", milliseconds)
    .option("--json", "as JSON")
    .action(async (options: RemoteOptions & SandboxOptions) => {
      done(await (await import("./remote.ts")).createCommand(io, options));
    });
  withServer(sandbox.command("list").description("list them, newest first").option("--json", "as JSON"))
    .addOption(
      new Option("--status <status>", "ended ones instead, or any")
        .choices(ListSandboxesQuery.shape.status.unwrap().options)
        .default("open"),
    )
    .action(async (options: RemoteOptions & { status: ListSandboxesQuery["status"] }) => {
      done(await (await import("./remote.ts")).listCommand(io, options));
    });
  withServer(sandbox.command("close").description("close one").argument("<id>").option("--json", "as JSON")).action(
    async (id: string, options: RemoteOptions) => {
      done(await (await import("./remote.ts")).closeCommand(io, id, options));
    },
  );
  withServer(
    sandbox.command("put").description("copy a file into one").argument("<id>").argument("<file>").argument("<path>"),
  ).action(async (id: string, file: string, path: string, options: RemoteOptions) => {
    done(await (await import("./remote.ts")).putCommand(io, id, file, path, options));
  });
  withServer(
    sandbox
      .command("get")
      .description("copy a file out of one, to standard output or a new file")
      .argument("<id>")
      .argument("<path>")
      .argument("[file]"),
  ).action(async (id: string, path: string, file: string | undefined, options: RemoteOptions) => {
    done(await (await import("./remote.ts")).getCommand(io, id, path, file, options));
  });
}
