import { chmodSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createDecoyFile } from "../behaviour/decoy-file.ts";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import { INSIDE } from "../bubblewrap/layout.ts";
import type { TarMember } from "../tar/write.ts";
import type { OciMount } from "./config.ts";

/** One decoy file for each set of host ids, below a directory that other users may only pass through. */
export function createDecoyFiles(dir: string, count: number, stack: DisposableStack): DecoyFile[] {
  mkdirSync(dir);
  chmodSync(dir, 0o711);
  return Array.from({ length: count }, (_, index) => stack.use(createDecoyFile(join(dir, String(index)))));
}

/**
 * Shows a decoy file: root's, so that the program can change nothing about it, and on a mount that is writable, so that
 * the kernel notes who reads it.
 */
export const decoyMounts = (decoy: DecoyFile | undefined): OciMount[] =>
  decoy === undefined
    ? []
    : [
        {
          destination: INSIDE.decoy,
          type: "bind",
          source: decoy.path,
          options: ["bind", "nosuid", "nodev", "noexec"],
        },
      ];

/** The link to it, where programs look. */
export const DECOY_LINK: readonly TarMember[] = [
  { kind: "directory", path: dirname(`home/${DECOY_IN_HOME}`) },
  { kind: "symlink", path: `home/${DECOY_IN_HOME}`, linkPath: INSIDE.decoy },
];
