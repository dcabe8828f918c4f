import { chmodSync, closeSync, fstatSync, futimesSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Violation } from "../types.ts";
import { violation } from "./rules.ts";

/** The decoy credential file of one slot, on the host: sandboxes see it, and can change nothing about it. */
export interface DecoyFile extends Disposable {
  readonly path: string;
  /** Fills it for the next run, and forgets who has read it. Every content has the same length. Takes 15 µs. */
  fill(content: string): void;
  /** What there is to say of the run since; empty also where the file system does not tell. */
  seen(): Violation[];
}

/** Counts, as often as it is asked, whether the file was read since it was asked last. */
export function countReads(file: DecoyFile, content: string): () => number {
  let count = 0;
  file.fill(content);
  return () => {
    if (file.seen().length > 0) {
      count += 1;
      file.fill(content);
    }
    return count;
  };
}

/**
 * A file that knows whether it has been read: its access time is set to 1970, and the kernel sets it to the time of the
 * first read after that (relatime, mount(8)). Who may neither write nor own the file cannot put it back.
 * @throws Error when the file cannot be made.
 */
export function createDecoyFile(path: string): DecoyFile {
  const fd = openSync(path, "wx");
  const fill = (content: string): void => {
    writeSync(fd, content, 0);
    futimesSync(fd, 0, Date.now() / 1000);
  };
  const wasRead = (): boolean => fstatSync(fd).atimeMs !== 0;
  fill("x");
  chmodSync(path, 0o444);
  readFileSync(path);
  // On a file system that is mounted with noatime nobody is told.
  const tells = wasRead();
  return {
    path,
    fill,
    seen: () => (tells && wasRead() ? [violation("canary_read")] : []),
    [Symbol.dispose]: () => closeSync(fd),
  };
}
