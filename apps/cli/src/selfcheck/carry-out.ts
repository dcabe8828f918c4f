import type { SelfcheckGroup, SelfcheckResult } from "@crucible/contract";
import type { Engine, ProbeReport } from "@crucible/sandbox";
import { type ControlResult, runControl, runSelfcheck, SELFCHECKS, type SelfCheck } from "@crucible/sandbox/selfcheck";
import { CliProblem } from "../problem.ts";

/** What is to be carried out. */
export interface SelfcheckPlan {
  /** By name; null takes every engine that works here and isolates. */
  readonly engines: readonly string[] | null;
  readonly groups: readonly SelfcheckGroup[];
  readonly quick: boolean;
}

export interface SelfcheckParts {
  /** Makes all engines anew; each is closed after use. */
  readonly makeEngines: () => readonly Engine[];
  /** Makes an engine of level `none` for the controls alone; null where controls are not wanted. */
  readonly makeBare: (() => Engine) | null;
  readonly signal: AbortSignal;
  /** Called after each check; `total` is known from the first call on. */
  readonly onProgress: (done: { readonly total: number; readonly failed: boolean }) => void;
}

export interface CarriedOut {
  readonly engines: readonly ProbeReport[];
  readonly chosen: readonly string[];
  readonly checks: readonly SelfcheckResult[];
  readonly controls: readonly ControlResult[];
}

async function probeOnce(made: Engine): Promise<ProbeReport> {
  await using engine = made;
  return await engine.probe();
}

/** One engine of this name; the others are closed. */
async function pick(makeEngines: () => readonly Engine[], name: string): Promise<Engine> {
  const all = makeEngines();
  await Promise.all(all.filter((engine) => engine.name !== name).map((engine) => engine.close()));
  const found = all.find((engine) => engine.name === name);
  if (found === undefined) throw new RangeError(`no engine ${name}`);
  return found;
}

/** @throws CliProblem when an engine that was named does not exist or work, or when none isolates. */
function choose(reports: readonly ProbeReport[], wanted: readonly string[] | null): string[] {
  for (const name of wanted ?? []) {
    const report = reports.find(({ engine }) => engine === name);
    if (report === undefined) {
      const names = reports.map(({ engine }) => engine).join(", ");
      throw new CliProblem(`there is no engine ${JSON.stringify(name)}`, `there are: ${names}`);
    }
    if (!report.available) {
      throw new CliProblem(`engine ${name} does not work here: ${report.reason ?? "unknown reason"}`, report.fix);
    }
  }
  if (wanted !== null) return [...new Set(wanted)];
  const isolating = reports.filter(({ available, isolation }) => available && isolation !== "none");
  if (isolating.length === 0) {
    const first = reports.find(({ isolation }) => isolation !== "none");
    throw new CliProblem(
      `no engine on this host isolates programs: ${first?.reason ?? ""}`,
      first?.fix ?? "see `crucible doctor`",
    );
  }
  return isolating.map(({ engine }) => engine);
}

/**
 * Probes the engines, then carries out the plan: one check at a time, for many of them measure the host itself.
 * @throws CliProblem when there is nothing to test.
 */
export async function carryOut(plan: SelfcheckPlan, parts: SelfcheckParts): Promise<CarriedOut> {
  const { makeEngines, makeBare, signal, onProgress } = parts;
  const engines = await Promise.all(makeEngines().map(async (engine) => await probeOnce(engine)));
  const chosen = choose(engines, plan.engines);
  const wanted = SELFCHECKS.filter(({ group, quick }) => plan.groups.includes(group) && (quick || !plan.quick));
  const total = wanted.length * (chosen.length + (makeBare === null ? 0 : 1));
  const step = (failed: boolean): void => onProgress({ total, failed });
  const checks: SelfcheckResult[] = [];
  for (const name of chosen) checks.push(...(await proveOne(name, wanted)));
  const controls = makeBare === null ? [] : await runControls(wanted, makeBare);
  return { engines, chosen, checks, controls };

  async function proveOne(name: string, selected: readonly SelfCheck[]): Promise<SelfcheckResult[]> {
    const create = (): Promise<Engine> => pick(makeEngines, name);
    await using engine = await create();
    const results: SelfcheckResult[] = [];
    for (const check of selected) {
      const result = await runSelfcheck(check, { engine, create }, { signal });
      results.push(result);
      step(result.status === "failed");
    }
    return results;
  }

  async function runControls(selected: readonly SelfCheck[], make: () => Engine): Promise<ControlResult[]> {
    await using engine = make();
    const results: ControlResult[] = [];
    for (const check of selected) {
      results.push(await runControl(check, { engine, create: async () => make() }, { signal }));
      step(false);
    }
    return results;
  }
}
