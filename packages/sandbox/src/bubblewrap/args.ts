import { dirname } from "node:path";
import type { SourceFile } from "../types.ts";
import { BASE_ENV, INSIDE, INSIDE_UID, systemDirs } from "./layout.ts";

/** What is the same for every run of an engine. */
export interface SharedArgs {
  /** Namespaces, identity, environment, read-only directories. */
  readonly before: readonly string[];
  /** Seals the root after the writable part is in place. */
  readonly after: readonly string[];
}

/** Device nodes that ordinary programs open; no tty, no pts. Each bind costs about 0.1 ms. */
const DEVICES = ["null", "zero", "full", "urandom"];

/**
 * /dev is made by hand, not with `--dev`: that one is a tmpfs without a size, and brings /dev/shm,
 * a terminal and pseudo-terminals.
 */
export function sharedArgs(etcDir: string): SharedArgs {
  const env = Object.entries(BASE_ENV).flatMap(([name, value]) => ["--setenv", name, value]);
  const devices = DEVICES.flatMap((name) => ["--dev-bind", `/dev/${name}`, `/dev/${name}`]);
  return {
    before: [
      ...["user", "pid", "net", "ipc", "uts", "cgroup"].map((namespace) => `--unshare-${namespace}`),
      "--disable-userns",
      ...["--uid", `${INSIDE_UID}`, "--gid", `${INSIDE_UID}`],
      ...["--hostname", "sandbox"],
      "--die-with-parent",
      "--new-session",
      "--as-pid-1",
      ...["--cap-drop", "ALL"],
      "--clearenv",
      ...env,
      ...systemDirs(),
      ...["--ro-bind", etcDir, "/etc"],
      ...["--proc", "/proc"],
      ...["--perms", "0755", "--dir", "/dev"],
      ...devices,
      ...["--symlink", "urandom", "/dev/random"],
      ...["--symlink", "/proc/self/fd", "/dev/fd"],
      ...["--symlink", "/proc/self/fd/0", "/dev/stdin"],
      ...["--symlink", "/proc/self/fd/1", "/dev/stdout"],
      ...["--symlink", "/proc/self/fd/2", "/dev/stderr"],
      ...["--symlink", INSIDE.shm, "/dev/shm"],
      ...["--symlink", INSIDE.tmp, "/tmp"],
      ...["--perms", "0755", "--dir", "/var", "--symlink", `..${INSIDE.tmp}`, "/var/tmp"],
      ...["--dir", "/run"],
    ],
    after: ["--remount-ro", "/", "--chdir", INSIDE.cwd],
  };
}

/**
 * The writable tmpfs, sized by the disk limit plus what we put there ourselves.
 * bwrap fills it from pipes, while it is still outside the run's control group.
 */
export function boxArgs(diskBytes: number, givenBytes: number): string[] {
  const sizeBytes = diskBytes + givenBytes;
  return [
    ...["--size", `${sizeBytes}`, "--perms", "0755", "--tmpfs", INSIDE.box],
    ...["--dir", INSIDE.cwd, "--dir", INSIDE.build, "--dir", INSIDE.home],
    ...["--perms", "1777", "--dir", INSIDE.tmp, "--perms", "1777", "--dir", INSIDE.shm],
  ];
}

/** Directories between the working directory and each file, parents first. */
export function parentDirs(files: readonly SourceFile[]): string[] {
  const dirs = new Set<string>();
  for (const { path } of files) {
    const chain: string[] = [];
    for (let dir = dirname(path); dir !== "."; dir = dirname(dir)) chain.unshift(dir);
    for (const dir of chain) dirs.add(dir);
  }
  return [...dirs];
}
