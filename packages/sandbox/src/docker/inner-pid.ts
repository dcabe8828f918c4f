import { readFileSync } from "node:fs";
import { findNsenter } from "../process/listen-inside.ts";
import type { DockerApi } from "./api.ts";

/**
 * Whether this process of this host is one of that container. A daemon may count in another machine's or namespace's
 * numbers; its container's mounts (of /etc/hostname and its like) have the container's id in their sources, which is
 * 256 random bits.
 */
export function isOfContainer(pid: number, id: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(`/${id}/`);
  } catch {
    return false;
  }
}

/** The container's first process where this host sees it and may enter its namespaces; else null. */
export async function pidHere(api: DockerApi, id: string, signal: AbortSignal): Promise<number | null> {
  if (process.getuid?.() !== 0 || findNsenter() === null) return null;
  const { pid } = await api.state(id, signal);
  return pid > 1 && isOfContainer(pid, id) ? pid : null;
}

/** Ends the container by its first process, and so all of it; false where that process is not, or no longer, there. */
export function killHere(pid: number, id: string): boolean {
  try {
    return isOfContainer(pid, id) && process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
