import { AssertionError } from "node:assert/strict";
import type { Check, CheckTarget } from "./check.ts";
import { CheckInconclusiveError, CheckNotApplicableError } from "./check.ts";

/** How a check came out. Only `held` is a pass; `not_applicable` names what the host lacks. */
export type CheckVerdict =
  | { readonly verdict: "held" }
  | { readonly verdict: "broken" | "inconclusive"; readonly error: Error }
  | { readonly verdict: "not_applicable"; readonly reason: string };

async function missing({ belts }: Check, { engine }: CheckTarget): Promise<string | null> {
  const report = await engine.probe();
  if (!report.available) return `${engine.name} is not available: ${report.reason}; ${report.fix ?? "no known fix"}`;
  const off = report.belts.find(({ name, on }) => !on && belts.includes(name));
  return off === undefined ? null : `${off.name} is off: ${off.detail}`;
}

/**
 * Carries out one check, outside of any test runner too.
 * Throws what is neither a verdict nor the check's own: a bug of the suite or of the engine.
 */
export async function runCheck(check: Check, target: CheckTarget): Promise<CheckVerdict> {
  const lacking = await missing(check, target);
  if (lacking !== null) return { verdict: "not_applicable", reason: lacking };
  try {
    await check.run(target);
    return { verdict: "held" };
  } catch (error) {
    if (error instanceof AssertionError) return { verdict: "broken", error };
    if (error instanceof CheckInconclusiveError) return { verdict: "inconclusive", error };
    if (error instanceof CheckNotApplicableError) return { verdict: "not_applicable", reason: error.message };
    throw error;
  }
}
