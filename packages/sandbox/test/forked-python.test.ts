import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS } from "../src/index.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/index.ts";

/** Programs that would notice if their interpreter had not been started for them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "its own module": `
import __main__, sys
class Thing: pass
print(__name__, __file__, __main__.Thing is Thing, Thing.__module__, sorted(name for name in globals() if name.startswith("__")))
print(__spec__, __package__, __doc__, type(__loader__).__name__, __annotations__)`,
  "modules that nobody imported": `
import sys
print([name for name in ("ctypes", "json", "socket", "struct", "fcntl", "resource", "signal", "gc") if name in sys.modules])
print(sys.argv, sys.orig_argv[1:], sys.path, sys.flags, sys.dont_write_bytecode)`,
  "a traceback": `
def inner(): return 1 / 0
def outer(): return inner()
outer()`,
  "an exception with a cause": `
try: {}["x"]
except KeyError as missing: raise ValueError("wrapped") from missing`,
  "a syntax error": `print("never"\nx = 1 1`,
  "an exit message": `import sys; sys.exit("gone wrong")`,
  "exit handlers and destructors": `
import atexit, threading, sys
class Late:
    def __del__(self): print("destroyed")
late = Late()
atexit.register(print, "at exit")
threading.Thread(target=lambda: print("thread")).start()
print("main")`,
  "output without a newline at the end": `import sys; sys.stdout.write("a"); sys.stderr.write("b"); sys.stdout.write("ü")`,
  "standard streams": `
import sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.encoding, stream.errors, stream.line_buffering, stream.isatty(), stream.fileno(), stream.mode)
print(repr(sys.stdin.read()))`,
  "child processes": `
import multiprocessing, os, subprocess, sys
def square(n): return n * n
if __name__ == "__main__":
    print(subprocess.run([sys.executable, "-c", "print(40 + 2)"], capture_output=True, text=True).stdout.strip())
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool: print(method, pool.map(square, range(4)))
    print(os.fork() and os.wait()[1])`,
  "the standard library": `
import asyncio, collections, ctypes, dataclasses, decimal, json, pickle, random, re, sqlite3, tempfile, unittest, uuid
@dataclasses.dataclass
class Point: x: int
async def work(): await asyncio.sleep(0); return pickle.loads(pickle.dumps(Point(3)))
print(asyncio.run(work()), sqlite3.connect(":memory:").execute("select 1 + 1").fetchone(), re.sub("a", "b", "aa"))
print(random.Random(1).random(), len(str(uuid.uuid4())), ctypes.sizeof(ctypes.c_long), decimal.Decimal("0.1") * 3)
class Case(unittest.TestCase):
    def test_it(self): self.assertEqual(1, 1)
unittest.main(argv=["x"], exit=False)`,
  warnings: `
import warnings
def old(): warnings.warn("use new", DeprecationWarning, stacklevel=2)
old()
print("\\d")`,
  signals: `
import os, signal
signal.signal(signal.SIGUSR1, lambda *_: print("caught"))
os.kill(os.getpid(), signal.SIGUSR1)
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGTERM))`,
  "an interrupt": `import os, signal; os.kill(os.getpid(), signal.SIGINT)`,
  "deep recursion": `
def down(n): return n if n == 0 else down(n - 1)
print(down(900))
import sys; print(sys.getrecursionlimit())
def forever(): return forever()
try: forever()
except RecursionError: print("stopped")`,
  "files and a module beside it": `import os, helper; print(helper.NAME, helper.__file__, sorted(os.listdir(".")), os.getcwd())`,
  "its environment and identity": `
import os, resource
print(sorted(os.environ.items()), os.getuid(), os.getgroups(), os.getsid(0) == os.getpid(), os.umask(0))
print([resource.getrlimit(getattr(resource, name)) for name in ("RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_CPU", "RLIMIT_FSIZE")])`,
};

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const languages = await detectLanguages(["python"]);

/** Forked runs need a control group to be held in; without one every run starts afresh. */
async function whyNone(): Promise<string | null> {
  await using engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 });
  const { available, reason, belts } = await engine.probe();
  if (!available) return reason;
  return belts.some((belt) => belt.name === "cgroup-memory" && belt.on) ? null : "no control groups here";
}
const why = await whyNone();
const specOf = (code: string): RunSpec => ({
  language: "python",
  files: [
    { path: "main.py", content: encode(code) },
    { path: "helper.py", content: encode("NAME = 'helper'") },
  ],
  args: ["one", "two words"],
  stdin: encode("line\nlast"),
  limits: { fileSizeBytes: 1024 * 1024 },
});

/** What differs between any two runs of the same program: times and addresses. */
function visible(outcome: RunOutcome): object {
  const clean = (bytes: Uint8Array): string =>
    decode(bytes)
      .replaceAll(/0x[0-9a-f]+/g, "ADDRESS")
      .replaceAll(/in \d+\.\d+s/g, "in TIME");
  const { status, exitCode, signal } = outcome;
  return { status, exitCode, signal, stdout: clean(outcome.stdout), stderr: clean(outcome.stderr) };
}

describe.skipIf(why !== null)(`a forked Python program${why === null ? "" : ` (skipped: ${why})`}`, () => {
  let forked: Engine;
  let afresh: Engine;
  const create = (warm: boolean): Engine =>
    createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1, warm });
  beforeAll(async () => {
    forked = create(true);
    afresh = create(false);
    await vi.waitUntil(async () => decode((await forked.run(specOf(WAS_FORKED))).stdout) === "True\n", {
      timeout: 20_000,
    });
  });
  afterAll(async () => {
    await forked.close();
    await afresh.close();
  });

  /** The template's caller is the only frame below a forked program. */
  const WAS_FORKED = "import sys; print(sys._getframe().f_back is not None)";

  for (const [name, code] of Object.entries(PROGRAMS)) {
    it(`does as one that was started afresh: ${name}`, async () => {
      const expected = visible(await afresh.run(specOf(code)));
      expect(visible(await forked.run(specOf(code)))).toEqual(expected);
      expect(decode((await forked.run(specOf(WAS_FORKED))).stdout)).toBe("True\n");
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
