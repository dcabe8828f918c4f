import { runTool } from "../process/spawn.ts";
import type { ScriptOptions } from "./script.ts";

export const SHELL = "/bin/sh";

/** How this host's /bin/sh spells its limits: dash takes `-p`, bash and busybox `-u`; all count 512-byte blocks as `sh`. */
export async function probeShell(): Promise<Pick<ScriptOptions, "processFlag">> {
  const dash = await runTool(SHELL, ["-c", "ulimit -p 1000 2>/dev/null && ulimit -p"], 5_000);
  return { processFlag: dash.stdout.trim() === "1000" ? "-p" : "-u" };
}
