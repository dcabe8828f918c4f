import type { SelfcheckReport } from "@crucible/contract";
import {
  createEngines,
  createSubprocessEngine,
  detectLanguages,
  type DockerSettings,
  MAX_LIMITS,
  MIN_LIMITS,
  sweepLeftovers,
} from "@crucible/sandbox";
import { thisHost } from "../doctor/host.ts";
import { carryOut, type SelfcheckParts, type SelfcheckPlan } from "./carry-out.ts";
import { buildReport } from "./report.ts";

/** What engines are made with. */
export interface ProofSettings {
  readonly allowUnsafe: boolean;
  readonly ociRootfs: string | undefined;
  readonly docker: DockerSettings | undefined;
}

/** As many as the tests of the contract use: several checks run twenty programs at once. */
const SLOTS = 8;
/** The languages that the attacks are written in. */
const LANGUAGES = ["python", "bash", "c"];

/**
 * Carries out a plan on this host and writes the report of it; with controls unless it is quick.
 * @param path directories in which tools are looked for, as in `PATH`.
 * @throws CliProblem when there is nothing to test.
 */
export async function proveHost(
  plan: SelfcheckPlan,
  { allowUnsafe, ociRootfs, docker }: ProofSettings,
  { path, ...parts }: Pick<SelfcheckParts, "signal" | "onProgress"> & { readonly path: string },
): Promise<SelfcheckReport> {
  const [languages] = await Promise.all([detectLanguages(LANGUAGES), sweepLeftovers()]);
  const options = { languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: SLOTS };
  const startedAt = performance.now();
  const { engines, chosen, checks, controls } = await carryOut(plan, {
    ...parts,
    makeEngines: () => createEngines({ ...options, allowUnsafe, ociRootfs, docker }),
    makeBare: plan.quick ? null : () => createSubprocessEngine({ ...options, allowUnsafe: true }),
  });
  const findings = {
    engines,
    checks,
    controls,
    scope: { engines: chosen, groups: plan.groups, quick: plan.quick },
    durationMs: performance.now() - startedAt,
  };
  return await buildReport(findings, thisHost(path), new Date());
}
