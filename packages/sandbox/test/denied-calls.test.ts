import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { listenForDeniedCalls, MOST_DENIED_CALLS } from "../src/denied-calls/listen.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createCrunEngine, createRuncEngine } from "../src/oci/engine.ts";
import { bash, c, python, text } from "../src/testing/programs.ts";
import type { Engine, RunSpec } from "../src/types.ts";

const RUNC = "/usr/sbin/runc";
const options = {
  languages: await detectLanguages(["python", "bash", "c"]),
  bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
  slots: 1,
};
const CTYPES = "import ctypes; kernel = ctypes.CDLL(None, use_errno=True)\n";
const FLOOD = `${CTYPES}
errors = []
for n in range(${MOST_DENIED_CALLS + 100}): kernel.unshare(0x10000000); errors.append(ctypes.get_errno())
print(errors.index(38), set(errors))
`;

/** Processes whose command line holds this text. */
function processesOf(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
      } catch {
        return false;
      }
    });
}

describe("system calls that are refused on runc", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = createRuncEngine({ ...options, pool: 1 });
    expect(await engine.probe()).toMatchObject({ available: true });
  });
  afterAll(() => engine.close());
  const seen = async (spec: RunSpec) => {
    const { violations, behaviourScore, stdout } = await engine.run(spec);
    return { violations, behaviourScore, output: text(stdout) };
  };
  const denied = (what: string) => [{ kind: "denied_system_call", detail: `was refused ${what}` }];

  it("are seen, and the probe has tried that they are", async () => {
    const { belts } = await engine.probe();
    expect(belts.find(({ name }) => name === "sees-denied-calls")).toMatchObject({ on: true });
    const attack = python(`${CTYPES}
print(kernel.mount(b"x", b"/tmp", b"tmpfs", 0, None), ctypes.get_errno())
for n in range(3): kernel.ptrace(16, 1, 0, 0)
`);
    expect(await seen(attack)).toEqual({
      violations: denied("mount, ptrace (3 times)"),
      behaviourScore: 30,
      output: "-1 1\n",
    });
  });

  it("are seen where only their arguments make the difference", async () => {
    const clone = c(`
      #define _GNU_SOURCE
      #include <sched.h>
      #include <stdio.h>
      #include <sys/syscall.h>
      #include <unistd.h>
      int main() { printf("%ld\\n", syscall(SYS_clone, CLONE_NEWUSER | 17, 0, 0, 0, 0)); }
    `);
    expect(await seen(clone)).toMatchObject({ violations: denied("clone"), output: "-1\n" });
  });

  it("are not seen in what ordinary programs do: threads, children, tools, other errors", async () => {
    const ordinary = python(`
import os, socket, subprocess, threading
thread = threading.Thread(target=print); thread.start(); thread.join()
subprocess.run(["ls", "-la", "/"], check=True)
try: socket.socket(socket.AF_PACKET)
except OSError: pass
os.sync()
`);
    for (const spec of [ordinary, bash("id; ls -l / | sort | tail -1; df . ; stat /"), c("int main() { return 0; }")])
      expect(await seen(spec)).toMatchObject({ violations: [], behaviourScore: 0 });
  });

  it("are refused in a flood as well, and cost no more than the first of them", async () => {
    const { violations, output } = await seen(python(FLOOD));
    const many = `unshare (${MOST_DENIED_CALLS} times); after ${MOST_DENIED_CALLS} calls nobody looked any more`;
    expect(violations).toEqual(denied(many));
    expect(output).toBe(`${MOST_DENIED_CALLS} {1, 38}\n`);
  });

  it("are not held against the next run", async () => {
    expect(await seen(bash("unshare -m true; exit 0"))).toMatchObject({ violations: denied("unshare") });
    expect(await seen(bash("exit 0"))).toMatchObject({ violations: [] });
  });
});

it("says so where the runtime does not hand over what it refuses", async (context) => {
  await using engine = createCrunEngine(options);
  const { available, reason, belts } = await engine.probe();
  if (!available) return context.skip(`crun cannot start a container here: ${reason}`);
  expect(belts.find(({ name }) => name === "sees-denied-calls")).toMatchObject({ on: false });
});

describe("the listener", () => {
  const place = mkdtempSync(join(tmpdir(), "denied-calls-"));
  const dir = join(place, "listener-of-this-test");
  // It is another user.
  chmodSync(place, 0o711);
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  it("stays when somebody speaks nonsense, is replaced when it ends, and ends with us", async () => {
    using calls = await listenForDeniedCalls({ runtimePath: RUNC, dir, inherited: [] });
    expect(calls.off).toBeNull();
    const [pid = 0, ...others] = processesOf(dir);
    expect(others).toEqual([]);
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    expect(status).toMatch(/^Uid:(\s+2415919104){4}$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);

    for (const nonsense of ["", "{", "[]", "null", '{"metadata":"../x"}', '{"metadata":"a"}', "\0".repeat(100)]) {
      const socket = connect(join(dir, "listener"));
      socket.end(nonsense);
      await new Promise((resolve) => socket.once("close", resolve));
    }
    expect(processesOf(dir)).toEqual([pid]);
    expect(readdirSync(dir)).toEqual(["listener"]);

    process.kill(pid, "SIGKILL");
    await vi.waitFor(() => expect(calls.off).toBe("the listener has ended"), 5_000);
    const plain = { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1, architectures: [], syscalls: [] };
    expect(calls.profileFor(plain, "x")).toBe(plain);
    await vi.waitFor(() => expect(calls.off).toBeNull(), 5_000);
    expect(calls.profileFor(plain, "x")).toMatchObject({ listenerMetadata: "x" });
    calls[Symbol.dispose]();
    await vi.waitFor(() => expect(processesOf(dir)).toEqual([]), 5_000);
  });

  it("is not started for a runtime that does not say that it can do its part", async () => {
    using calls = await listenForDeniedCalls({ runtimePath: "/bin/true", dir, inherited: [] });
    expect(calls.off).toContain("does not say that it can hand over refusals");
    expect(processesOf(dir)).toEqual([]);
  });
});
