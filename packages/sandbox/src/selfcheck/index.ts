/** Proof of the isolation on the host itself: attacks with controls, as data and as functions. Needs no test runner. */
export { SELFCHECKS } from "./catalogue.ts";
export { notPromised } from "./promises.ts";
export { runControl, runSelfcheck } from "./run.ts";
export type { SelfcheckOptions, SelfcheckSubject } from "./run.ts";
export { proveAtStart, SelfcheckFailedError, startChecksFor } from "./start.ts";
export * from "./types.ts";
