import { createReadStream, createWriteStream, readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { frameHead } from "./frame.ts";
import { ARTIFACTS_FD, spawnIsolate } from "./isolate.ts";
import type { Ready } from "./prepare.ts";
import { SNAPSHOT_BYTES } from "./snapshot-store.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import type { WasmTools } from "./tools.ts";

/** Pyodide's files in the order in which they are handed over; the standard library is not the host's. */
const FILES = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip"] as const;
const LOCK = "pyodide-lock.json";
const MAIN = new URL("inside/main.py", import.meta.url);
const CHUNK_BYTES = 1024 * 1024;
/** Loading Pyodide takes 1 to 2 s of processor time: more means that it has stopped. */
const MAKE_LIMITS = { memoryBytes: 1024 * 1024 * 1024, cpuSeconds: 120 };

/** What a process needs to become Python; with a snapshot it starts in a fifth of the time. */
export interface PythonImage {
  /**
   * Sees to the snapshot, once: the one that is kept, or a new one, made by a process that never runs a program.
   * Resolves in every case; without a snapshot Python still runs, only later.
   */
  prepare(host: Ready): Promise<void>;
  /** Hands everything over; a process that has ended is for its owner to notice. */
  preload(stdin: Writable): Promise<void>;
  /** Resolves when nothing is being made or kept any more; the host's `closing` ends the making. */
  close(): Promise<void>;
}

interface Source {
  readonly path: string;
  readonly bytes: number;
  readonly open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

function fileSource(path: string, file: string): Source {
  return {
    path,
    bytes: statSync(file).size,
    open: () => createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>,
  };
}

function textSource(path: string, text: string): Source {
  const content = Buffer.from(text);
  return { path, bytes: content.length, open: () => [content] };
}

/** The callback comes in every case: written, or the reader has gone. */
const write = (stdin: Writable, chunk: Uint8Array): Promise<boolean> =>
  new Promise((resolve) => stdin.write(chunk, (error) => resolve(error == null)));

async function send(
  stdin: Writable,
  header: Readonly<Record<string, unknown>>,
  sources: readonly Source[],
): Promise<void> {
  if (!(await write(stdin, frameHead(header, sources)))) return;
  for (const source of sources) {
    for await (const chunk of source.open()) {
      if (!(await write(stdin, chunk))) return;
    }
  }
}

/** Everything that a snapshot is made of: whatever changes makes another one. */
function keyOf(tools: WasmTools, bootstrap: string): string {
  const files = FILES.map((name) => {
    const { size, mtimeMs } = statSync(join(tools.pyodideDir, name));
    return [name, size, mtimeMs];
  });
  const { denoVersion, pyodideVersion, pythonVersion } = tools;
  const { platform, arch } = process;
  return JSON.stringify({ denoVersion, pyodideVersion, pythonVersion, platform, arch, files, bootstrap });
}

/**
 * @param dir a directory of ours that no program can see.
 * @param store where snapshots outlive the process; null where they do not.
 */
export function createPythonImage(
  tools: WasmTools,
  dir: string,
  bootstrap: string,
  store: SnapshotStore | null,
): PythonImage {
  const lock = JSON.parse(readFileSync(join(tools.pyodideDir, LOCK), "utf8")) as object;
  const base = [
    ...FILES.map((name) => fileSource(name, join(tools.pyodideDir, name))),
    // Nothing can be downloaded, so there are no packages to name.
    textSource(LOCK, JSON.stringify({ ...lock, packages: {} })),
    textSource("main.py", readFileSync(MAIN, "utf8")),
  ];
  const key = keyOf(tools, bootstrap);
  const file = join(dir, "python-snapshot");
  let snapshot: Source | null = null;
  let preparing: Promise<void> | undefined;
  let keeping: Promise<unknown> = Promise.resolve();

  const make = async (host: Ready): Promise<boolean> => {
    const isolate = await spawnIsolate(host, "python", MAKE_LIMITS);
    const { signal } = host.closing;
    signal.addEventListener("abort", isolate.kill);
    try {
      // An abort of before the listener says nothing.
      if (signal.aborted) return false;
      isolate.child.stream(2).resume();
      isolate.child.stream(ARTIFACTS_FD).resume();
      const written = pipeline(isolate.child.stream(1), createWriteStream(file, { mode: 0o600 }));
      await Promise.all([send(isolate.child.stream(0), { makesSnapshot: true }, base), written]);
      const end = await isolate.child.ended;
      return end.kind === "ended" && end.exitCode === 0 && statSync(file).size <= SNAPSHOT_BYTES;
    } finally {
      signal.removeEventListener("abort", isolate.kill);
      await isolate.close();
    }
  };
  const prepare = async (host: Ready): Promise<void> => {
    const isKept = (await store?.load(key, file)) === true;
    if (!isKept && !(await make(host).catch(() => false))) {
      await rm(file, { force: true });
      return;
    }
    snapshot = fileSource("snapshot", file);
    if (!isKept && store !== null) keeping = store.save(key, file);
  };
  return {
    prepare: (host) => {
      preparing ??= prepare(host);
      return preparing;
    },
    preload: (stdin) => send(stdin, { makesSnapshot: false }, snapshot === null ? base : [...base, snapshot]),
    close: async () => {
      await preparing;
      await keeping;
    },
  };
}
