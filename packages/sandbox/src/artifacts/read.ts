import { createHash } from "node:crypto";
import { readTar } from "../tar/read.ts";
import type { TarEntry } from "../tar/types.ts";
import type { Artifact, ArtifactLimits, Artifacts, LeftOut } from "./types.ts";

/** The directory below the working directory that is given back. */
export const ARTIFACTS_DIR = "out";

/** What is read of an archive at most, files left out included: past a full default disk with room for the headers. */
const ARCHIVE_BYTES = 256 * 1024 * 1024;
/** Members looked at, whatever becomes of them. */
const ENTRIES = 4_096;
const PATH_BYTES = 1_024;
/** Things left out that are named; the rest is counted. */
const LEFT_OUT_NAMED = 100;
/** Of a name that is not given back. */
const SHOWN_NAME_LENGTH = 200;

/** Passes at most so many bytes on. */
async function* capped(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let left = ARCHIVE_BYTES;
  for await (const piece of archive) {
    left -= piece.length;
    if (left < 0) throw new Error(`the archive has over ${ARCHIVE_BYTES} bytes`);
    yield piece;
  }
}

async function contentOf({ content, sizeBytes }: TarEntry): Promise<Uint8Array> {
  const bytes = Buffer.alloc(sizeBytes);
  let at = 0;
  for await (const piece of content) at += Buffer.from(piece).copy(bytes, at);
  return bytes;
}

/** As a name is shown: below `out`, and not endless. */
function shown(name: string): string {
  const below = name.startsWith(`${ARTIFACTS_DIR}/`) ? name.slice(ARTIFACTS_DIR.length + 1) : name;
  return below.slice(0, SHOWN_NAME_LENGTH).toWellFormed();
}

/**
 * Reads what tar wrote of `out` inside a sandbox, as an enemy's archive: regular files within the limits are kept,
 * everything else is named with the reason. Never rejects: what is wrong with an archive is the program's affair.
 */
export async function readArtifacts(archive: AsyncIterable<Uint8Array>, limits: ArtifactLimits): Promise<Artifacts> {
  const files = new Map<string, Artifact>();
  const leftOut: LeftOut[] = [];
  let unnamed = 0;
  let totalBytes = 0;
  const leave = (name: string, reason: string): void => {
    if (leftOut.length < LEFT_OUT_NAMED) leftOut.push({ path: shown(name), reason });
    else unnamed += 1;
  };
  /** Why a member is not kept; null for a file that is. */
  const refusal = (entry: TarEntry, path: string): string | null => {
    if (entry.kind === "symlink") return "a symbolic link";
    if (entry.kind === "hardlink") return "another name of a file (hard link)";
    if (files.has(path)) return "its name was there before";
    if (files.size >= limits.files) return `over ${limits.files} files`;
    if (entry.sizeBytes > limits.fileBytes) return `over ${limits.fileBytes} bytes`;
    if (totalBytes + entry.sizeBytes > limits.totalBytes) return `over ${limits.totalBytes} bytes with those before it`;
    return null;
  };
  let broken: string | null = null;
  try {
    const entries = readTar(capped(archive), {
      // A member that is too large is passed over, not kept: the bytes of the archive are limited instead.
      limits: { entries: ENTRIES, fileBytes: ARCHIVE_BYTES, totalBytes: ARCHIVE_BYTES, pathBytes: PATH_BYTES },
      onUnwanted: leave,
    });
    for await (const entry of entries) {
      if (!entry.path.startsWith(`${ARTIFACTS_DIR}/`)) {
        if (entry.path !== ARTIFACTS_DIR) leave(entry.path, "not below out");
        else if (entry.kind !== "directory") leave(".", `out is a ${entry.kind}, not a directory`);
        continue;
      }
      if (entry.kind === "directory") continue;
      const path = entry.path.slice(ARTIFACTS_DIR.length + 1);
      const reason = refusal(entry, path);
      if (reason !== null) {
        leave(entry.path, reason);
        continue;
      }
      const content = await contentOf(entry);
      totalBytes += content.length;
      files.set(path, { path, content, sha256: createHash("sha256").update(content).digest("hex") });
    }
  } catch (error) {
    broken = `not all of out was read: ${(error as Error).message}`;
  }
  const more = unnamed === 0 ? null : `${unnamed} more were left out`;
  const notes = [broken, more].filter((note) => note !== null);
  return { files: [...files.values()], leftOut, incomplete: notes.length === 0 ? null : notes.join("; ") };
}

/** Where nothing could be collected. */
export function noArtifacts(reason: string): Artifacts {
  return { files: [], leftOut: [], incomplete: reason };
}
