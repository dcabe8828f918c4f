import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

/** The directory is in use; the message says by which process. */
export class DataDirInUseError extends Error {
  readonly code = "data_dir_in_use";
  constructor(directory: string, pid: string) {
    super(
      `${directory} is used by another Crucible (process ${pid}); stop it, or set CRUCIBLE_DATA_DIR to another directory`,
    );
    this.name = "DataDirInUseError";
  }
}

/**
 * Makes sure that this process alone uses a data directory. What holds the lock is a name that the kernel
 * frees with the process, however it ends (an abstract socket, unix(7)): no stale lock after SIGKILL, and no
 * race between two that start at once. The file `pid` is for people.
 *
 * @throws DataDirInUseError
 */
export async function lockDataDir(directory: string): Promise<AsyncDisposable> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const pidFile = join(directory, "pid");
  const name = createHash("sha256").update(realpathSync(directory)).digest("hex").slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code === "EADDRINUSE" ? new DataDirInUseError(directory, readPid(pidFile)) : error);
    });
    server.listen(`\0crucible-${name}`, resolve);
  });
  server.unref();
  writeFileSync(pidFile, `${process.pid}\n`);
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

function readPid(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "unknown";
  }
}
