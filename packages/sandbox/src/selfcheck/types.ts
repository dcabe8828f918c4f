/** What a self-check is: a check of the contract, or a further attack, with what a report needs to say of it. */
import type { Check, ControlExpectation } from "../testing/check.ts";

/** The subjects of a report, in its order. */
export const SELFCHECK_GROUPS = [
  "resources",
  "processes",
  "files",
  "kernel",
  "network",
  "secrets",
  "tenancy",
  "integrity",
] as const;
export type SelfcheckGroup = (typeof SELFCHECK_GROUPS)[number];

/** One attack or conformance check of the report. */
export interface SelfCheck {
  /** `group.name`, stable. */
  readonly id: string;
  readonly group: SelfcheckGroup;
  /** The behaviour, in the present tense. */
  readonly title: string;
  /** The incident, CVE, or class of incidents that it stands for. */
  readonly incident: string;
  /** What is expected without isolation; null for behaviour that needs none. */
  readonly control: ControlExpectation | null;
  /** Part of `--quick`. */
  readonly quick: boolean;
  /** Its `id` may differ: engines name what they do not promise by it. */
  readonly check: Check;
}

/**
 * `passed`: the promise was tested and held. `failed`: it was tested and did not hold. `not_promised`: the
 * engine's level does not promise it, and it was not run. `skipped`: nothing is known, for the reason in `detail`.
 */
export type SelfcheckStatus = "passed" | "failed" | "not_promised" | "skipped";

/** How one check came out on one engine. */
export interface SelfcheckResult {
  readonly id: string;
  readonly group: SelfcheckGroup;
  readonly engine: string;
  readonly status: SelfcheckStatus;
  /** Empty when passed; the reason otherwise. Begins with `inconclusive: ` where the attack itself broke. */
  readonly detail: string;
}

/** What `detail` of a skipped check begins with when a promise that could have been tested was not. */
export const INCONCLUSIVE = "inconclusive: ";

/**
 * What the same check found without isolation. `attack_succeeds`: the check can fail, so a pass means something.
 * `host_refuses`: already the host keeps the attack off. `not_run`: it would do harm, or touch what is not its own.
 * `inconclusive`: the attack broke.
 */
export type ControlStatus = "attack_succeeds" | "host_refuses" | "not_run" | "inconclusive";

/** The control of one check. */
export interface ControlResult {
  readonly id: string;
  readonly status: ControlStatus;
  readonly detail: string;
}
