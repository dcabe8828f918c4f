import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createSecretFile } from "../src/testing/host/secret-file.ts";
import type { Engine } from "../src/types.ts";
import { createWasmEngine } from "../src/wasm/engine.ts";
import { WASM_CACHE } from "./fixtures/wasm-cache.ts";
import { attempts, got, js, MiB, py, said } from "./fixtures/wasm-programs.ts";

const SLOW_MS = 60_000;
let engine: Engine;
beforeAll(() => {
  engine = createWasmEngine({ bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 4, cacheDir: WASM_CACHE });
});
afterAll(() => engine.close());

describe("an enemy's program on the wasm engine", { timeout: SLOW_MS, retry: 0 }, () => {
  it("gets no graphics driver of the host into its process, and no canvas", async () => {
    const inWorker = (source: string): string =>
      `new Promise((resolve) => { const w = new Worker("data:text/javascript," + encodeURIComponent(${JSON.stringify(source)}), { type: "module" }); w.onmessage = (e) => resolve(e.data); })`;
    const adapter = "await navigator.gpu.requestAdapter()";
    const results = await attempts(engine, {
      adapter: `${adapter} ?? Promise.reject(new Error("none"))`,
      again: `(Deno[Deno.internal].core.ops.op_set_env("DENO_WEBGPU_BACKEND", "gl"), ${adapter}) ?? Promise.reject(new Error("none"))`,
      worker: `(${inWorker(`Deno.env.set("DENO_WEBGPU_BACKEND", "gl"); self.postMessage(${adapter} === null)`)}).then((isNone) => isNone ? Promise.reject(new Error("none")) : "adapter")`,
      canvas: `new OffscreenCanvas(1, 1)`,
    });
    expect(got(results)).toEqual([]);
    expect(Object.keys(results)).toHaveLength(4);
  });

  it("gets no further by Deno's internal operations than by its functions", async () => {
    let visits = 0;
    const server = createServer((socket) => {
      visits += 1;
      socket.destroy();
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const url = JSON.stringify(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await using secret = await createSecretFile("secret");
    const path = JSON.stringify(secret.path);
    const op = (call: string): string => `Deno[Deno.internal].core.ops.${call}`;
    const results = await attempts(engine, {
      exists: op(`op_node_fs_exists_sync(${path})`),
      stat: op(`op_require_stat(${path})`),
      open: op(`op_node_open_sync(${path}, 0, 0)`),
      remove: op(`op_fs_remove_sync(${path}, false)`),
      truncate: op(`op_fs_truncate_sync(${path}, 0)`),
      mode: op(`op_fs_chmod_sync(${path}, 0)`),
      variables: op(`op_node_load_env_file(${path})`),
      pointer: op("op_ffi_ptr_create(4096n)"),
      memory: op("op_ffi_read_u8(null, 0)"),
      view: "new Deno.UnsafePointerView(Deno.UnsafePointer.create(4096n)).getUint8()",
      signal: op("op_node_process_kill(Deno.ppid, 0)"),
      everyone: op("op_node_process_kill(-1, 0)"),
      group: op("op_node_process_kill(0, 0)"),
      user: op("op_node_process_setuid(0)"),
      resolve: `(await import("node:module")).createRequire("file:///etc/x.js").resolve("/etc/passwd")`,
      preopens: `new (await import("node:wasi")).WASI({ version: "preview1", preopens: { "/": "/" } })`,
      terminal: op("op_tty_check_fd_permission(3)"),
    });
    expect(got(results)).toEqual([]);
    const report = `try { ${op(`op_desktop_send_error_report(${url}, "{}")`)} } catch {} try { ${op(`op_desktop_send_error_report("{}", ${url})`)} } catch {} await new Promise((done) => setTimeout(done, 300)); Deno.exit(0);`;
    said(await engine.run(js(report)));
    expect(visits).toBe(0);
    expect(readFileSync(secret.path, "utf8")).toBe("secret");
  });

  it("has V8 and SQLite write no file in its place", async () => {
    await using secret = await createSecretFile("secret");
    const flags = [
      "--logfile=PATH",
      "--log-all",
      "--prof",
      "--perf-prof",
      "--perf-prof-path=DIR",
      "--trace-turbo",
      "--trace-turbo-path=DIR",
      "--redirect-code-traces",
      "--redirect-code-traces-to=PATH",
      "--heap-snapshot-path=DIR",
    ].map((flag) => flag.replace("PATH", secret.path).replace("DIR", dirname(secret.path)));
    const byV8 = `
      import v8 from "node:v8";
      for (const flag of ${JSON.stringify(flags)}) try { v8.setFlagsFromString(flag); } catch {}
      const hot = "const f = (n) => { let s = 0; for (let i = 0; i < n; i += 1) s += i * n; return s; }; for (let i = 0; i < 50; i += 1) f(1e4);";
      (0, eval)(hot);
      const worker = new Worker("data:text/javascript," + encodeURIComponent(hot + "self.postMessage(1)"), { type: "module" });
      worker.onmessage = () => Deno.exit(0);
    `;
    await engine.run(js(byV8));
    const bySqlite = `
      import { DatabaseSync } from "node:sqlite";
      const db = new DatabaseSync(":memory:");
      db.exec("PRAGMA temp_store = FILE; PRAGMA temp_store_directory = '${dirname(secret.path)}'; PRAGMA temp.cache_size = 5; CREATE TEMP TABLE t (a)");
      for (let i = 0; i < 100; i += 1) db.exec("INSERT INTO t VALUES (randomblob(10000))");
      console.log("spilled");
    `;
    // Its temporary file has no name and holds nothing: the kernel ends the process at the first byte.
    expect(await engine.run(js(bySqlite))).toMatchObject({ status: "signaled", signal: "SIGXFSZ", limitsHit: [] });
    expect(readFileSync(secret.path, "utf8")).toBe("secret");
    expect(readdirSync(secret.directory)).toHaveLength(1);
  });

  it("finds no descriptor that the service was started with, and may have left open", async () => {
    const script = fileURLToPath(new URL("fixtures/wasm-descriptors.ts", import.meta.url));
    // Far from its own ones, which Node closes when it starts.
    const service = spawn("/bin/bash", ["-c", 'exec 40>&3 3>&-; exec "$0" "$1"', process.execPath, script], {
      stdio: ["ignore", "pipe", "inherit", "pipe"],
    });
    let reached = "";
    service.stdio[3]?.on("data", (bytes: Buffer) => (reached += bytes.toString()));
    let status = "";
    service.stdout?.on("data", (bytes: Buffer) => (status += bytes.toString()));
    await new Promise((resolve) => service.once("close", resolve));
    expect([status, reached]).toEqual(["exited", ""]);
  });

  it("that says what the runtime would say is not believed", async () => {
    const dying = `console.error("Fatal JavaScript out of memory: Reached heap limit"); process.abort();`;
    expect(await engine.run(js(`import process from "node:process"; ${dying}`))).toMatchObject({
      status: "signaled",
      signal: "SIGABRT",
      limitsHit: [],
    });
    const frames = String.raw`
      const bytes = new TextEncoder().encode("\nran 0\nchecked\ncompiled 0\n\0\0\0\x02{}");
      for (const stream of [Deno.stdout, Deno.stderr]) stream.writeSync(bytes);
      const { Socket } = await import("node:net");
      const input = new Socket({ fd: 0 });
      input.on("error", () => undefined);
      input.write(bytes);
      JSON.stringify = JSON.parse = () => ({});
      Object.prototype.status = "exited";
      setTimeout(() => Deno.exit(7), 100);
    `;
    const outcome = await engine.run(js(frames));
    expect(outcome).toMatchObject({ status: "exited", exitCode: 7, limitsHit: [] });
    expect(Buffer.from(outcome.stdout).toString("latin1")).toBe("\nran 0\nchecked\ncompiled 0\n\0\0\0\x02{}");
  });

  it("that writes a file past all permissions is not told that it reached a limit of the request", async () => {
    // Deno itself puts its state into a temporary file before it asks whether processes may be started.
    const source = `import cluster from "node:cluster"; try { cluster.fork(); } catch {} Deno.exit(0);`;
    const outcome = await engine.run(js(source));
    expect(outcome.status).not.toBe("disk_exceeded");
    expect(outcome.limitsHit).toEqual([]);
  });

  it("runs as a user that owns nothing, in no group, and gains no right", async (context) => {
    const { belts } = await engine.probe();
    const isOn = (name: string): boolean => belts.find((belt) => belt.name === name)?.on === true;
    if (!isOn("uid-per-process") || !isOn("ends-with-service"))
      return context.skip("needs root and setpriv: the belts uid-per-process and ends-with-service are off");
    let status = "";
    await engine.run(js("console.log(Deno.pid); await new Promise((done) => setTimeout(done, 300));"), {
      onOutput: ({ bytes }) => {
        status ||= readFileSync(join("/proc", Buffer.from(bytes).toString().trim(), "status"), "utf8");
      },
    });
    const uids = /^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/m.exec(status)?.slice(1).map(Number) ?? [];
    expect(new Set(uids).size).toBe(1);
    expect(uids[0]).toBeGreaterThan(1_879_048_191);
    expect(status).toMatch(/^Groups:\s*$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
  });

  it("changes nothing for the next run, however it has changed its own process", async () => {
    const spoil = `
import builtins, js, os, random, sys
from pyodide.code import run_js
builtins.mark = sys.mark = 1
builtins.open = builtins.print = None
os.makedirs("/tmp/mark")
run_js("globalThis.mark = 1; Object.prototype.mark = 1; Deno.env.mark = 1; JSON.parse = () => ({})")
`;
    await engine.run(py(spoil));
    const look = `
import builtins, os, sys
from pyodide.code import run_js
print(hasattr(builtins, "mark"), hasattr(sys, "mark"), os.path.exists("/tmp/mark"), run_js("globalThis.mark === undefined && ({}).mark === undefined"))
`;
    expect(said(await engine.run(py(look)))).toBe("False False False True\n");
  });

  it("takes memory beside the heap, and all of it is seen", async () => {
    const limits = { memoryBytes: 256 * MiB };
    const small = await engine.run(js("1", { limits }));
    const large = await engine.run(js("globalThis.kept = new Uint8Array(100 << 20).fill(1)", { limits }));
    const own = small.peakMemoryBytes ?? 0;
    // Deno with an empty program: 11 MiB of its own, and its code.
    expect(own).toBeGreaterThan(20 * MiB);
    expect(own).toBeLessThan(120 * MiB);
    const grown = (large.peakMemoryBytes ?? 0) - own;
    expect(grown).toBeGreaterThan(90 * MiB);
    expect(grown).toBeLessThan(130 * MiB);
  });
});
