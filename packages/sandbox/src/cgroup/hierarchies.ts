import { accessSync, constants, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";

/** A mounted control-group tree and the place in it that belongs to this process. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** v1: the controllers mounted here; v2: those that our children may use. */
  readonly controllers: readonly string[];
  /** Existing directory below which groups of ours are made. */
  readonly base: string;
}

/** Where cgroup(7) keeps the facts; a test gives another place. */
export interface CgroupFiles {
  readonly mountinfo: string;
  readonly selfCgroup: string;
}
export const HOST_FILES: CgroupFiles = { mountinfo: "/proc/self/mountinfo", selfCgroup: "/proc/self/cgroup" };

interface Mount {
  readonly version: 1 | 2;
  readonly point: string;
  readonly root: string;
  readonly controllers: readonly string[];
}

/** proc(5), mountinfo: `id parent dev root point options - fstype source superOptions`. */
function cgroupMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined) continue;
    const [, , , root, point] = left.split(" ");
    const [fstype, , options] = right.split(" ");
    if (root === undefined || point === undefined) continue;
    if (fstype === "cgroup2") mounts.push({ version: 2, point, root, controllers: [] });
    if (fstype === "cgroup") mounts.push({ version: 1, point, root, controllers: (options ?? "").split(",") });
  }
  return mounts;
}

/** Our own path in each tree, by controller; v2 has the empty name. */
function ownPaths(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, names, ...rest] = line.split(":");
    if (names === undefined) continue;
    for (const name of names.split(",")) paths.set(name, rest.join(":"));
  }
  return paths;
}

function canMakeGroups(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    const probe = join(dir, `crucible-probe-${process.pid}`);
    mkdirSync(probe);
    rmdirSync(probe);
    return true;
  } catch {
    return false;
  }
}

function readWords(path: string): string[] {
  try {
    return readFileSync(path, "utf8").trim().split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

/**
 * Trees in which this process may make groups. Ours sit below the group this process is already in, so
 * that a container's own limits keep holding; on v2, where a group with processes cannot hand controllers
 * to its children (cgroup-v2.rst, "no internal process constraint"), they sit at the root of the mount.
 */
export function findHierarchies(files: CgroupFiles = HOST_FILES): Hierarchy[] {
  let mountinfo: string;
  let own: Map<string, string>;
  try {
    mountinfo = readFileSync(files.mountinfo, "utf8");
    own = ownPaths(readFileSync(files.selfCgroup, "utf8"));
  } catch {
    return [];
  }
  const found: Hierarchy[] = [];
  for (const mount of cgroupMounts(mountinfo)) {
    if (mount.version === 2) {
      const candidates = [mount.point, join(mount.point, own.get("") ?? "/")];
      const base = candidates.find(canMakeGroups);
      if (base !== undefined) {
        found.push({ version: 2, base, controllers: readWords(join(base, "cgroup.subtree_control")) });
      }
      continue;
    }
    const name = mount.controllers.find((controller) => own.has(controller));
    if (name === undefined) continue;
    const path = own.get(name) ?? "/";
    const below = path.startsWith(mount.root) ? path.slice(mount.root === "/" ? 0 : mount.root.length) : path;
    const base = join(mount.point, below);
    if (canMakeGroups(base)) found.push({ version: 1, base, controllers: mount.controllers });
  }
  return found;
}
