import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { INSIDE, writeEtc } from "../bubblewrap/layout.ts";
import { SHELL } from "../launcher/shell.ts";
import { bindMount } from "./config.ts";
import type { OciMount } from "./config.ts";
import { OCI_INSIDE } from "./inside.ts";
import { insideRoot } from "./inside-root.ts";

/** A root directory to start from, and what is mounted on it. */
export interface Rootfs {
  readonly dir: string;
  readonly mounts: readonly OciMount[];
}

const PREPARED_SOURCE = new URL("prepared.py", import.meta.url);
const PROGRAM_SOURCE = new URL("../template/program.py", import.meta.url);
const AGENT_SOURCE = new URL("../session/agent.py", import.meta.url);
const SYSTEM_DIRS = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

function directory(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

/** What programs expect in /dev; the nodes themselves are mounted on empty files. */
function writeDev(dir: string, hasTerminals: boolean): void {
  directory(dir);
  for (const name of ["null", "zero", "full", "urandom"]) writeFileSync(join(dir, name), "");
  if (hasTerminals) {
    writeFileSync(join(dir, "tty"), "");
    directory(join(dir, "pts"));
    symlinkSync("pts/ptmx", join(dir, "ptmx"));
  }
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
function writeLauncher(path: string, shell: string, hasOwnKernel: boolean): void {
  copyFileSync(shell, path);
  chmodSync(path, hasOwnKernel ? 0o755 : 0o111);
}

/** Our own part of every root: mount points, devices, the launcher. */
function writeOwn(dir: string, shell: string, hasOwnKernel: boolean): void {
  for (const name of ["proc", "box", "run/crucible", "crucible"]) directory(join(dir, name));
  directory(dir);
  if (hasOwnKernel) {
    directory(join(dir, "dev"));
    directory(join(dir, "tmp"));
  } else {
    writeDev(join(dir, "dev"), false);
    writeDev(join(dir, OCI_INSIDE.terminalDev), true);
    symlinkSync(INSIDE.tmp, join(dir, "tmp"));
  }
  directory(join(dir, dirname(INSIDE.decoy)));
  writeFileSync(join(dir, INSIDE.decoy), "");
  writeLauncher(join(dir, OCI_INSIDE.shell), shell, hasOwnKernel);
  writeFileSync(join(dir, OCI_INSIDE.node), "");
  for (const [source, path] of [
    [PREPARED_SOURCE, OCI_INSIDE.prepared],
    [PROGRAM_SOURCE, OCI_INSIDE.program],
    [AGENT_SOURCE, OCI_INSIDE.agent],
  ] as const) {
    copyFileSync(source, join(dir, path));
    chmodSync(join(dir, path), 0o644);
  }
}

/**
 * Makes a root with nothing in it but our own part and a small /etc; the host's system directories are mounted on it
 * read-only. Every sandbox of an engine shares it, and none can write to it.
 */
export function writeHostRootfs(dir: string, hasOwnKernel: boolean): Rootfs {
  for (const name of ["usr", "var"]) directory(join(dir, name));
  writeOwn(dir, SHELL, hasOwnKernel);
  symlinkSync("/tmp", join(dir, "var/tmp"));
  writeEtc(join(dir, "etc"));
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

/** What every sandbox makes for itself, whatever the system has there. */
const OWN_NAMES = ["box", "crucible", "dev", "proc", "run", "sys", "tmp"];

/**
 * The same for a system of the operator's in `system`: its directories are mounted on the root read-only, and nothing
 * is written to it.
 * @throws Error naming what the system lacks.
 */
export function writeGivenRootfs(dir: string, system: string, hasOwnKernel: boolean): Rootfs {
  const source = realpathSync(system);
  // Programs would see the host's secrets.
  if (source === "/") throw new Error("the host's own root cannot be the root file system");
  const shell = insideRoot(source, "/bin/sh");
  if (shell === null) throw new Error(`${system} has no /bin/sh`);
  writeOwn(dir, shell, hasOwnKernel);
  const mounts: OciMount[] = [];
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (OWN_NAMES.includes(entry.name)) continue;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join(source, entry.name)), join(dir, entry.name));
    else if (entry.isDirectory()) {
      directory(join(dir, entry.name));
      mounts.push(bindMount(join(source, entry.name), `/${entry.name}`));
    }
  }
  return { dir, mounts };
}
