import { readdirSync, readFileSync } from "node:fs";

/** Host pids of a process's children, whichever of its threads started them (proc(5), CONFIG_PROC_CHILDREN). */
export function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** All descendants of a process, at this moment. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Kills `pid` only while it is still a child of `parent`: a number that was given up may be another's by now. */
export function killChildOf(parent: number, pid: number): boolean {
  if (!childrenOf(parent).includes(pid)) return false;
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
