/** What the checks of resources share. */
import assert from "node:assert/strict";
import type { RunOutcome } from "../../types.ts";
import { describeOutcome } from "../programs.ts";

export const MiB = 1024 * 1024;

/** Why bombs are not let off on an engine without isolation. */
export const noCgroup = { notRun: "nothing would hold it back, and the host would feel it" } as const;

/** @throws AssertionError when the end of the run is blamed on the sandbox. */
export function assertContained(outcome: RunOutcome): void {
  assert.notEqual(outcome.status, "sandbox_failed", describeOutcome(outcome));
}
