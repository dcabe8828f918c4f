import { chmodSync, copyFileSync } from "node:fs";
import { runTool } from "../process/spawn.ts";
import type { ScriptOptions } from "./script.ts";

export const SHELL = "/bin/sh";

/**
 * Copies the shell to a file that can be executed and not read. The kernel makes such a process undumpable
 * (fs/exec.c, would_dump): no other process of its user can open its memory or its descriptors in /proc, so
 * the program cannot take over the launcher.
 */
export function writeSealedShell(path: string): void {
  copyFileSync(SHELL, path);
  chmodSync(path, 0o111);
}

/** How this host's /bin/sh spells its limits: dash takes `-p`, bash and busybox `-u`; all count 512-byte blocks as `sh`. */
export async function probeShell(): Promise<Pick<ScriptOptions, "processFlag">> {
  const dash = await runTool(SHELL, ["-c", "ulimit -p 1000 2>/dev/null && ulimit -p"], 5_000);
  return { processFlag: dash.stdout.trim() === "1000" ? "-p" : "-u" };
}
