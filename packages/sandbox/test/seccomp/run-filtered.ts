import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** What a program under the filter did. `code` is 128 + signal where a signal ended it (bwrap's way). */
export interface FilteredRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const BWRAP = "bwrap";
export const PYTHON = "/usr/bin/python3";

/** Where the test's own Node is inside: its real place may be hidden under /tmp. */
export const NODE_INSIDE = "/tmp/bin/node";

/** bwrap with the host's files to read, a /tmp of its own, and no capabilities taken away. */
const BASE_ARGS = [
  ...["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"],
  ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/tmp", "--setenv", "HOME", "/tmp"],
  ...["--ro-bind", process.execPath, NODE_INSIDE],
];

/** Why filters cannot be tried on this host; null when they can. */
export function whyNoFilteredRuns(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "needs Linux on x86-64";
  if (!existsSync(PYTHON)) return `needs ${PYTHON}`;
  const tried = spawnSync(BWRAP, [...BASE_ARGS, "true"], { encoding: "utf8" });
  if (tried.error !== undefined) return `needs bubblewrap: ${tried.error.message}`;
  return tried.status === 0 ? null : `bubblewrap does not work here: ${tried.stderr.trim()}`;
}

/** Runs `argv` under bwrap with `filter`, or without one for a control; `stdin` is text. */
export async function runFiltered(
  filter: Uint8Array | null,
  argv: readonly string[],
  stdin = "",
): Promise<FilteredRun> {
  const seccomp = filter === null ? [] : ["--seccomp", "3"];
  const child = spawn(BWRAP, [...BASE_ARGS, ...seccomp, "--", ...argv], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  const filterPipe = child.stdio[3];
  if (filterPipe === null || filterPipe === undefined || !("end" in filterPipe))
    throw new Error("no pipe for the filter");
  // A program that ends before it has read everything is no fault of the test.
  for (const pipe of [filterPipe, child.stdin]) pipe.on("error", () => undefined);
  filterPipe.end(filter ?? new Uint8Array());
  child.stdin.end(stdin);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject);
  child.once("close", resolve);
  const code = await promise;
  return { code, stdout, stderr };
}

/** Makes each call `[number, ...args]` (the rest zeros) in a process of its own; prints the errnos, 0 for success. */
const PROBE = `
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
errnos = []
for number, *args in json.load(sys.stdin):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        result = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(a) for a in (args + [0] * 6)[:6]])
        os.write(into, str(ctypes.get_errno() if result == -1 else 0).encode())
        os._exit(0)
    os.close(into)
    errnos.append(int(os.read(out, 16) or b"-1"))
    os.close(out)
    os.waitpid(child, 0)
print(json.dumps(errnos))
`;

/** Errno of each call `[number, ...args]` (0: success, -1: the process ended), made by a real program. */
export async function errnosOf(
  filter: Uint8Array | null,
  calls: readonly (readonly number[])[],
): Promise<readonly number[]> {
  const run = await runFiltered(filter, [PYTHON, "-c", PROBE], JSON.stringify(calls));
  if (run.code !== 0) throw new Error(`the probe ended with ${run.code}: ${run.stderr}`);
  const errnos: unknown = JSON.parse(run.stdout);
  if (!Array.isArray(errnos)) throw new Error(`not a list: ${run.stdout}`);
  return errnos.map(Number);
}
