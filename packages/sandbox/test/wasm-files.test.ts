import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/types.ts";
import { createWasmEngine } from "../src/wasm/engine.ts";
import { findTools } from "../src/wasm/tools.ts";
import { WASM_CACHE } from "./fixtures/wasm-cache.ts";
import { js, MiB, py, said } from "./fixtures/wasm-programs.ts";

const SLOW_MS = 60_000;
const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
let engine: Engine;
beforeAll(() => {
  engine = createWasmEngine({ bounds, slots: 2, cacheDir: WASM_CACHE });
});
afterAll(() => engine.close());

const giving = (code: string, more: Partial<RunSpec> = {}): Promise<RunOutcome> =>
  engine.run(py(code, { artifacts: true, ...more }));
const filesOf = ({ artifacts }: RunOutcome): Record<string, string> =>
  Object.fromEntries((artifacts?.files ?? []).map(({ path, content }) => [path, Buffer.from(content).toString()]));

describe("files that a Python program leaves in out, on the wasm engine", { timeout: SLOW_MS }, () => {
  it("come back whole, with their digest and their names; links are named and not followed", async () => {
    const name = `é${"x".repeat(120)}`;
    const outcome = await giving(`
import os
os.makedirs("out/a/b")
open("out/a/b/${name}", "wb").write(bytes((i * 7) % 256 for i in range(70000)))
open("out/empty", "w")
os.symlink("/etc/passwd", "out/link")
open("elsewhere", "w").write("x")
`);
    expect(said(outcome)).toBe("");
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) % 256));
    const [first, second] = outcome.artifacts?.files ?? [];
    expect([first?.path, second?.path]).toEqual([`a/b/${name}`, "empty"]);
    expect(bytes.equals(first?.content ?? Buffer.alloc(0))).toBe(true);
    expect(first?.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(outcome.artifacts).toMatchObject({
      leftOut: [{ path: "link", reason: "a symbolic link" }],
      incomplete: null,
    });
  });

  it("come back from a program that fails, ends the interpreter, or takes the rights from its own files", async () => {
    for (const [end, exitCode] of [
      ["raise SystemExit(5)", 5],
      ["os._exit(3)", 3],
      ["os.abort()", 1],
      ["os.chmod('out/x', 0); os.chmod('out', 0); os.chmod('/box/cwd', 0)", 0],
    ] as const) {
      const outcome = await giving(`import os\nopen("out/x", "w").write("before")\n${end}`);
      expect(outcome, end).toMatchObject({ status: "exited", exitCode });
      expect(filesOf(outcome), end).toEqual({ x: "before" });
    }
  });

  it("are held by the limits, and the rest is named", async () => {
    const outcome = await giving(
      `open("out/big", "wb").truncate(9 << 20)\nfor i in range(5): open(f"out/{i}", "w").write("x")`,
      { artifacts: { files: 3 } },
    );
    expect(said(outcome)).toBe("");
    expect(Object.keys(filesOf(outcome))).toEqual(["0", "1", "2"]);
    expect(outcome.artifacts?.leftOut).toEqual([
      { path: "3", reason: "over 3 files" },
      { path: "4", reason: "over 3 files" },
      { path: "big", reason: "over 3 files" },
    ]);
  });

  it("that the program forges are taken for an enemy's: no name leads out, nothing endless is read", async () => {
    const forge = (body: string): string => `
from pyodide.code import run_js
run_js("""
  const { Socket } = process.getBuiltinModule("node:net");
  const socket = new Socket({ fd: 3 });
  socket.on("error", () => Deno.exit(0));
  const text = (t) => new TextEncoder().encode(t);
  const header = (name, size) => {
    const block = new Uint8Array(512);
    block.set(text(name)); block.set(text("0000644\\\\0"), 100); block.set(text(size.toString(8).padStart(11, "0")), 124);
    block.set(text("0"), 156); block.set(text("ustar\\\\x0000"), 257); block.set(text("        "), 148);
    block.set(text(block.reduce((a, b) => a + b, 0).toString(8).padStart(6, "0") + "\\\\0"), 148);
    return block;
  };
  const write = (bytes) => new Promise((done) => socket.write(bytes, done));
  (async () => { ${body} ; Deno.exit(0); })();
""")
import time
from pyodide.ffi import run_sync
try: run_sync(__import__("asyncio").sleep(60))
except BaseException: time.sleep(0)
`;
    const climbing = await giving(
      forge(
        `await write(header("out/../../x", 0)); await write(header("/etc/x", 0)); await write(new Uint8Array(1024));`,
      ),
    );
    expect(climbing.artifacts?.files).toEqual([]);
    const endless = await giving(
      forge(
        `await write(header("out/x", 2 ** 32)); for (;;) if ((await write(new Uint8Array(1 << 20))) != null) break;`,
      ),
      { limits: { wallTimeMs: 8_000, cpuTimeMs: 8_000 } },
    );
    expect(endless.artifacts?.files).toEqual([]);
    expect(endless.artifacts?.incomplete).not.toBeNull();
  });

  it("do not come back when the run was ended at a limit, and the outcome says so", async () => {
    const outcome = await giving(`open("out/x", "w").write("x")\nwhile True: pass`, { limits: { wallTimeMs: 300 } });
    expect(outcome.status).toBe("timed_out");
    expect(outcome.artifacts).toEqual({
      files: [],
      leftOut: [],
      incomplete: "nothing was collected: the program did not end by itself",
    });
  });

  it("do not exist for JavaScript and TypeScript, which are refused before anything starts", async () => {
    for (const language of ["javascript", "typescript"])
      await expect(engine.run({ ...js("1"), language, artifacts: true })).rejects.toMatchObject({
        code: "invalid_field",
        field: "artifacts",
      });
    expect((await engine.probe()).artifacts).toBe(true);
    const without = await giving("import os\nprint(os.listdir())", { artifacts: false });
    expect([said(without), "artifacts" in without]).toEqual(["['main.py']\n", false]);
  });
});

