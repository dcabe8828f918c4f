import { chmodSync, copyFileSync, lstatSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { INSIDE, writeEtc } from "../bubblewrap/layout.ts";
import { SHELL, writeSealedShell } from "../launcher/shell.ts";
import { bindMount } from "./config.ts";
import type { OciMount } from "./config.ts";

/** Where our own things are inside: in the root itself, so that they cost no mount. */
export const OCI_INSIDE = {
  dir: "/crucible",
  shell: "/crucible/launcher",
  node: "/crucible/node",
  /** Where gVisor's launcher mounts the group that counts processes. */
  pids: "/run/crucible",
} as const;

/** A root directory to start from, and what is mounted on it. */
export interface Rootfs {
  readonly dir: string;
  readonly mounts: readonly OciMount[];
}

const SYSTEM_DIRS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

function directory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

/** What programs expect in /dev; the nodes themselves are mounted on empty files. */
function writeDev(dir: string): void {
  directory(dir);
  for (const name of ["null", "zero", "full", "urandom"]) writeFileSync(join(dir, name), "");
  symlinkSync("urandom", join(dir, "random"));
  symlinkSync("/proc/self/fd", join(dir, "fd"));
  symlinkSync("/proc/self/fd/0", join(dir, "stdin"));
  symlinkSync("/proc/self/fd/1", join(dir, "stdout"));
  symlinkSync("/proc/self/fd/2", join(dir, "stderr"));
  symlinkSync(INSIDE.shm, join(dir, "shm"));
}

/**
 * gVisor's kernel has to read what it starts, and keeps its launcher safe from the program by another user. On the
 * host's kernel both have one user, and being unreadable is what keeps the launcher safe.
 */
function writeLauncher(path: string, hasOwnKernel: boolean): void {
  if (!hasOwnKernel) return writeSealedShell(path);
  copyFileSync(SHELL, path);
  chmodSync(path, 0o755);
}

/**
 * Makes a root with nothing in it but mount points, our launcher and a small /etc; the host's system directories
 * are mounted on it read-only. Every sandbox of an engine shares it, and none can write to it.
 */
export function writeHostRootfs(dir: string, hasOwnKernel: boolean): Rootfs {
  for (const name of ["usr", "proc", "box", "var", "run/crucible", "crucible"]) directory(join(dir, name));
  directory(dir);
  if (hasOwnKernel) {
    directory(join(dir, "dev"));
    directory(join(dir, "tmp"));
  } else {
    writeDev(join(dir, "dev"));
    symlinkSync(INSIDE.tmp, join(dir, "tmp"));
  }
  symlinkSync("/tmp", join(dir, "var/tmp"));
  writeEtc(join(dir, "etc"));
  writeLauncher(join(dir, OCI_INSIDE.shell), hasOwnKernel);
  writeFileSync(join(dir, OCI_INSIDE.node), "");
  const mounts = [bindMount("/usr", "/usr")];
  for (const path of SYSTEM_DIRS) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) symlinkSync(readlinkSync(path), join(dir, basename(path)));
    else if (stat?.isDirectory() === true) {
      directory(join(dir, basename(path)));
      mounts.push(bindMount(path, path));
    }
  }
  return { dir, mounts };
}
