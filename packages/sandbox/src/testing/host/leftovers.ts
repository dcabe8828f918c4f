/** What runs leave behind on the host: processes, mounts, cgroups, files, open descriptors. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** Names of everything that a run could leave, at one moment. */
export interface HostSnapshot {
  /** Descendants of this process: `pid:start time:name`. */
  readonly processes: ReadonlySet<string>;
  /** Lines of this process's mount table. */
  readonly mounts: ReadonlySet<string>;
  /** Directories below /sys/fs/cgroup with `crucible` in the name. */
  readonly cgroups: ReadonlySet<string>;
  /** Entries with `crucible` in the name of the directories where programs may write. */
  readonly files: ReadonlySet<string>;
}

const CGROUP_ROOT = "/sys/fs/cgroup";
const SHARED_DIRECTORIES = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock"];
/** Names that carry a process id, as `crucible-p123-…`, belong to that process; others may run beside this one. */
const OWNER = /(?:^|[^0-9A-Za-z])p(\d+)-/;

function isOurs(name: string): boolean {
  const owner = OWNER.exec(name)?.[1];
  return owner === undefined || Number(owner) === process.pid;
}

async function list(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly label: string;
}

async function processRow(pid: string): Promise<ProcessRow[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  // The name may hold spaces and parentheses, so fields count from the last parenthesis (proc(5)).
  const end = stat.lastIndexOf(")");
  if (end < 0) return [];
  const fields = stat.slice(end + 2).split(" ");
  const label = `${pid}:${fields[19]}:${stat.slice(stat.indexOf("(") + 1, end)}`;
  return [{ pid: Number(pid), parent: Number(fields[1]), label }];
}

async function descendants(): Promise<Set<string>> {
  const rows = (await Promise.all((await list("/proc")).filter((name) => /^\d+$/.test(name)).map(processRow))).flat();
  const family = new Set([process.pid]);
  const labels = new Set<string>();
  for (let grew = true; grew;) {
    grew = false;
    for (const row of rows) {
      if (!family.has(row.parent) || family.has(row.pid)) continue;
      family.add(row.pid);
      labels.add(row.label);
      grew = true;
    }
  }
  return labels;
}

async function crucibleCgroups(directory: string, depth: number): Promise<string[]> {
  if (depth === 0) return [];
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const nested = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map(async (entry) => {
        const path = join(directory, entry.name);
        const below = await crucibleCgroups(path, depth - 1);
        return path.includes("crucible") && isOurs(path) ? [path, ...below] : below;
      }),
  );
  return nested.flat();
}

async function crucibleFiles(): Promise<string[]> {
  const found = await Promise.all(
    SHARED_DIRECTORIES.map(async (directory) =>
      (await list(directory))
        .filter((name) => name.includes("crucible") && isOurs(name))
        .map((name) => join(directory, name)),
    ),
  );
  return found.flat();
}

/** Looks at the host now. */
export async function takeSnapshot(): Promise<HostSnapshot> {
  const [processes, mountTable, cgroups, files] = await Promise.all([
    descendants(),
    readFile("/proc/self/mountinfo", "utf8"),
    crucibleCgroups(CGROUP_ROOT, 6),
    crucibleFiles(),
  ]);
  return {
    processes,
    mounts: new Set(mountTable.trimEnd().split("\n")),
    cgroups: new Set(cgroups),
    files: new Set(files),
  };
}

/** What the later snapshot has and the earlier one has not. */
export function leftovers(before: HostSnapshot, after: HostSnapshot): string[] {
  const kinds = ["processes", "mounts", "cgroups", "files"] as const;
  return kinds.flatMap((kind) =>
    [...after[kind]].filter((name) => !before[kind].has(name)).map((name) => `${kind}: ${name}`),
  );
}

/** Whether a line of `leftovers` can only be of this process: mounts and files without its number may be anybody's. */
export function isSurelyOurs(line: string): boolean {
  return line.startsWith("processes: ") || OWNER.exec(line)?.[1] === `${process.pid}`;
}

/** Open file descriptors of this process. */
export async function openDescriptors(): Promise<number> {
  return (await list("/proc/self/fd")).length;
}

/**
 * Asks again until the answer is as wanted; gives the last answer when time is up.
 * The host finishes some of its own work (reaping, closing) a moment after a run is over.
 */
export async function settle<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, withinMs: number): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
