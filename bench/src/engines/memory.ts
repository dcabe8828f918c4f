import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** What waits is settled when two looks this far apart see the same processes. */
const LOOK_MS = 500;
const MOST_LOOKS = 40;

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Proportional set size: a page that several processes share counts by parts (proc(5), smaps_rollup); 0 when gone. */
function pssOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Bytes of all processes below this one, once no more come or go; null where that does not end. */
export async function idleBytes(): Promise<number | null> {
  let seen = "";
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const pids = descendantsOf(process.pid);
    const now = pids.toSorted((a, b) => a - b).join(" ");
    if (now === seen) return pids.reduce((sum, pid) => sum + pssOf(pid), 0);
    seen = now;
    await delay(LOOK_MS);
  }
  return null;
}
