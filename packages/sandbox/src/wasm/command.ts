import { readFileSync } from "node:fs";
import { SHELL } from "../launcher/shell.ts";

/** Which bootstrap a process runs: what it becomes is settled before it knows the program. */
export type Runtime = "javascript" | "python";

/**
 * No permission at all. Variables are ignored in place of denied: Node's built-in modules ask for some, and get
 * `undefined`. There is no file to find a configuration or a lock in, and no place to keep anything between runs.
 */
const FLAGS = [
  "--no-prompt",
  "--no-remote",
  "--no-npm",
  "--cached-only",
  "--no-config",
  "--no-lock",
  "--no-code-cache",
  "--node-modules-dir=none",
  "--deny-read",
  "--deny-write",
  "--deny-net",
  "--deny-sys",
  "--deny-run",
  "--deny-ffi",
  "--deny-import",
  "--ignore-env",
] as const;

/** All that the runtime itself gets to see; programs see none of it. */
export const RUNTIME_ENV = {
  // A directory that cannot be made: storage that would outlive a run fails instead.
  DENO_DIR: "/dev/null/deno",
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  // WebGPU asks for no permission and loads the host's graphics drivers into the process: no backend, no drivers.
  DENO_WEBGPU_BACKEND: "none",
  DENO_DISABLE_OFFSCREEN_CANVAS: "1",
  // The host's own would say where it stands.
  TZ: "UTC",
} as const;

const inside = (name: string): string => readFileSync(new URL(`inside/${name}`, import.meta.url), "utf8");
const dataUrl = (source: string): string => `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;

/** The bootstrap as a URL that holds it: the process needs no file of ours, and sees no path of one. */
export function bootstrapUrl(runtime: Runtime): string {
  return dataUrl(
    ["request.mjs", "out.mjs"].reduce(
      (source, name) => source.replace(`./${name}`, () => dataUrl(inside(name))),
      inside(`${runtime}.mjs`),
    ),
  );
}

/** What the limits of one process are made from. */
export interface CommandLimits {
  readonly memoryBytes: number;
  /** RLIMIT_CPU, for where nothing else counts processor time. */
  readonly cpuSeconds: number;
}

/** The wrapper that ends the process with ours, and bars it from gaining rights; empty where it is not to be had. */
export const DEATH_WRAPPER = ["setpriv", "--no-new-privs", "--pdeathsig", "KILL", "--"] as const;

/** Deno needs a dozen descriptors and gets none for the program. */
const OPEN_FILES = 64;

/**
 * A shell that sets limits and becomes Deno. No file can be written past length 0, wherever it is.
 * @param wrapper `DEATH_WRAPPER` or nothing.
 */
export function denoCommand(
  deno: string,
  url: string,
  limits: CommandLimits,
  wrapper: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  const script = [
    "set -e",
    "ulimit -c 0",
    "ulimit -f 0",
    `ulimit -n ${OPEN_FILES}`,
    `ulimit -S -t ${limits.cpuSeconds}`,
    `ulimit -H -t ${limits.cpuSeconds + 1}`,
    'exec "$@"',
  ].join("; ");
  const heap = `--v8-flags=--max-old-space-size=${Math.max(16, Math.ceil(limits.memoryBytes / (1024 * 1024)))}`;
  return { command: SHELL, args: ["-c", script, "sh", ...wrapper, deno, "run", heap, ...FLAGS, url] };
}
