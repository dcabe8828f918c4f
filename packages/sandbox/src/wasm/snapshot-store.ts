import { createHash, randomBytes } from "node:crypto";
import { constants, createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** Python's snapshot has 31 MB; a file of more is none. */
export const SNAPSHOT_BYTES = 64 * 1024 * 1024;
/** Kept for other versions than the one that was written last. */
const OTHERS_KEPT = 1;
/** A file that is being written is not removed as a leftover before. */
const LEFTOVER_MS = 10 * 60_000;

const MAGIC = Buffer.from("crucible wasm snapshot 1\n");
const DIGEST_BYTES = 32;
const HEAD_BYTES = MAGIC.length + DIGEST_BYTES;
const OWN_FILE = /^python-[0-9a-f]{64}\.snapshot$/;
const OWN_TEMPORARY = /^\.python-[0-9a-f]{16}\.writing$/;

/** Snapshots that outlive the process, by key. Whatever is wrong with one or with the place: it is not there. */
export interface SnapshotStore {
  /** Copies it to `path`, whole and with the right digest; else false, and nothing is left at `path`. */
  load(key: string, path: string): Promise<boolean>;
  /** Keeps a copy of `path` and removes what is too much. False where it cannot be kept. */
  save(key: string, path: string): Promise<boolean>;
}

/** Of the key too: the file of another version does not become this one's by its name. */
const digestOf = (key: string): ReturnType<typeof createHash> => createHash("sha256").update(`${key}\n`);

/** Nobody but this process's user (and root) may have written it. */
const isOurs = (info: { readonly uid: number; readonly mode: number }): boolean =>
  (process.getuid === undefined || info.uid === process.getuid()) && (info.mode & 0o022) === 0;

/**
 * A store in a directory of its own, which is made (mode 0700) when it is not there. Who can write there is who runs
 * Crucible, and root: what another user owns or may write is not read. The digest finds what a full disk, a crash or
 * an editor has done; it does not stop the owner, who could as well change the interpreter.
 */
export function createSnapshotStore(dir: string): SnapshotStore {
  const fileOf = (key: string): string =>
    join(dir, `python-${createHash("sha256").update(key).digest("hex")}.snapshot`);

  /** Open, and looked at through the descriptor: nobody can put another file in its place in between. */
  const openOurs = async (path: string): Promise<{ readonly file: FileHandle; readonly bytes: number } | null> => {
    const place = await lstat(dir);
    if (!place.isDirectory() || !isOurs(place)) return null;
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const info = await file.stat();
    if (info.isFile() && isOurs(info) && info.size > HEAD_BYTES && info.size <= SNAPSHOT_BYTES + HEAD_BYTES)
      return { file, bytes: info.size };
    await file.close();
    return null;
  };
  const load = async (key: string, path: string): Promise<boolean> => {
    const opened = await openOurs(fileOf(key));
    if (opened === null) return false;
    const { file, bytes } = opened;
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      await file.read(head, 0, HEAD_BYTES, 0);
      if (!head.subarray(0, MAGIC.length).equals(MAGIC)) return false;
      const digest = digestOf(key);
      // What is checked is what is written, and what is used is the copy: the file may change while it is read.
      await pipeline(
        file.createReadStream({ start: HEAD_BYTES, end: bytes - 1, autoClose: false }),
        async function* (pieces: AsyncIterable<Buffer>) {
          for await (const piece of pieces) {
            digest.update(piece);
            yield piece;
          }
        },
        createWriteStream(path, { flags: "wx", mode: 0o600 }),
      );
      return digest.digest().equals(head.subarray(MAGIC.length));
    } finally {
      await file.close();
    }
  };
  const save = async (key: string, path: string): Promise<boolean> => {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const place = await lstat(dir);
    if (!place.isDirectory() || !isOurs(place)) return false;
    if ((await stat(path)).size > SNAPSHOT_BYTES) return false;
    const digest = digestOf(key);
    for await (const piece of createReadStream(path)) digest.update(piece as Buffer);
    const temporary = join(dir, `.python-${randomBytes(8).toString("hex")}.writing`);
    try {
      const sum = digest.digest();
      await pipeline(
        async function* () {
          yield Buffer.concat([MAGIC, sum]);
          yield* createReadStream(path);
        },
        createWriteStream(temporary, { flags: "wx", mode: 0o600 }),
      );
      await rename(temporary, fileOf(key));
    } finally {
      await rm(temporary, { force: true });
    }
    await prune(dir, fileOf(key));
    return true;
  };
  return {
    load: async (key, path) => {
      const isWhole = await load(key, path).catch(() => false);
      if (!isWhole) await rm(path, { force: true });
      return isWhole;
    },
    save: (key, path) => save(key, path).catch(() => false),
  };
}

/** Removes what other versions and broken-off writers have left; the newest of the others stay. */
async function prune(dir: string, current: string): Promise<void> {
  const files = await Promise.all(
    (await readdir(dir))
      .filter((name) => OWN_FILE.test(name) || OWN_TEMPORARY.test(name))
      .map((name) => join(dir, name))
      .filter((path) => path !== current)
      .map(async (path) => ({ path, isWhole: path.endsWith(".snapshot"), at: (await lstat(path)).mtimeMs })),
  );
  const others = files.filter(({ isWhole }) => isWhole).toSorted((a, b) => b.at - a.at);
  const leftovers = files.filter(({ isWhole, at }) => !isWhole && at < Date.now() - LEFTOVER_MS);
  await Promise.all([...others.slice(OTHERS_KEPT), ...leftovers].map(({ path }) => rm(path, { force: true })));
}