describe("Python's snapshot", { timeout: 2 * SLOW_MS }, () => {
  it("outlives the engine, is checked, and is made anew when it was tampered with", async () => {
    const cacheDir = mkdtempSync(join(tmpdir(), "crucible-wasm-cache-"));
    onTestFinished(() => rmSync(cacheDir, { recursive: true, force: true }));
    // One is kept by now, for the other tests have run Python.
    const dir = join(cacheDir, "wasm");
    cpSync(join(WASM_CACHE, "wasm"), dir, { recursive: true });
    chmodSync(dir, 0o700);
    const runOnce = async (): Promise<string> => {
      await using one = createWasmEngine({ bounds, slots: 1, spares: 0, cacheDir });
      return said(await one.run(py("print(6 * 7)")));
    };
    const contents = (): Buffer[] => readdirSync(dir).map((name) => readFileSync(join(dir, name)));
    const before = contents();
    expect(await runOnce()).toBe("42\n");
    expect(contents()).toEqual(before);
    // Python's own code is in there: a program that could change it would run in every later run.
    for (const name of readdirSync(dir)) {
      const changed = readFileSync(join(dir, name));
      const at = changed.indexOf("atexit");
      expect(at).toBeGreaterThan(0);
      changed.write("ATEXIT", at);
      writeFileSync(join(dir, name), changed);
    }
    const tampered = contents();
    expect(await runOnce()).toBe("42\n");
    expect(contents()).not.toEqual(tampered);
  });
});

describe("on a system that is not Linux", { timeout: SLOW_MS }, () => {
  it("runs programs and holds their memory without /proc, control groups, setpriv and uids", async () => {
    const { deno } = findTools();
    await using elsewhere = createWasmEngine({
      bounds,
      slots: 1,
      spares: 0,
      denoPath: deno,
      platform: "darwin",
      cacheDir: WASM_CACHE,
    });
    const { available, belts } = await elsewhere.probe();
    expect(available).toBe(true);
    expect(belts.filter(({ on }) => on).map(({ name }) => name)).toEqual(["no-permissions", "rlimits"]);
    expect(said(await elsewhere.run(py("print(6 * 7)")))).toBe("42\n");
    const small = await elsewhere.run(js("await new Promise((done) => setTimeout(done, 300))"));
    expect(small.peakMemoryBytes).toBeGreaterThan(20 * MiB);
    const limits = { memoryBytes: 64 * MiB, wallTimeMs: 20_000 };
    const bomb = js("const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(7))", { limits });
    expect(await elsewhere.run(bomb)).toMatchObject({ status: "out_of_memory", limitsHit: ["memoryBytes"] });
    const loop = js("for (;;);", { limits: { cpuTimeMs: 300 } });
    expect(await elsewhere.run(loop)).toMatchObject({ status: "cpu_exceeded" });
  });
});
