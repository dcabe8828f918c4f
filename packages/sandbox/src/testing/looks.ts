/** Things to look at inside a sandbox, which one program can look at together. */
import type { Engine } from "../types.ts";
import type { CheckTarget } from "./check.ts";
import { python, runReport } from "./programs.ts";

/** Python: what is looked at by name, each an expression whose value JSON has. None may change what another sees. */
export interface Looks {
  readonly prelude: string;
  readonly expressions: Readonly<Record<string, string>>;
}

/** Reports of the engine under test, by what was looked at; null where that program did not come to its end. */
export type KnownReports = Map<Looks, Promise<Readonly<Record<string, unknown>> | null>>;

/** A kernel of the sandbox's own takes seconds for dozens of looks on a busy host. */
const LOOK_LIMITS = { wallTimeMs: 30_000, cpuTimeMs: 30_000 };

function look(
  engine: Engine,
  { prelude, expressions }: Looks,
  names: readonly string[],
): Promise<Record<string, unknown>> {
  const parts = names.map((name) => `${JSON.stringify(name)}: ${expressions[name]}`);
  const source = `${prelude}\nimport json\nprint(json.dumps({${parts.join(", ")}}))`;
  return runReport(engine, python(source, { limits: LOOK_LIMITS }));
}

/**
 * What is seen inside. One program looks at everything where the target remembers reports: starting one costs more than
 * all it does. Without that, or where that program does not end well, each look has a program of its own.
 * @throws CheckInconclusiveError when that did not come to its end.
 */
export async function seen<T>({ engine, reports }: CheckTarget, looks: Looks, name: string): Promise<T> {
  if (looks.expressions[name] === undefined) throw new Error(`nothing is called ${name}`);
  let all = reports?.get(looks);
  if (all === undefined && reports !== undefined) {
    all = look(engine, looks, Object.keys(looks.expressions)).catch(() => null);
    reports.set(looks, all);
  }
  const report = (await all) ?? (await look(engine, looks, [name]));
  // The program is the check's own, so its shape is known.
  return report[name] as T;
}
