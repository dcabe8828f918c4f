import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** The two digests by which hubs name content, of a file on disk. */
export interface Digests {
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Of Git's blob: SHA-1 over `blob SIZE NUL` and the content. */
  readonly gitSha1: string;
}

/**
 * Reads a file and digests it. What lies on disk is what counts, whoever wrote it. Does not follow a symbolic link,
 * which fails with ELOOP, nor wait for a pipe.
 */
export async function digestFile(path: string, signal?: AbortSignal): Promise<Digests> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const about = await handle.stat();
  if (!about.isFile()) throw new Error(`${path} is no plain file`);
  const { size } = about;
  const sha256 = createHash("sha256");
  const gitSha1 = createHash("sha1").update(`blob ${size}\0`);
  const chunk = Buffer.allocUnsafe(1024 * 1024);
  let sizeBytes = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length);
    if (bytesRead === 0) break;
    const bytes = chunk.subarray(0, bytesRead);
    sha256.update(bytes);
    // Only small files are named by it: hashing gigabytes twice would double the wait.
    if (size <= GIT_MAX_BYTES) gitSha1.update(bytes);
    sizeBytes += bytesRead;
  }
  return { sizeBytes, sha256: sha256.digest("hex"), gitSha1: gitSha1.digest("hex") };
}

/** Larger files lie in large file storage, which names them by SHA-256; hubs take 10 MB into Git at most. */
export const GIT_MAX_BYTES = 64 * 1024 * 1024;
