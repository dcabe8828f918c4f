import { SessionError } from "@crucible/sandbox";
import { openLocalSession } from "../../backend/local-session.ts";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { RefusedProblem } from "../../problem.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { attach, ownTerminal } from "./attach.ts";
import { isolationOf, specOf } from "./options.ts";
import type { SandboxOptions } from "./options.ts";

/** The limit is for each program by itself, and people at a shell start long ones. */
const DEFAULT_LIMIT = "cpuTimeMs=300s";

/** A shell, or another program, on a terminal of its own in a new sandbox of this machine. */
export async function shellCommand(io: Io, argv: readonly string[], options: SandboxOptions): Promise<number> {
  ownTerminal(io);
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
  const command = argv.length > 0 ? argv : ["bash", "-i"];
  try {
    const end = await attach(io, async (size, onOutput) => {
      const terminal = await session.openTerminal({ argv: command }, size, onOutput);
      return { ...terminal, ended: Promise.race([terminal.ended, session.ended.then(() => null)]) };
    });
    return end === null ? 1 : exitCodeOf({ ...end, compile: null });
  } catch (error) {
    throw error instanceof SessionError
      ? new RefusedProblem(error.message, "see crucible shell --help", { cause: error })
      : error;
  }
}
