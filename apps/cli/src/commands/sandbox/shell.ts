import { SessionError } from "@crucible/sandbox";
import { openLocalSession } from "../../backend/local-session.ts";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem, RefusedProblem } from "../../problem.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { attach, ownTerminal } from "./attach.ts";
import { isolationOf, specOf } from "./options.ts";
import type { SandboxOptions } from "./options.ts";
import type { RemoteOptions } from "./remote.ts";

/** The limit is for each program by itself, and people at a shell start long ones. */
export const withTime = <Options extends SandboxOptions>(options: Options): Options => ({
  ...options,
  limit: ["cpuTimeMs=300s", ...options.limit],
});

/** The options of `crucible shell`. */
export interface ShellOptions extends SandboxOptions, RemoteOptions {
  readonly local?: boolean;
  readonly sandbox?: string;
}

/** A shell, or another program, on a terminal of its own: in a sandbox of a server where one is named, else of this machine. */
export async function shellCommand(io: Io, argv: readonly string[], options: ShellOptions): Promise<number> {
  ownTerminal(io);
  const command = argv.length > 0 ? argv : ["bash", "-i"];
  const isNamed = [options.url, options.sandbox].some((name) => name !== undefined);
  if (options.local === true && isNamed)
    throw new CliProblem("--local cannot be given with --url or --sandbox", "leave one out");
  const isRemote = isNamed || (options.local !== true && (io.env["CRUCIBLE_URL"] ?? "") !== "");
  if (!isRemote) return localShell(io, command, options);
  const { remoteShell } = await import("./remote-shell.ts");
  return remoteShell(io, command, options);
}

async function localShell(io: Io, command: readonly string[], options: SandboxOptions): Promise<number> {
  await using opened = await openLocalSession(io.env, specOf(withTime(options)), isolationOf(options));
  const { session } = opened;
  await write(
    io.stderr,
    `crucible: a sandbox on ${session.engine} (${session.isolation}); it goes when the shell ends\n`,
  );
  try {
    const end = await attach(io, async (size, onOutput) => {
      const terminal = await session.openTerminal({ argv: command }, size, (bytes) => {
        void onOutput(bytes).then(() => terminal.taken(bytes.length));
      });
      return { ...terminal, ended: Promise.race([terminal.ended, session.ended.then(() => null)]) };
    });
    return end === null ? 1 : exitCodeOf({ ...end, compile: null });
  } catch (error) {
    throw error instanceof SessionError
      ? new RefusedProblem(error.message, "see crucible shell --help", { cause: error })
      : error;
  }
}
