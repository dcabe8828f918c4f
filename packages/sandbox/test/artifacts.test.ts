import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/types.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const common = { languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 2 };
let engine: Engine;
beforeAll(() => {
  engine = createBubblewrapEngine({ ...common, warm: true });
});
afterAll(async () => {
  await engine.close();
});

const run = (code: string, more: Partial<RunSpec> = {}): Promise<RunOutcome> =>
  engine.run({
    language: "python",
    files: [{ path: "main.py", content: Buffer.from(code) }],
    artifacts: true,
    ...more,
  });
/** The files that came back, as text. */
const filesOf = ({ artifacts }: RunOutcome): Record<string, string> =>
  Object.fromEntries((artifacts?.files ?? []).map(({ path, content }) => [path, Buffer.from(content).toString()]));
const text = ({ stdout, stderr }: RunOutcome): string =>
  Buffer.from(stdout).toString() + Buffer.from(stderr).toString();

describe("a program's files", () => {
  test("come back from out, bytes and all, with their digest", async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
    const outcome = await run(
      "import os\nos.makedirs('out/a/b')\nopen('out/a/b/all.bin', 'wb').write(bytes((i * 7) % 256 for i in range(70000)))\nopen('out/empty', 'w')\nopen('elsewhere', 'w').write('x')",
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.artifacts).toMatchObject({ leftOut: [], incomplete: null });
    expect(outcome.artifacts?.files.map(({ path }) => path)).toEqual(["a/b/all.bin", "empty"]);
    expect(bytes.equals(outcome.artifacts?.files[0]?.content ?? Buffer.alloc(0))).toBe(true);
    expect(outcome.artifacts?.files[0]?.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
  });

  test("come back from a program that fails, crashes or fills the disk", async () => {
    const failed = await run("open('out/x', 'w').write('before')\nraise SystemExit(3)");
    expect(failed).toMatchObject({ status: "exited", exitCode: 3 });
    expect(filesOf(failed)).toEqual({ x: "before" });
    const crashed = await run("import os\nopen('out/x', 'w').write('before')\nos.kill(os.getpid(), 11)");
    expect(crashed).toMatchObject({ status: "signaled", signal: "SIGSEGV" });
    expect(filesOf(crashed)).toEqual({ x: "before" });
    const full = await run(
      "open('out/a', 'w').write('before')\nwith open('out/b', 'wb') as file:\n  while True: file.write(bytes(65536))",
      { limits: { diskBytes: 16 * 1024 * 1024 } },
    );
    expect(full).toMatchObject({ status: "disk_exceeded", limitsHit: ["diskBytes"] });
    expect(filesOf(full)).toEqual({ a: "before" });
    expect(full.artifacts?.leftOut).toEqual([{ path: "b", reason: "over 8388608 bytes" }]);
  });

  test("come back from a compiled program, and from a forked language with and without variables", async () => {
    const compiled = await run('#include <stdio.h>\nint main(void) { fputs("c", fopen("out/x", "w")); }', {
      language: "c",
      files: [
        {
          path: "main.c",
          content: Buffer.from('#include <stdio.h>\nint main(void) { fputs("c", fopen("out/x", "w")); }'),
        },
      ],
    });
    expect(filesOf(compiled)).toEqual({ x: "c" });
    for (const env of [{}, { TAR_OPTIONS: "--checkpoint-action=exec=id", POSIXLY_CORRECT: "1" }])
      expect(filesOf(await run("open('out/x', 'w').write('py')", { env }))).toEqual({ x: "py" });
  });

  test("without the request nothing comes back, and a program finds no out", async () => {
    const outcome = await run("import os\nprint(os.listdir())", { artifacts: false });
    expect(text(outcome)).toBe("['main.py']\n");
    expect("artifacts" in outcome).toBe(false);
  });

  test("the program does not hold the pipe that they come through", async () => {
    const outcome = await run("import os\nprint(sorted(os.listdir('/proc/self/fd')))");
    expect(text(outcome)).toBe("['0', '1', '2', '3']\n");
  });

  test("the time and memory of collecting are not the program's", async () => {
    const outcome = await run(
      "import os\nfor i in range(3):\n  with open(f'out/{i}', 'wb') as file: file.truncate(60 << 20)\nos._exit(1)",
      { limits: { memoryBytes: 24 * 1024 * 1024 } },
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 1, limitsHit: [] });
    expect(outcome.cpuMs).toBeLessThan(2_000);
    expect(outcome.artifacts?.leftOut.map(({ path }) => path)).toEqual(["0", "1", "2"]);
  });

  test("that were made unreadable come back too", async () => {
    const outcome = await run(
      "import os\nos.mkdir('out/d')\nopen('out/d/x', 'w').write('hidden')\nos.chmod('out/d/x', 0)\nos.chmod('out/d', 0)\nos.chmod('out', 0)",
    );
    expect(filesOf(outcome)).toEqual({ "d/x": "hidden" });
  });
});

