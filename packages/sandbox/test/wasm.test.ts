import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { EngineUnavailableError, SpecError } from "../src/errors.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createSecretFile } from "../src/testing/host/secret-file.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/types.ts";
import { createWasmEngine } from "../src/wasm/engine.ts";
import { startService } from "./fixtures/service.ts";
import { WASM_CACHE } from "./fixtures/wasm-cache.ts";
import { attempts, got, js, MiB, noCgroups, program, py, said } from "./fixtures/wasm-programs.ts";

const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
/** The first Python run may make the snapshot; on a busy machine that takes a while. */
const SLOW_MS = 60_000;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

let engine: Engine;
beforeAll(async () => {
  engine = createWasmEngine({ bounds, slots: 4, cacheDir: WASM_CACHE });
});
afterAll(() => engine.close());

describe("the wasm engine", { timeout: SLOW_MS }, () => {
  it("reads no file of the host, whichever way it is asked for", async () => {
    await using secret = await createSecretFile(`{"secret": true}`);
    const file = JSON.stringify(secret.path);
    const url = JSON.stringify(`file://${secret.path}`);
    const inModule = (source: string): string =>
      `"data:text/javascript," + encodeURIComponent(${JSON.stringify(source)}.replaceAll("URL", ${url}))`;
    const worker = (specifier: string): string =>
      `new Promise((resolve, reject) => { const w = new Worker(${specifier}, { type: "module" }); w.onmessage = (e) => resolve(e.data); w.onerror = (e) => { e.preventDefault(); reject(new Error(e.message)); }; })`;
    const results = await attempts(engine, {
      deno: `Deno.readTextFileSync(${file})`,
      passwd: `Deno.readTextFileSync("/etc/passwd")`,
      node: `(await import("node:fs")).readFileSync(${file}, "utf8")`,
      promises: `(await import("node:fs/promises")).readFile(${file}, "utf8")`,
      stat: `Deno.statSync(${file}).size`,
      list: `[...Deno.readDirSync("/")].length`,
      import: `JSON.stringify(await import(${url}, { with: { type: "json" } }))`,
      text: `JSON.stringify(await import("file:///etc/passwd", { with: { type: "text" } }))`,
      inData: `import(${inModule(`import x from "URL" with { type: "json" }; globalThis.leak = x;`)})`,
      inBlob: `import(globalThis.URL.createObjectURL(new Blob([\`import "${secret.path}"\`], { type: "text/javascript" })))`,
      workerFile: worker(url),
      workerImports: worker(
        inModule(`import x from "URL" with { type: "json" }; self.postMessage(JSON.stringify(x));`),
      ),
      workerAsks: worker(
        inModule(
          `import("URL", { with: { type: "json" } }).then((x) => self.postMessage("read"), (e) => { throw e; });`,
        ),
      ),
      require: `(await import("node:module")).createRequire("file:///box/cwd/x.js")(${file})`,
      loader: `(await import("node:module")).default._load(${file}, null, true)`,
      hooks: `(await import("node:module")).registerHooks({ resolve: (s, c, n) => s === "leak" ? { url: ${url}, shortCircuit: true } : n(s, c) }) && JSON.stringify(await import("leak", { with: { type: "json" } }))`,
      fetch: `(await fetch(${url})).text()`,
      sqlite: `new (await import("node:sqlite")).DatabaseSync(${file})`,
      attach: `new (await import("node:sqlite")).DatabaseSync(":memory:").exec("ATTACH DATABASE '" + ${file} + "' AS x")`,
      env: `(await import("node:process")).default.loadEnvFile(${file})`,
      proc: `Deno.readTextFileSync("/proc/self/environ")`,
      write: `Deno.writeTextFileSync(${JSON.stringify(`${secret.path}.new`)}, "x")`,
      snapshot: `(await import("node:v8")).writeHeapSnapshot(${JSON.stringify(`${secret.path}.heap`)})`,
      link: `Deno.linkSync(${file}, ${JSON.stringify(`${secret.path}.link`)})`,
      watch: `Deno.watchFs("/")`,
    });
    expect(got(results)).toEqual([]);
    expect(Object.keys(results)).toHaveLength(25);
    expect(readdirSync(secret.directory)).toHaveLength(1);
  });

  it("reaches no network, starts nothing, loads nothing and learns nothing of the host", async () => {
    let visits = 0;
    const server = createServer((socket) => {
      visits += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const host = `127.0.0.1:${port}`;
    const results = await attempts(engine, {
      fetch: `fetch("http://${host}/")`,
      connect: `Deno.connect({ hostname: "127.0.0.1", port: ${port} })`,
      net: `new Promise((resolve, reject) => import("node:net").then((net) => net.connect(${port}, "127.0.0.1", resolve).on("error", reject)))`,
      http: `new Promise((resolve, reject) => import("node:http").then((http) => http.get("http://${host}/", resolve).on("error", reject)))`,
      socket: `new Promise((resolve, reject) => { const s = new WebSocket("ws://${host}/"); s.onopen = resolve; s.onerror = (e) => reject(new Error(e.message)); })`,
      unix: `Deno.connect({ transport: "unix", path: "/var/run/docker.sock" })`,
      listen: `Deno.listen({ port: 0 })`,
      names: `Deno.resolveDns("example.com", "A")`,
      lookup: `(await import("node:dns/promises")).lookup("example.com")`,
      remote: `import("http://${host}/x.js")`,
      npm: `import("npm:left-pad")`,
      jsr: `import("jsr:@std/path")`,
      run: `new Deno.Command("/bin/true").outputSync()`,
      exec: `(await import("node:child_process")).execFileSync("/bin/true")`,
      spawn: `new Promise((resolve, reject) => import("node:child_process").then((c) => c.spawn("/bin/true").on("exit", resolve).on("error", reject)))`,
      kill: `Deno.kill(Deno.ppid, "SIGTERM")`,
      nodeKill: `(await import("node:process")).default.kill(Deno.ppid, "SIGTERM")`,
      library: `Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})`,
      addon: `(await import("node:process")).default.dlopen({ exports: {} }, "/x.node")`,
      hostname: `Deno.hostname()`,
      users: `(await import("node:os")).userInfo().username`,
      memory: `Deno.systemMemoryInfo()`,
      interfaces: `Deno.networkInterfaces()`,
      storage: `localStorage.setItem("a", "b")`,
      cache: `(await caches.open("x")).put("http://a/", new Response("x"))`,
      inspector: `(await import("node:inspector")).open(0)`,
      more: `(await Deno.permissions.request({ name: "read" })).state === "granted" ? "read" : Promise.reject(new Error("denied"))`,
    });
    expect(got(results)).toEqual([]);
    expect(visits).toBe(0);
  });

  it("gives a program the variables of the request, and none of the service's or the engine's", async () => {
    const source = `
      import process from "node:process";
      const names = ["PATH", "DENO_DIR", "toString"];
      console.log(JSON.stringify([process.env, Deno.env.toObject(), names.map((name) => [Deno.env.has(name), Deno.env.get(name)])]));
    `;
    // Its own value for the bait, too.
    const own = { A: "1", AWS_SECRET_ACCESS_KEY: "mine" };
    const env = { ...own, LD_PRELOAD: "/x.so", DENO_AUDIT_PERMISSIONS: "/tmp/audit", NODE_OPTIONS: "--inspect" };
    expect(JSON.parse(said(await engine.run(js(source, { env }))))).toEqual([env, env, Array(3).fill([false, null])]);
  });

  it("gives Python nothing more: JavaScript's side door has no permission either", async () => {
    await using secret = await createSecretFile("");
    const source = `
import json, os, socket, subprocess, sys, urllib.request
results = {}
def attempt(name, work):
    try: results[name] = "got: " + str(work())
    except BaseException as error: results[name] = "refused: " + str(error)[:80]
import js, pyodide.http, pyodide.code
attempt("deno", lambda: js.Deno.readTextFileSync("/etc/passwd"))
attempt("run_js", lambda: pyodide.code.run_js("Deno.readTextFileSync('/etc/hostname')"))
attempt("command", lambda: js.Deno.Command.new("/bin/true").outputSync())
attempt("connect", lambda: socket.create_connection(("127.0.0.1", 1), timeout=1).send(b"x"))
attempt("url", lambda: urllib.request.urlopen("http://127.0.0.1/", timeout=1))
attempt("open_url", lambda: pyodide.http.open_url("file:///etc/passwd").read())
attempt("subprocess", lambda: subprocess.run(["/bin/true"]))
attempt("fork", lambda: os.fork())
attempt("native", lambda: pyodide.code.run_js("""(() => { const m = pyodide?._module ?? null; return m.FS.filesystems.NODEFS ? "nodefs" : null })()"""))
os.system("touch ${secret.path}.made")
results["shadow"] = os.path.exists("/etc/shadow")
results["root"] = sorted(os.listdir("/"))
print(json.dumps(results))
`;
    const results = JSON.parse(said(await engine.run(py(source)))) as Record<string, string>;
    const { root, shadow, ...tried } = results;
    expect(got(tried)).toEqual([]);
    expect(shadow).toBe(false);
    expect(readdirSync(secret.directory)).toHaveLength(1);
    expect(root).toEqual(["box", "dev", "home", "lib", "proc", "tmp"]);
  });

  it("keeps nothing between runs of one process image: no module, no random sequence, no file", async () => {
    const source = `
import builtins, os, random, json
print(json.dumps([random.random(), hasattr(builtins, "mark"), os.path.exists("/tmp/mark")]))
builtins.mark = 1
open("/tmp/mark", "w").close()
`;
    const first = JSON.parse(said(await engine.run(py(source)))) as [number, boolean, boolean];
    const second = JSON.parse(said(await engine.run(py(source)))) as [number, boolean, boolean];
    expect(first.slice(1)).toEqual([false, false]);
    expect(second.slice(1)).toEqual([false, false]);
    expect(second[0]).not.toBe(first[0]);
  });

  it("runs several files as Node would: CommonJS, ES modules, TypeScript, JSON", async () => {
    const files = {
      "main.ts": `import value, { a } from "./lib/common.cjs"; import { E } from "./types"; import data from "./data.json" with { type: "json" };
                  enum Q { B = 2 } interface I { n: number } const i: I = { n: data.n };
                  console.log(a, value.a, E.A, Q.B, i.n, (await import("./late.mjs")).late);`,
      "lib/common.cjs": `exports.a = require("../data.json").n; exports.own = __filename; if (require.main === module) throw 1;`,
      "types.ts": `export enum E { A = 7 }`,
      "data.json": `{ "n": 3 }`,
      "late.mjs": `export const late = "late";`,
    };
    const spec = {
      language: "typescript",
      files: Object.entries(files).map(([path, text]) => ({ path, content: encode(text) })),
    };
    expect(said(await engine.run(spec))).toBe("3 3 7 2 3 late\n");
    const common = `const fs = require("fs"); console.log(fs.readFileSync(0, "utf8"), process.argv.slice(2), require.main === module);`;
    const outcome = await engine.run(
      program("javascript", "main.js", common, { stdin: encode("in"), args: ["-x", "é"] }),
    );
    expect(said(outcome)).toBe(`in [ "-x", "é" ] true\n`);
  });

  it.each<[string, RunSpec, Partial<RunOutcome>]>([
    ["an exit code", js("Deno.exit(7)"), { status: "exited", exitCode: 7 }],
    ["an exit code of Python", py("raise SystemExit(9)"), { status: "exited", exitCode: 9 }],
    ["an uncaught error", js("throw new Error('x')"), { status: "exited", exitCode: 1 }],
    ["a syntax error", program("typescript", "a.ts", "const x: = 1"), { status: "exited", exitCode: 1 }],
    ["an abort", js(`import p from "node:process"; p.abort()`), { status: "signaled", signal: "SIGABRT" }],
    ["a loop", js("for (;;);", { limits: { cpuTimeMs: 300 } }), { status: "cpu_exceeded", limitsHit: ["cpuTimeMs"] }],
    ["a loop of Python", py("while True: pass", { limits: { wallTimeMs: 400 } }), { status: "timed_out" }],
    [
      "endless microtasks",
      js("const f = () => Promise.resolve().then(f); f();", { limits: { cpuTimeMs: 300 } }),
      { status: "cpu_exceeded" },
    ],
    [
      "a loop that takes no notice of the kernel's signal",
      js("Deno.addSignalListener('SIGXCPU', () => 0); for (;;);", { limits: { cpuTimeMs: 300 } }),
      { status: "cpu_exceeded" },
    ],
    ["an exit of Python past everything", py("import os\nos._exit(3)"), { status: "exited", exitCode: 3 }],
    ["a sleeper", js("setTimeout(() => 0, 1e9)", { limits: { wallTimeMs: 300 } }), { status: "timed_out" }],
    [
      "a flood",
      js("for (;;) console.log('x'.repeat(9999))", { limits: { stdoutBytes: 5000 } }),
      { status: "output_exceeded", stdoutTruncated: true },
    ],
  ])("names the end of %s", async (_name, spec, expected) => {
    expect(await engine.run(spec)).toMatchObject(expected);
  });

  const bombs: readonly [string, RunSpec][] = [
    ["a heap that grows", js("const a = []; for (;;) a.push(new Array(1000).fill(1.5))")],
    ["buffers beside the heap", js("const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(7))")],
    [
      "WebAssembly memory",
      js(
        "const m = new WebAssembly.Memory({ initial: 1, maximum: 65536 }); for (;;) { m.grow(16); new Uint8Array(m.buffer).fill(1); }",
      ),
    ],
    [
      "workers with heaps of their own",
      js(`const source = "const a = []; for (;;) a.push(new Array(1000).fill(1.5))";
          for (let n = 0; n < 8; n += 1) new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module" });
          setTimeout(() => 0, 1e6);`),
    ],
    ["a list of Python", py("a = []\nwhile True: a.append(bytearray(1 << 20))")],
  ];
  const ofBombs = (spec: RunSpec): RunSpec => ({ ...spec, limits: { memoryBytes: 64 * MiB, wallTimeMs: 20_000 } });

  it.each(bombs)("holds %s at the memory limit", async (_name, spec) => {
    expect(await engine.run(ofBombs(spec))).toMatchObject({ status: "out_of_memory", limitsHit: ["memoryBytes"] });
  });

  it("holds memory and processor time without control groups too", async () => {
    await using bare = createWasmEngine({ bounds, slots: 1, spares: 0, cgroups: noCgroups });
    expect((await bare.probe()).belts.find(({ name }) => name === "cgroup-memory")?.on).toBe(false);
    for (const [name, spec] of bombs.slice(0, 3)) {
      expect(await bare.run(ofBombs(spec)), name).toMatchObject({ status: "out_of_memory" });
    }
    const loop = await bare.run(js("for (;;);", { limits: { cpuTimeMs: 300 } }));
    expect(loop).toMatchObject({ status: "cpu_exceeded" });
  });

  it(
    "starts Python from a waiting process, in less than the time that loading it takes",
    async () => {
      // The waiting process is made in the background, and a run that comes too early takes it as it is.
      let setupMs = Infinity;
      for (let waitMs = 250; setupMs > 50 && waitMs < SLOW_MS; waitMs *= 2) {
        ({ setupMs } = await engine.run(py("pass")));
        if (setupMs > 50) await delay(waitMs);
      }
      expect(setupMs).toBeLessThan(50);
    },
    3 * SLOW_MS,
  );

  it("ends a sleeping program when the service is killed", async (context) => {
    const { belts } = await engine.probe();
    const belt = belts.find(({ name }) => name === "ends-with-service");
    if (belt?.on !== true) return context.skip(`ends-with-service is off: ${belt?.detail}`);
    const code = "import js, time\nprint(js.Deno.pid, flush=True)\ntime.sleep(600)";
    const service = startService({ engine: "wasm", code, limits: { wallTimeMs: 60_000 } });
    await service.next();
    const { output } = await service.next();
    // What nobody has reaped yet has no command line.
    const isAlive = (): boolean => {
      try {
        return readFileSync(`/proc/${Number(output)}/cmdline`, "latin1").includes("deno");
      } catch {
        return false;
      }
    };
    expect(isAlive()).toBe(true);
    await service.kill();
    await expect.poll(isAlive).toBe(false);
  });

  it("refuses languages that it does not run, naming those that it does", async () => {
    const error: unknown = await engine.run(program("c", "main.c", "int main;")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SpecError);
    expect(error).toMatchObject({
      code: "language_not_installed",
      message: "the wasm engine does not run c; it runs python, javascript, typescript",
    });
    expect(engine.languages?.map(({ name }) => name)).toEqual(["python", "javascript", "typescript"]);
  });

  it("is not available without Deno, and says what brings it", async () => {
    await using missing = createWasmEngine({ bounds, slots: 1, denoPath: "/nonexistent/deno" });
    expect(await missing.probe()).toMatchObject({
      available: false,
      reason: expect.stringContaining("deno") as string,
    });
    const outcome = await missing.run(js("1")).catch((error: unknown) => error);
    expect(outcome instanceof EngineUnavailableError || (outcome as RunOutcome).status === "sandbox_failed").toBe(true);
  });
});
