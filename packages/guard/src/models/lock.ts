import { createHash } from "node:crypto";
import { mkdirSync, realpathSync } from "node:fs";
import { createServer } from "node:net";
import { ModelStoreError } from "./errors.ts";

/**
 * Makes sure that this process alone works on one model of a store. The lock is a name that the kernel frees with the
 * process, however it ends (an abstract socket, unix(7)). It does not reach into another network namespace: there
 * the digests, taken of what lies on disk, are what keeps two writers from installing a mixture.
 *
 * @throws ModelStoreError `model_locked`
 */
export async function lockModel(modelsDir: string, name: string): Promise<AsyncDisposable> {
  mkdirSync(modelsDir, { recursive: true, mode: 0o700 });
  const digest = createHash("sha256")
    .update(`${realpathSync(modelsDir)}\0${name}`)
    .digest("hex")
    .slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        error.code === "EADDRINUSE"
          ? new ModelStoreError("model_locked", `another process works on ${name}`, "wait until it has ended")
          : error,
      );
    });
    server.listen(`\0crucible-model-${digest}`, resolve);
  });
  server.unref();
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}
