import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { instanceName, isAbandoned } from "../process/instance.ts";
import { tryRmdir, tryWrite } from "./files.ts";
import { createGroup, createGroupInBackground, destroyDirectories } from "./group.ts";
import { findHierarchies } from "./hierarchies.ts";
import type { CgroupFiles, Hierarchy } from "./hierarchies.ts";
import type { CgroupBelts, CgroupHost } from "./types.ts";

const ROOT_NAME = "crucible";
const USED_CONTROLLERS = ["memory", "pids", "cpu", "cpuacct"];

const isUseful = (hierarchy: Hierarchy): boolean =>
  hierarchy.version === 2 || hierarchy.controllers.some((name) => USED_CONTROLLERS.includes(name));

function describe(hierarchies: readonly Hierarchy[]): CgroupBelts {
  const has = (name: string): boolean => hierarchies.some((hierarchy) => hierarchy.controllers.includes(name));
  const v2 = hierarchies.some((hierarchy) => hierarchy.version === 2);
  const versions = [...new Set(hierarchies.map((hierarchy) => `v${hierarchy.version}`))].toSorted().join(" + ");
  const names = USED_CONTROLLERS.filter(has).join(", ");
  return {
    memory: has("memory"),
    pids: has("pids"),
    cpu: has("cpu"),
    cpuUsage: v2 || has("cpuacct"),
    kill: v2,
    detail:
      hierarchies.length === 0
        ? "no control group that this user may create groups in; rlimits only"
        : `cgroup ${versions} (${names === "" ? "no limiting controller" : names})`,
  };
}

/** On v2, hands the controllers that are there down to our own subtree. */
function handDown(dir: string, controllers: readonly string[]): string[] {
  return controllers.filter((name) => tryWrite(join(dir, "cgroup.subtree_control"), `+${name}`));
}

/** Another instance may remove the (empty) parent between its making and ours: then once more. */
function makeDirectory(dir: string): boolean {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    try {
      mkdirSync(dir, { recursive: true });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") return false;
    }
  }
  return false;
}

/**
 * Opens the host's control groups for this process: `…/crucible/<instance>/` in every usable tree.
 * Where there are none, `create` is never called and `belts` says why.
 */
export function openCgroups(files?: CgroupFiles): CgroupHost {
  const name = instanceName();
  const usable: Hierarchy[] = [];
  const parents: { dir: string; hierarchy: Hierarchy }[] = [];
  const found = findHierarchies(files).filter(isUseful);
  // The unified tree counts processor time too, and every tree costs a run a directory.
  const isSpare = ({ controllers }: Hierarchy): boolean =>
    found.some(({ version }) => version === 2) && controllers.every((name) => name === "cpuacct");
  for (const hierarchy of found.filter((one) => one.version === 2 || !isSpare(one))) {
    const root = join(hierarchy.base, ROOT_NAME);
    const dir = join(root, name);
    if (!makeDirectory(dir)) continue;
    let own = hierarchy;
    if (hierarchy.version === 2) {
      const wanted = hierarchy.controllers.filter((name) => USED_CONTROLLERS.includes(name));
      own = { ...hierarchy, controllers: handDown(dir, handDown(root, wanted)) };
    }
    usable.push(own);
    parents.push({ dir, hierarchy: own });
  }
  return {
    belts: describe(usable),
    usable: usable.length > 0,
    create: (name) => createGroup(parents, name),
    createInBackground: (name) => createGroupInBackground(parents, name),
    [Symbol.dispose]: () => {
      for (const parent of parents) {
        tryRmdir(parent.dir);
        tryRmdir(join(parent.dir, ".."));
      }
    },
  };
}

/**
 * Ends and removes groups that a runtime made by itself: directly in a tree, whichever its controllers, and called
 * `<prefix><instance>-…` after the instance that had it run. Returns the removed directories.
 */
export async function sweepRuntimeGroups(prefix: string, files?: CgroupFiles): Promise<string[]> {
  const removed: string[] = [];
  for (const { base, version } of findHierarchies(files)) {
    const left = readdirSync(base).filter(
      (name) => name.startsWith(prefix) && isAbandoned(name.slice(prefix.length).split("-").slice(0, 4).join("-")),
    );
    if (left.length === 0) continue;
    const dirs = left.map((name) => join(base, name));
    await destroyDirectories(dirs, version);
    removed.push(...dirs);
  }
  return removed;
}

/** Ends and removes what instances that no longer live have left. Returns the removed directories. */
export async function sweepCgroups(files?: CgroupFiles): Promise<string[]> {
  const removed: string[] = [];
  for (const hierarchy of findHierarchies(files).filter(isUseful)) {
    const root = join(hierarchy.base, ROOT_NAME);
    let names: string[];
    try {
      names = readdirSync(root).filter(isAbandoned);
    } catch {
      continue;
    }
    for (const name of names) {
      const instance = join(root, name);
      const runs = readdirSync(instance, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => join(instance, entry.name));
      await destroyDirectories(runs, hierarchy.version);
      tryRmdir(instance);
      removed.push(...runs, instance);
    }
    tryRmdir(root);
  }
  return removed;
}
