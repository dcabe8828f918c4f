import { dirname, join } from "node:path";
import type { Host } from "../doctor/host.ts";

const COMMIT = /^[0-9a-f]{40,64}$/;

/**
 * The commit that the code below `directory` was checked out from; null outside of a Git checkout.
 * Reads Git's files (gitrepository-layout(5)) and starts nothing.
 */
export async function commitOf(host: Pick<Host, "read">, directory: string): Promise<string | null> {
  for (let place = directory; ; place = dirname(place)) {
    const git = join(place, ".git");
    const head = (await host.read(join(git, "HEAD")))?.trim();
    if (head !== undefined) return await resolve(host, git, head);
    if (place === dirname(place)) return null;
  }
}

async function resolve(host: Pick<Host, "read">, git: string, head: string): Promise<string | null> {
  if (COMMIT.test(head)) return head;
  const ref = /^ref: (refs\/[\w./-]+)$/.exec(head)?.[1];
  if (ref === undefined || ref.includes("..")) return null;
  const loose = (await host.read(join(git, ref)))?.trim() ?? "";
  if (COMMIT.test(loose)) return loose;
  const packed = (await host.read(join(git, "packed-refs"))) ?? "";
  const line = packed.split("\n").find((one) => one.endsWith(` ${ref}`));
  const commit = line?.split(" ")[0] ?? "";
  return COMMIT.test(commit) ? commit : null;
}
