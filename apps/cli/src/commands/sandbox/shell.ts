import type { ReadStream, WriteStream } from "node:tty";
import { SessionError } from "@crucible/sandbox";
import { openLocalSession } from "../../backend/local-session.ts";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem, RefusedProblem } from "../../problem.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { isolationOf, specOf } from "./options.ts";
import type { SandboxOptions } from "./options.ts";

const SIZE = { rows: 24, columns: 80 };
/** The limit is for each program by itself, and people at a shell start long ones. */
const DEFAULT_LIMIT = "cpuTimeMs=300s";

/** A shell, or another program, on a terminal of its own in a new sandbox of this machine. */
export async function shellCommand(io: Io, argv: readonly string[], options: SandboxOptions): Promise<number> {
  if (io.stdin.isTTY !== true || io.stdout.isTTY !== true)
    throw new CliProblem("a shell wants a terminal, and this is none", "for one program use: crucible exec -- PROGRAM");
  const stdin = io.stdin as ReadStream;
  const stdout = io.stdout as WriteStream;
  await using opened = await openLocalSession(
    io.env,
    specOf({ ...options, limit: [DEFAULT_LIMIT, ...options.limit] }),
    isolationOf(options),
  );
  const { session } = opened;
  await write(
    io.stderr,
    `crucible: a sandbox on ${session.engine} (${session.isolation}); it goes when the shell ends\n`,
  );
  const size = (): typeof SIZE => ({ rows: stdout.rows || SIZE.rows, columns: stdout.columns || SIZE.columns });
  try {
    const command = argv.length > 0 ? argv : ["bash", "-i"];
    const terminal = await session.openTerminal({ argv: command }, size(), (bytes) => void io.stdout.write(bytes));
    const onInput = (bytes: Buffer): void => terminal.write(bytes);
    const onResize = (): void => terminal.resize(size());
    const stop = io.onInterrupt(() => terminal.kill());
    stdin.setRawMode(true);
    stdin.on("data", onInput);
    stdout.on("resize", onResize);
    try {
      const end = await Promise.race([terminal.ended, session.ended.then(() => null)]);
      return end === null ? 1 : exitCodeOf({ ...end, compile: null });
    } finally {
      stop();
      stdin.setRawMode(false);
      stdin.off("data", onInput);
      stdin.pause();
      stdout.off("resize", onResize);
    }
  } catch (error) {
    throw error instanceof SessionError
      ? new RefusedProblem(error.message, "see crucible shell --help", { cause: error })
      : error;
  }
}
