import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * The first bytes of a plain file; null where there is no such file. A link is not followed, a pipe not waited for, and
 * no more read than asked for: whoever made the folder may want it otherwise.
 *
 * @throws Error for what is no plain file.
 */
export async function readBeginning(path: string, mostBytes: number): Promise<Buffer | null> {
  try {
    await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) throw new Error(`${path} is no plain file`);
    const bytes = Buffer.alloc(mostBytes);
    let size = 0;
    while (size < mostBytes) {
      const { bytesRead } = await handle.read(bytes, size, mostBytes - size);
      if (bytesRead === 0) break;
      size += bytesRead;
    }
    return bytes.subarray(0, size);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
