import { chmodSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { violation } from "./rules.ts";
import type { Violation } from "../types.ts";

/** The decoy credential file of one slot, on the host: sandboxes see it, and can change nothing about it. */
export interface DecoyFile {
  readonly path: string;
  /** Fills it for the next run, and forgets who has read it. */
  fill(content: string): void;
  /** What there is to say of the run since; empty also where the file system does not tell. */
  seen(): Violation[];
}

const BEFORE_ALL = new Date(0);

/**
 * A file that knows whether it has been read: its access time is set to 1970, and the kernel sets it to the time of the
 * first read after that (relatime, mount(8)). Who may neither write nor own the file cannot put it back.
 * @throws Error when the file cannot be made.
 */
export function createDecoyFile(path: string): DecoyFile {
  const fill = (content: string): void => {
    writeFileSync(path, content, { mode: 0o444 });
    utimesSync(path, BEFORE_ALL, new Date());
  };
  const wasRead = (): boolean => statSync(path).atimeMs !== 0;
  fill("x");
  chmodSync(path, 0o444);
  readFileSync(path);
  // On a file system that is mounted with noatime nobody is told.
  const tells = wasRead();
  return { path, fill, seen: () => (tells && wasRead() ? [violation("canary_read")] : []) };
}
