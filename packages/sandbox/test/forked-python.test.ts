import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS } from "../src/index.ts";
import type { Engine } from "../src/index.ts";
import { decode, encode, PROGRAMS, specOf, visible, WAS_STARTED_BEFORE } from "./fixtures/python-programs.ts";

const languages = await detectLanguages(["python"]);

/** Forked runs need a control group to be held in; without one every run starts afresh. */
async function whyNone(): Promise<string | null> {
  await using engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 });
  const { available, reason, belts } = await engine.probe();
  if (!available) return reason;
  return belts.some((belt) => belt.name === "cgroup-memory" && belt.on) ? null : "no control groups here";
}
const why = await whyNone();
describe.skipIf(why !== null)(
  `a forked Python program${why === null ? "" : ` (skipped: ${why})`}`,
  { retry: 0 },
  () => {
    let forked: Engine;
    let afresh: Engine;
    const create = (warm: boolean): Engine =>
      // One place: each run is where the one before was.
      createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1, places: 1, warm });
    const untilForked = (): Promise<unknown> =>
      vi.waitUntil(async () => decode((await forked.run(specOf(WAS_STARTED_BEFORE))).stdout) === "True\n", {
        timeout: 20_000,
      });
    beforeAll(async () => {
      forked = create(true);
      afresh = create(false);
      await untilForked();
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
      // A flow label stays for seconds after its owner, holds what its owner likes, and changes no counter.
      const label = `
import ctypes, socket, struct
own = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
address = socket.inet_pton(socket.AF_INET6, "::1")
request = struct.pack("16sIBBHHH", address, socket.htonl(0x12345), 0, 255, 3, 60, 60) + bytes(4)
libc = ctypes.CDLL(None, use_errno=True)
print(libc.setsockopt(own.fileno(), 41, 32, request, len(request)), len(open("/proc/net/ip6_flowlabel").readlines()))`;
      const send = `
import socket
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
socket.create_connection(server.getsockname()).sendall(b"x" * 1000)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(("192.0.2.1", 9))`;
      // Not what is the host's (softnet_stat, all but one line of sockstat), or has addresses of the kernel's own.
      const look = `
import json, os, sys
names = sorted(name for name in os.listdir("/proc/net") if os.path.isfile("/proc/net/" + name))
def read(name):
    try:
        with open("/proc/net/" + name, errors="replace") as file: return file.readline() if name == "sockstat" else file.read()
    except OSError as error: return str(error.errno)
print(sys._getframe().f_back is not None, os.readlink("/proc/self/ns/net"))
print(json.dumps({name: read(name) for name in names if name not in ("netlink", "protocols", "ptype", "softnet_stat")}))`;
      // Sockets on their way in each other outlive who sent them, with the names that they are bound to.
      const pair = `
import array, socket
one, two = socket.socketpair()
one.bind(chr(0) + "left")
both = array.array("i", [one.fileno(), two.fileno()])
for end in (one, two): end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, both)])`;
      for (const leave of [label, send, pair]) {
        await using own = create(true);
        await vi.waitUntil(async () => decode((await own.run(specOf(look))).stdout).startsWith("True"), {
          timeout: 20_000,
        });
        const seen = async (): Promise<{ place: string; counters: unknown }> => {
          const [place = "", counters = ""] = decode((await own.run(specOf(look))).stdout).split("\n");
          return { place, counters: JSON.parse(counters) };
        };
        const [before, again] = [await seen(), await seen()];
        expect(again).toEqual(before);
        const { status, exitCode, stdout } = await own.run(specOf(leave));
        expect([status, exitCode]).toEqual(["exited", 0]);
        if (leave === label) expect(decode(stdout)).toBe("0 2\n");
        for (let run = 0; run < 2; run += 1) {
          const { place, counters } = await seen();
          expect(place).not.toBe(before.place);
          expect(counters).toEqual(before.counters);
        }
      }
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

    it("never takes a file of a request for a word of ours, though memory ran out while it was read", async () => {
      const program = "import time\nfor _ in range(100): print('forged', flush=True); time.sleep(0.05)";
      const header = {
        entry: "main.py",
        args: [],
        directories: [],
        files: [["cwd/main.py", program.length]],
        bait: { variables: {}, link: "home/.aws/credentials", target: "/" },
        stdin: false,
        tmpfsBytes: 1 << 20,
        fileSizeBytes: 1 << 20,
        limits: {},
      };
      const text = JSON.stringify(header);
      const words = encode(`bye\nprepare\nplaced\ngo\n${text.length}\n${text}${program}`);
      for (const [count, kib] of [
        [250, 32],
        [240, 32],
        [120, 64],
        [240, 64],
      ] as const) {
        const content = new Uint8Array(kib * 1024).fill(10);
        for (let at = 0; at < content.length; at += 4096) content.set(words, at);
        const files = Array.from({ length: count }, (_, index) => ({ path: `file${index}`, content }));
        const spec = specOf("print('never')");
        const outcome = await forked.run({
          ...spec,
          files: [...spec.files, ...files],
          limits: { memoryBytes: MIN_LIMITS.memoryBytes },
        });
        expect(outcome.status).toBe("out_of_memory");
        const next = "import time; time.sleep(0.1); print('next')";
        for (let run = 0; run < 2; run += 1) expect(decode((await forked.run(specOf(next))).stdout)).toBe("next\n");
        await untilForked();
      }
    });

    it("needs room for its files once, as one that was started afresh", async () => {
      const spec = specOf("print('read')");
      const files = [...spec.files, { path: "large", content: new Uint8Array(20 * 1024 * 1024) }];
      const { status, stdout } = await forked.run({ ...spec, files, limits: { memoryBytes: 32 * 1024 * 1024 } });
      expect([status, decode(stdout)]).toEqual(["exited", "read\n"]);
    });

    it("still runs after a run that had to be stopped", async () => {
      const stopped = await forked.run({ ...specOf("while True: pass"), limits: { wallTimeMs: 200 } });
      expect(stopped.status).toBe("timed_out");
      expect(decode((await forked.run(specOf("print('next')"))).stdout)).toBe("next\n");
    });
  },
);
