import { mkdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  readKey,
  readNumber,
  readPids,
  rmdirInBackground,
  tryRmdir,
  tryWrite,
  write,
  writeInBackground,
} from "./files.ts";
import type { Hierarchy } from "./hierarchies.ts";
import type { GroupUsage, RunGroup } from "./types.ts";

/** Processor time is handed out in slices of this length. */
const CPU_PERIOD_US = 100_000;
/** A group that cannot be emptied in this time is reported, not waited for for ever. */
const DESTROY_DEADLINE_MS = 5_000;

interface Place {
  readonly dir: string;
  readonly hierarchy: Hierarchy;
}

/** v1 mounts hold the controllers they name; a v2 mount holds those handed down to us. */
const holds = (place: Place, controller: string): boolean => place.hierarchy.controllers.includes(controller);

function limitPlace(place: Place, memoryBytes: number, pids: number, cpus: number, isFirst: boolean): void {
  const quotaUs = Math.max(1_000, Math.round(cpus * CPU_PERIOD_US));
  const { dir } = place;
  if (place.hierarchy.version === 2) {
    if (holds(place, "memory")) {
      write(join(dir, "memory.max"), memoryBytes);
      tryWrite(join(dir, "memory.swap.max"), 0);
      tryWrite(join(dir, "memory.oom.group"), 1);
    }
    if (holds(place, "pids")) write(join(dir, "pids.max"), pids);
    if (holds(place, "cpu")) write(join(dir, "cpu.max"), `${quotaUs} ${CPU_PERIOD_US}`);
    return;
  }
  if (holds(place, "memory")) {
    // memory+swap must never be below memory: lowering goes swap last, raising goes swap first.
    const limit = join(dir, "memory.limit_in_bytes");
    const both = join(dir, "memory.memsw.limit_in_bytes");
    const isRaised = !isFirst && (readNumber(limit) ?? 0) < memoryBytes;
    if (isRaised) tryWrite(both, memoryBytes);
    write(limit, memoryBytes);
    if (!isRaised) tryWrite(both, memoryBytes);
  }
  if (holds(place, "pids")) write(join(dir, "pids.max"), pids);
  if (holds(place, "cpu")) {
    if (isFirst && readNumber(join(dir, "cpu.cfs_period_us")) !== CPU_PERIOD_US)
      write(join(dir, "cpu.cfs_period_us"), CPU_PERIOD_US);
    write(join(dir, "cpu.cfs_quota_us"), quotaUs);
  }
}

function cpuMsOf(places: readonly Place[]): number | null {
  const accounting = places.find((place) => place.hierarchy.version === 1 && holds(place, "cpuacct"));
  const ns = accounting === undefined ? null : readNumber(join(accounting.dir, "cpuacct.usage"));
  if (ns !== null) return ns / 1e6;
  const unified = places.find((place) => place.hierarchy.version === 2);
  const usec = unified === undefined ? null : readKey(join(unified.dir, "cpu.stat"), "usage_usec");
  return usec === null ? null : usec / 1_000;
}

function tmpfsBytesOf(places: readonly Place[]): number | null {
  const place = places.find((one) => holds(one, "memory"));
  return place === undefined ? null : readKey(join(place.dir, "memory.stat"), "shmem");
}

function usageOf(places: readonly Place[]): GroupUsage {
  let peakMemoryBytes: number | null = null;
  let oomKills = 0;
  let refusedForks = 0;
  for (const place of places) {
    const at = (file: string): string => join(place.dir, file);
    const isV2 = place.hierarchy.version === 2;
    if (holds(place, "memory")) {
      peakMemoryBytes = readNumber(at(isV2 ? "memory.peak" : "memory.max_usage_in_bytes"));
      oomKills += readKey(at(isV2 ? "memory.events" : "memory.oom_control"), "oom_kill") ?? 0;
    }
    if (holds(place, "pids")) refusedForks += readKey(at("pids.events"), "max") ?? 0;
  }
  return { cpuMs: cpuMsOf(places), peakMemoryBytes, oomKills, refusedForks };
}