describe("a run says so", () => {
  test("when it was ended at a limit and nothing was collected", async () => {
    const outcome = await run("open('out/x', 'w').write('x')\nwhile True: pass", { limits: { wallTimeMs: 300 } });
    expect(outcome.status).toBe("timed_out");
    expect(outcome.artifacts).toEqual({
      files: [],
      leftOut: [],
      incomplete: "nothing was collected: the program did not end by itself",
    });
  });

  test("when the engine cannot give files back: it refuses the run", async () => {
    await using subprocess = createSubprocessEngine({ ...common, allowUnsafe: true });
    const spec = { language: "bash", files: [{ path: "main.sh", content: Buffer.from("true") }], artifacts: true };
    await expect(subprocess.run(spec)).rejects.toThrow("cannot give back files");
    expect(await subprocess.probe()).toMatchObject({ available: true, artifacts: false });
    expect(await engine.probe()).toMatchObject({ available: true, artifacts: true });
  });

  test("when limits are none or too high", async () => {
    await expect(run("", { artifacts: { files: 257 } })).rejects.toMatchObject({
      code: "limit_too_high",
      field: "artifacts.files",
    });
    await expect(run("", { artifacts: { totalBytes: 0 } })).rejects.toMatchObject({ code: "invalid_field" });
  });
});

