import type { Engine } from "../types.ts";
import { SELFCHECKS } from "./catalogue.ts";
import { notPromised } from "./promises.ts";
import { runSelfcheck } from "./run.ts";
import type { SelfCheck, SelfcheckResult } from "./types.ts";

/**
 * Checks that take one short program each and speak of one defence each, best first. The server runs the first ten
 * that an engine promises before it offers that engine.
 */
const CHEAPEST = [
  "files.root-directory",
  "files.mounts",
  "files.cgroup-filesystem",
  "processes.process-ids",
  "kernel.capabilities-eff",
  "kernel.no-new-privileges",
  "kernel.seccomp",
  "kernel.not-root-inside",
  "network.interfaces",
  "network.tcp-loopback",
  "secrets.host-processes",
  "files.descriptors",
  "kernel.namespace-net",
  "kernel.hostname",
  "network.abstract-socket",
  "integrity.exit-codes",
  "integrity.forged-report-in-output",
] as const;

const START_CHECKS = 10;

/** An engine broke a promise before it was offered. */
export class SelfcheckFailedError extends Error {
  readonly code = "selfcheck_failed";
  readonly engine: string;
  readonly failed: readonly SelfcheckResult[];
  constructor(engine: string, failed: readonly SelfcheckResult[]) {
    const what = failed.map(({ id, detail }) => `${id} (${detail})`).join("; ");
    super(`engine ${engine} does not hold what it promises, so it is not offered: ${what}`);
    this.name = "SelfcheckFailedError";
    this.engine = engine;
    this.failed = failed;
  }
}

/** The checks that the server runs on an engine at its start: ten, or fewer where the level promises fewer. */
export function startChecksFor(engine: Pick<Engine, "name" | "isolation">): SelfCheck[] {
  return CHEAPEST.map((id) => {
    const found = SELFCHECKS.find((check) => check.id === id);
    if (found === undefined) throw new Error(`there is no self-check ${id}`);
    return found;
  })
    .filter((check) => notPromised(check, engine) === null)
    .slice(0, START_CHECKS);
}

/**
 * Runs the start checks at the same time, as far as the engine has slots.
 * @returns their results; those that were skipped say why.
 * @throws SelfcheckFailedError when one of them failed.
 */
export async function proveAtStart(engine: Engine): Promise<readonly SelfcheckResult[]> {
  const create = (): Promise<Engine> => Promise.reject(new Error("no start check makes an engine of its own"));
  const results = await Promise.all(startChecksFor(engine).map((check) => runSelfcheck(check, { engine, create })));
  const failed = results.filter(({ status }) => status === "failed");
  if (failed.length > 0) throw new SelfcheckFailedError(engine.name, failed);
  return results;
}
