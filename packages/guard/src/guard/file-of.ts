import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { ModelFile } from "./types.ts";

/** Size and SHA-256 of a file, named by its last part unless another name is given. Rejects with the system's error. */
export async function fileOf(path: string, as = basename(path)): Promise<ModelFile> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { path: as, sizeBytes, sha256: hash.digest("hex") };
}