/** Processes need processor time to die: under a small quota a killed fork bomb would take half a minute. */
function liftQuota(place: Place): void {
  if (place.hierarchy.version === 2) tryWrite(join(place.dir, "cpu.max"), `max ${CPU_PERIOD_US}`);
  else tryWrite(join(place.dir, "cpu.cfs_quota_us"), -1);
}

function killAll(places: readonly Place[]): number {
  let left = 0;
  if (places.some((place) => readPids(join(place.dir, "cgroup.procs")).length > 0)) places.forEach(liftQuota);
  for (const place of places) {
    if (place.hierarchy.version === 2) tryWrite(join(place.dir, "cgroup.kill"), 1);
    for (const pid of readPids(join(place.dir, "cgroup.procs"))) {
      left += 1;
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself in between.
      }
    }
  }
  return left;
}

/** Kills what is inside, then removes the directories; tries again while processes are still dying. */
async function destroyPlaces(places: readonly Place[]): Promise<void> {
  // Most are empty, and a directory with a process in it cannot be removed.
  const removed = await Promise.all(places.map((place) => rmdirInBackground(place.dir)));
  if (!removed.includes(false)) return;
  const deadline = performance.now() + DESTROY_DEADLINE_MS;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    const left = killAll(places);
    if (left === 0 && places.every((place) => tryRmdir(place.dir))) return;
    if (performance.now() > deadline) {
      throw new Error(
        `control group not empty after ${DESTROY_DEADLINE_MS} ms: ${places.map((p) => p.dir).join(", ")}`,
      );
    }
    await delay(waitMs);
  }
}

/** Makes the run's directory in every hierarchy. */
export function createGroup(parents: readonly Place[], name: string): RunGroup {
  const places: Place[] = [];
  try {
    for (const parent of parents) {
      const dir = join(parent.dir, name);
      mkdirSync(dir);
      places.push({ dir, hierarchy: parent.hierarchy });
    }
  } catch (error) {
    for (const place of places) tryRmdir(place.dir);
    throw error;
  }
  return groupIn(places);
}

/** The same on pool threads: longer, but nobody else waits for it. */
export async function createGroupInBackground(parents: readonly Place[], name: string): Promise<RunGroup> {
  const places = parents.map(({ dir, hierarchy }): Place => ({ dir: join(dir, name), hierarchy }));
  const made = await Promise.allSettled(places.map((place) => mkdir(place.dir)));
  const failed = made.find((one) => one.status === "rejected");
  if (failed === undefined) return groupIn(places);
  for (const [index, one] of made.entries()) {
    if (one.status === "fulfilled") tryRmdir(places[index]?.dir ?? "");
  }
  throw failed.reason;
}

function groupIn(places: readonly Place[]): RunGroup {
  let isFirst = true;
  let current = "";
  return {
    add: async (pid) => {
      await Promise.all(places.map((place) => writeInBackground(join(place.dir, "cgroup.procs"), pid)));
    },
    limit: ({ memoryBytes, pids, cpus }) => {
      const wanted = `${memoryBytes} ${pids} ${cpus}`;
      if (wanted === current) return;
      current = "";
      for (const place of places) limitPlace(place, memoryBytes, pids, cpus, isFirst);
      isFirst = false;
      current = wanted;
    },
    usage: () => usageOf(places),
    cpuMs: () => cpuMsOf(places),
    tmpfsBytes: () => tmpfsBytesOf(places),
    resetPeak: () => {
      for (const place of places) {
        if (place.hierarchy.version === 1 && holds(place, "memory"))
          tryWrite(join(place.dir, "memory.max_usage_in_bytes"), 0);
      }
    },
    kill: () => {
      killAll(places);
    },
    pids: () => [...new Set(places.flatMap((place) => readPids(join(place.dir, "cgroup.procs"))))],
    destroy: () => destroyPlaces(places),
  };
}

/** For the clean-up of another instance's leftovers. */
export function destroyDirectories(dirs: readonly string[], version: 1 | 2): Promise<void> {
  return destroyPlaces(dirs.map((dir) => ({ dir, hierarchy: { version, controllers: [], base: dir } })));
}
