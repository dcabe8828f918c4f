import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS } from "../src/index.ts";
import type { Engine } from "../src/index.ts";
import { decode, PROGRAMS, specOf, visible, WAS_STARTED_BEFORE } from "./fixtures/python-programs.ts";

const languages = await detectLanguages(["python"]);

/** Forked runs need a control group to be held in; without one every run starts afresh. */
async function whyNone(): Promise<string | null> {
  await using engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 });
  const { available, reason, belts } = await engine.probe();
  if (!available) return reason;
  return belts.some((belt) => belt.name === "cgroup-memory" && belt.on) ? null : "no control groups here";
}
const why = await whyNone();
describe.skipIf(why !== null)(`a forked Python program${why === null ? "" : ` (skipped: ${why})`}`, () => {
  let forked: Engine;
  let afresh: Engine;
  const create = (warm: boolean): Engine =>
    createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1, warm });
  beforeAll(async () => {
    forked = create(true);
    afresh = create(false);
    await vi.waitUntil(async () => decode((await forked.run(specOf(WAS_STARTED_BEFORE))).stdout) === "True\n", {
      timeout: 20_000,
    });
  });
  afterAll(async () => {
    await forked.close();
    await afresh.close();
  });

  for (const [name, code] of Object.entries(PROGRAMS)) {
    it(`does as one that was started afresh: ${name}`, async () => {
      const expected = visible(await afresh.run(specOf(code)));
      expect(visible(await forked.run(specOf(code)))).toEqual(expected);
      expect(decode((await forked.run(specOf(WAS_STARTED_BEFORE))).stdout)).toBe("True\n");
    });
  }

  it("keeps nothing from one run to the next", async () => {
    const leave = `
import builtins, json, os, sys
builtins.left = json.left = sys.left = os.environ["LEFT"] = "behind"
sys.modules["left"] = sys; sys.path.append("/left"); open("/tmp/left", "w").write("left"); open("/dev/shm/left", "w").close()`;
    const look = `
import builtins, json, os, sys
print([hasattr(thing, "left") for thing in (builtins, json, sys)], "LEFT" in os.environ, "left" in sys.modules, "/left" in sys.path)
print(os.listdir("/tmp"), os.listdir("/dev/shm"), sys._getframe().f_back is not None)`;
    await forked.run(specOf(leave));
    const { stdout } = await forked.run(specOf(look));
    expect(decode(stdout)).toBe("[False, False, False] False False False\n[] [] True\n");
  });

  it("finds no trace of what an earlier run did in its network", async () => {
    const send = `
import socket
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
socket.create_connection(server.getsockname()).sendall(b"x" * 1000)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(("192.0.2.1", 9))
print(open("/proc/net/dev").read().count(" 0 "))`;
    const look = `
import os, sys
def read(name):
    with open("/proc/net/" + name) as file: return file.read()
print(sys._getframe().f_back is not None, [read(name) for name in ("dev", "snmp", "netstat", "snmp6", "sockstat", "tcp", "udp", "unix")])`;
    const before = decode((await forked.run(specOf(look))).stdout);
    expect(before).toMatch(/^True/);
    expect((await forked.run(specOf(send))).status).toBe("exited");
    for (let run = 0; run < 3; run += 1) expect(decode((await forked.run(specOf(look))).stdout)).toBe(before);
  });

  it("is made before its request comes, and is in a control group of its own", async () => {
    const { setupMs, peakMemoryBytes } = await forked.run(specOf("print(1)"));
    expect(peakMemoryBytes).toBeGreaterThan(500_000);
    expect(setupMs).toBeLessThan(1_000);
    const groups = new Set<string>();
    const own = specOf("print(open('/proc/self/cgroup').read(), __import__('os').readlink('/proc/self/ns/pid'))");
    for (let run = 0; run < 4; run += 1) groups.add(decode((await forked.run(own)).stdout));
    expect(groups.size).toBe(4);
  });

  it("is started afresh when it brings variables, which could change how Python starts", async () => {
    const spec = { ...specOf("import sys; print(hash('x'), sys._getframe().f_back)"), env: { PYTHONHASHSEED: "1" } };
    const [first, second] = [await forked.run(spec), await forked.run(spec)];
    expect(decode(first.stdout)).toContain("None");
    expect(decode(second.stdout)).toBe(decode(first.stdout));
  });

  it("still runs after a run that had to be stopped", async () => {
    const stopped = await forked.run({ ...specOf("while True: pass"), limits: { wallTimeMs: 200 } });
    expect(stopped.status).toBe("timed_out");
    expect(decode((await forked.run(specOf("print('next')"))).stdout)).toBe("next\n");
  });
});