describe("hostile programs", () => {
  test("links, hard links, pipes and sockets in out are named or passed over, never followed", async () => {
    const outcome = await run(`
import os, socket
os.symlink('/etc/passwd', 'out/passwd')
os.symlink('/', 'out/root')
os.symlink('../main.py', 'out/main')
os.mkfifo('out/pipe')
socket.socket(socket.AF_UNIX).bind('out/socket')
open('out/kept', 'w').write('kept')
os.link('out/kept', 'out/second')
`);
    expect(filesOf(outcome)).toEqual({ kept: "kept" });
    expect(outcome.artifacts).toMatchObject({ incomplete: null });
    expect(outcome.artifacts?.leftOut).toEqual([
      { path: "main", reason: "a symbolic link" },
      { path: "passwd", reason: "a symbolic link" },
      { path: "pipe", reason: "a device or a named pipe" },
      { path: "root", reason: "a symbolic link" },
      { path: "second", reason: "another name of a file (hard link)" },
    ]);
  });

  test("out that was replaced by a link is not entered, nor are its modes changed", async () => {
    const outcome = await run(
      "import os\nos.mkdir('secret', 0)\nos.rmdir('out')\nos.symlink('/etc', 'out')\nprint('done')",
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.artifacts).toEqual({
      files: [],
      leftOut: [{ path: ".", reason: "out is a symlink, not a directory" }],
      incomplete: null,
    });
  });

  test("out that is a file or is gone gives nothing, and the run its own end", async () => {
    const file = await run("import os\nos.rmdir('out')\nopen('out', 'w').write('x')\nraise SystemExit(7)");
    expect(file).toMatchObject({ status: "exited", exitCode: 7 });
    expect(file.artifacts?.leftOut).toEqual([{ path: ".", reason: "out is a file, not a directory" }]);
    const gone = await run("import os\nos.rmdir('out')");
    expect(gone).toMatchObject({ status: "exited", exitCode: 0, artifacts: { files: [], leftOut: [] } });
  });

  test("names that are no text, climb, or look like options and lines harm nobody", async () => {
    const outcome = await run(String.raw`
import os
for name in [b'out/\xff\xfe', b'out/two\nlines', b'out/--checkpoint=1', b'out/..hidden', b'out/a\\b', b'out/\x1b[2J']:
  open(name, 'wb').write(b'x')
deep = 'out'
for i in range(6):
  deep += '/' + 'd' * 250
  os.mkdir(deep)
open(deep + '/x', 'w').write('x')
`);
    expect(Object.keys(filesOf(outcome)).toSorted()).toEqual(
      ["--checkpoint=1", "..hidden", "a\\b", "two\nlines", "\u001b[2J"].toSorted(),
    );
    expect(outcome.artifacts?.incomplete).toBeNull();
    expect(outcome.artifacts?.leftOut).toContainEqual({
      path: "\ufffd\ufffd",
      reason: "a name in the archive is not UTF-8",
    });
    expect(outcome.artifacts?.leftOut.some(({ reason }) => /longer than 1024 bytes/.test(reason))).toBe(true);
  });

  test("a flood of files ends at the limits, and says so", async () => {
    const startedAt = performance.now();
    const outcome = await run("for i in range(100_000): open(f'out/{i}', 'w')", { limits: { wallTimeMs: 60_000 } });
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.artifacts?.files).toHaveLength(64);
    expect(outcome.artifacts?.leftOut).toHaveLength(100);
    expect(outcome.artifacts?.incomplete).toMatch(/over 4096 members.*more were left out|archive ends/);
    expect(performance.now() - startedAt - outcome.wallMs - outcome.setupMs).toBeLessThan(5_000);
  });

  test("holes of many gigabytes are cut off, not kept and not waited for", async () => {
    const outcome = await run(
      "for i in range(200):\n  with open(f'out/{i:03}', 'wb') as file: file.truncate(60 << 20)",
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.artifacts?.files).toEqual([]);
    expect(outcome.artifacts?.incomplete).toMatch(/not all of out was read/);
  });

  test("more bytes than the limit together leaves out what does not fit", async () => {
    const outcome = await run("for name in 'abc': open(f'out/{name}', 'wb').write(bytes(600))", {
      artifacts: { totalBytes: 1_300, fileBytes: 1_000, files: 10 },
    });
    expect(Object.keys(filesOf(outcome))).toEqual(["a", "b"]);
    expect(outcome.artifacts?.leftOut).toEqual([{ path: "c", reason: "over 1300 bytes with those before it" }]);
  });

  test("who outlives the program is ended before its files are read", async () => {
    const outcome = await run(`
import os, time
ready, say = os.pipe()
if os.fork() == 0:
  os.setsid()
  if os.fork() == 0:
    os.write(say, b'x')
    at = 0
    while True:
      at += 1
      open('out/new', 'w').write(str(at))
      os.rename('out/new', 'out/x')
      try:
        os.rename('out', 'gone'); os.symlink('/etc', 'out'); os.unlink('out'); os.rename('gone', 'out')
      except OSError: pass
  os._exit(0)
os.read(ready, 1)
time.sleep(0.05)
`);
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.violations.map(({ kind }) => kind)).toContain("processes_left");
    // Ended in mid-swap at worst: then out is a link, or gone.
    for (const path of Object.keys(filesOf(outcome))) expect(["x", "new"]).toContain(path);
    for (const { reason } of outcome.artifacts?.leftOut ?? []) expect(reason).toBe("out is a symlink, not a directory");
  });

  test("nothing is added while its files are read", async () => {
    const outcome = await run(`
import os, time
os.mkdir('out/z')
with open('out/a', 'wb') as file: file.truncate(60 << 20)
ready, say = os.pipe()
if os.fork() == 0:
  os.setsid()
  os.write(say, b'x')
  while open('/proc/1/comm').read() != 'tar\\n': pass
  open('out/z/late', 'w').write('x')
  time.sleep(60)
os.read(ready, 1)
`);
    expect(outcome.artifacts).toMatchObject({ files: [], leftOut: [{ path: "a" }], incomplete: null });
  });

  test("processes up to the limit, left behind, do not keep files from coming back", async () => {
    const outcome = await run(
      "import os, time\nopen('out/x', 'w').write('x')\nwhile True:\n  try:\n    if os.fork() == 0: time.sleep(60); os._exit(0)\n  except OSError: break",
      { limits: { pids: 12 } },
    );
    expect(filesOf(outcome)).toEqual({ x: "x" });
  });

  test("the working directory swapped for another gives what is in its place", async () => {
    const outcome = await run(
      "import os\nos.rename('/box/cwd', '/box/old')\nos.symlink('/etc', '/box/cwd')\nopen('/box/old/out/x', 'w').write('x')",
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    expect(outcome.artifacts?.files).toEqual([]);
  });
});

