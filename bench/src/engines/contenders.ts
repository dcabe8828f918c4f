import { setTimeout as delay } from "node:timers/promises";
import {
  createEngines,
  createWasmEngine,
  detectLanguages,
  type Engine,
  type EnginesOptions,
  MAX_LIMITS,
  MIN_LIMITS,
} from "@crucible/sandbox";
import { check, CODE, type Contender } from "../contenders.ts";
import { idleBytes } from "./memory.ts";

/** An engine in one way of using it. */
export interface Variant {
  readonly name: string;
  /** Options of the engine besides the common ones; `idle`: what it keeps waiting for one slot. */
  readonly options: Partial<Pick<EnginesOptions, "docker" | "pool" | "warm">> & { readonly spares?: number };
  readonly engine: string;
  /** A request comes this long after the last, so that what is prepared in between is ready. Not counted. */
  readonly pauseMs?: number;
  /** Until every slot has what it forks from. Default: a few. */
  readonly warmUpRuns?: number;
}

/** Preparing a sandbox in the background takes up to half a second (gVisor), loading Pyodide about three times that. */
export const VARIANTS: readonly Variant[] = [
  { name: "subprocess", engine: "subprocess", options: {} },
  { name: "wasm, afresh", engine: "wasm", options: { spares: 0 } },
  { name: "wasm, prepared", engine: "wasm", options: { spares: 1 }, pauseMs: 2_000 },
  { name: "bubblewrap, afresh", engine: "bubblewrap", options: {} },
  { name: "bubblewrap, forked", engine: "bubblewrap", options: { warm: true }, warmUpRuns: 80 },
  { name: "runc, afresh", engine: "runc", options: {} },
  { name: "runc, prepared", engine: "runc", options: { pool: 4 }, pauseMs: 400 },
  { name: "crun, afresh", engine: "crun", options: {} },
  { name: "crun, prepared", engine: "crun", options: { pool: 4 }, pauseMs: 400 },
  { name: "docker, afresh", engine: "docker", options: {} },
  { name: "gvisor, afresh", engine: "gvisor", options: {} },
  { name: "gvisor, prepared", engine: "gvisor", options: { pool: 4 }, pauseMs: 800 },
];

const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };

/** One engine of the host, as it is used here; the rest that `createEngines` makes is closed again. */
async function engineOf({ engine: name, options }: Variant, slots: number): Promise<Engine> {
  const languages = await detectLanguages(["python"]);
  const { spares, ...rest } = options;
  if (name === "wasm" && spares !== undefined) return createWasmEngine({ bounds, slots, spares });
  const all = createEngines({ languages, bounds, slots, allowUnsafe: true, ...rest });
  await Promise.all(all.filter((one) => one.name !== name).map((one) => one.close()));
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no engine ${name}`);
  return found;
}

/** A contender that also knows what its engine is and what a run took. */
export interface EngineContender extends Contender {
  readonly variant: Variant;
  readonly isolation: string;
  /** Of the last run, bytes; null where the host cannot measure it. */
  peakMemoryBytes(): number | null;
}

/** @returns why it cannot be measured here, as text, where it cannot. */
export async function openContender(variant: Variant, slots: number): Promise<EngineContender | string> {
  const engine = await engineOf(variant, slots);
  const report = await engine.probe();
  if (!report.available) {
    await engine.close();
    return report.reason ?? "it is not available";
  }
  const files = [{ path: "main.py", content: new TextEncoder().encode(CODE) }];
  let peak: number | null = null;
  return {
    name: variant.name,
    variant,
    isolation: engine.isolation,
    ...(variant.pauseMs === undefined ? {} : { pauseMs: variant.pauseMs }),
    ...(variant.warmUpRuns === undefined ? {} : { warmUpRuns: variant.warmUpRuns }),
    run: async () => {
      const outcome = await engine.run({ language: "python", files });
      if (outcome.status !== "exited") throw new Error(`${variant.name}: ${outcome.status} ${outcome.reason}`);
      check(variant.name, new TextDecoder().decode(outcome.stdout));
      peak = outcome.peakMemoryBytes;
    },
    peakMemoryBytes: () => peak,
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

/** Bytes that one prepared sandbox (or started interpreter) takes while it waits; null where nothing waits. */
export async function idleMemory(variant: Variant): Promise<number | null> {
  const { warm, pool, spares } = variant.options;
  if (warm !== true && pool === undefined && (spares ?? 0) === 0) return null;
  const before = await idleBytes();
  const one = { ...variant, options: { ...variant.options, ...(pool === undefined ? {} : { pool: 1 }) } };
  const contender = await openContender(one, 1);
  if (typeof contender === "string") return null;
  await using _closing = contender;
  for (let run = 0; run < 3; run += 1) {
    await contender.run();
    await delay(variant.pauseMs ?? 0);
  }
  const after = await idleBytes();
  return before === null || after === null ? null : after - before;
}
