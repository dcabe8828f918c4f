/** The exported suite: what any engine must do, and what no program may do to it. Needs Vitest. */
export * from "./check.ts";
export { CONTRACT_CHECKS } from "./checks.ts";
export * from "./contract.ts";
export * from "./run-check.ts";
