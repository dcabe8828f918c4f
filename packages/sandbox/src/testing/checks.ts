/** Every check of the contract, as data. Nothing here needs a test runner. */
import type { Check } from "./check.ts";
import { cleanupChecks } from "./checks/cleanup.ts";
import { compileChecks } from "./checks/compile.ts";
import { fileSystemChecks } from "./checks/file-system.ts";
import { floodChecks } from "./checks/floods.ts";
import { leakChecks } from "./checks/leaks.ts";
import { memoryBombChecks } from "./checks/memory-bombs.ts";
import { processBombChecks } from "./checks/process-bombs.ts";
import { hostileRequestChecks } from "./checks/hostile-requests.ts";
import { takeoverChecks } from "./checks/takeover.ts";
import { hostFileChecks } from "./checks/host-files.ts";
import { inputOutputChecks } from "./checks/input-output.ts";
import { kernelChecks } from "./checks/kernel.ts";
import { networkChecks } from "./checks/network.ts";
import { outcomeChecks } from "./checks/outcomes.ts";
import { outputLimitChecks } from "./checks/output-limits.ts";
import { persistenceChecks } from "./checks/persistence.ts";
import { processChecks } from "./checks/processes.ts";
import { secretChecks } from "./checks/secrets.ts";
import { specErrorChecks } from "./checks/spec-errors.ts";
import { systemCallChecks } from "./checks/system-calls.ts";
import { tenancyChecks } from "./checks/tenancy.ts";

export * from "./check.ts";
export * from "./run-check.ts";

/** In the order of `CHECK_GROUPS`; ids are unique. */
export const CONTRACT_CHECKS: readonly Check[] = [
  ...outcomeChecks,
  ...outputLimitChecks,
  ...compileChecks,
  ...inputOutputChecks,
  ...specErrorChecks,
  ...processBombChecks,
  ...memoryBombChecks,
  ...floodChecks,
  ...processChecks,
  ...takeoverChecks,
  ...hostileRequestChecks,
  ...hostFileChecks,
  ...fileSystemChecks,
  ...leakChecks,
  ...persistenceChecks,
  ...secretChecks,
  ...kernelChecks,
  ...systemCallChecks,
  ...networkChecks,
  ...tenancyChecks,
  ...cleanupChecks,
];
