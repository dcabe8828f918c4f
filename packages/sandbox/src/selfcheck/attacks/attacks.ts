import type { Check } from "../../testing/check.ts";
import type { SelfcheckGroup } from "../types.ts";
import { fileAttacks } from "./files.ts";
import { integrityAttacks } from "./integrity.ts";
import { kernelAttacks } from "./kernel.ts";
import { networkAttacks } from "./network.ts";
import { processAttacks } from "./processes.ts";
import { resourceAttacks } from "./resources.ts";
import { secretAttacks } from "./secrets.ts";
import { tenancyAttacks } from "./tenancy.ts";

/** Attacks beyond the contract's, by the group of the report. */
export const ATTACKS: Readonly<Record<SelfcheckGroup, readonly Check[]>> = {
  resources: resourceAttacks,
  processes: processAttacks,
  files: fileAttacks,
  kernel: kernelAttacks,
  network: networkAttacks,
  secrets: secretAttacks,
  tenancy: tenancyAttacks,
  integrity: integrityAttacks,
};