describe.each([
  { name: "runc", create: createRuncEngine },
  { name: "gVisor", create: createGvisorEngine },
])("$name", ({ create }) => {
  test("gives back files, follows no link, and ends who outlives the program", async () => {
    await using container = create({ ...common, pool: 1 });
    const outcome = await container.run({
      language: "python",
      artifacts: true,
      files: [
        {
          path: "main.py",
          content: Buffer.from(`
import os, time
open('out/x', 'wb').write(b'\\xff')
os.symlink('/etc/passwd', 'out/link')
os.mkfifo('out/pipe')
os.mkdir('out/z')
open('out/z/hidden', 'w').close()
os.chmod('out/z/hidden', 0)
with open('out/hole', 'wb') as file: file.truncate(60 << 20)
ready, say = os.pipe()
if os.fork() == 0:
  os.setsid()
  os.write(say, b'x')
  while open('/proc/1/comm').read() != 'tar\\n': pass
  open('out/z/late', 'w').write('x')
  time.sleep(60)
os.read(ready, 1)
print(sorted(os.listdir('/proc/self/fd')))
raise SystemExit(3)
`),
        },
      ],
    });
    expect(outcome).toMatchObject({ status: "exited", exitCode: 3 });
    expect(outcome.violations.map(({ kind }) => kind)).toContain("processes_left");
    expect(outcome.artifacts).toMatchObject({
      files: [
        { path: "x", content: Buffer.from([0xff]) },
        { path: "z/hidden", content: Buffer.alloc(0) },
      ],
      leftOut: [
        { path: "hole", reason: "over 8388608 bytes" },
        { path: "link", reason: "a symbolic link" },
        { path: "pipe", reason: "a device or a named pipe" },
      ],
      incomplete: null,
    });
    // Its streams, its pipe, and the listing itself: neither the control socket nor what the files come through.
    expect(text(outcome)).toBe("['0', '1', '2', '3', '4', '5']\n");
    expect(await container.probe()).toMatchObject({ available: true, artifacts: true });
  });

  test("gives back files of a compiled program, and none of one that was ended at a limit", async () => {
    await using container = create(common);
    const source = '#include <stdio.h>\nint main(void) { fputs("c", fopen("out/x", "w")); for (;;); }';
    const files = [{ path: "main.c", content: Buffer.from(source.replace(" for (;;);", "")) }];
    expect(filesOf(await container.run({ language: "c", files, artifacts: true }))).toEqual({ x: "c" });
    const endless = [{ path: "main.c", content: Buffer.from(source) }];
    const limits = { wallTimeMs: 300 };
    const outcome = await container.run({ language: "c", files: endless, artifacts: true, limits });
    expect(outcome).toMatchObject({ status: "timed_out", artifacts: { files: [] } });
    expect(outcome.artifacts?.incomplete).toMatch(/did not end by itself/);
  });
});

test("gVisor gives back what fits when out is flooded, and says what is missing", async () => {
  await using gvisor = createGvisorEngine(common);
  const code = "for i in range(3_000): open(f'out/{i}', 'w')";
  const outcome = await gvisor.run({
    language: "python",
    files: [{ path: "main.py", content: Buffer.from(code) }],
    artifacts: true,
    limits: { wallTimeMs: 60_000, cpuTimeMs: 60_000 },
  });
  expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
  expect(outcome.artifacts?.files).toHaveLength(64);
  expect(outcome.artifacts?.incomplete).toMatch(/more were left out|not all of out was read/);
});
