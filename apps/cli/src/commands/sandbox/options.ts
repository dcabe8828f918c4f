import type { SessionSpec } from "@crucible/sandbox";
import { parseEnv, parseIsolation } from "../../run/options.ts";
import { parseLimits } from "../../units.ts";

/** What `exec` and `shell` take for a sandbox of their own. */
export interface SandboxOptions {
  readonly limit: readonly string[];
  readonly env: readonly string[];
  readonly allowHost: readonly string[];
  readonly engine?: string;
  readonly atLeast?: string;
  readonly image?: string;
}

/** @throws CliProblem for what cannot be read. */
export function specOf(options: SandboxOptions): SessionSpec {
  const limits = Object.entries(parseLimits(options.limit)).filter(([, value]) => value !== undefined);
  return {
    env: parseEnv(options.env),
    limits: Object.fromEntries(limits),
    ...(options.image === undefined ? {} : { image: options.image }),
    ...(options.allowHost.length === 0 ? {} : { network: { allow: [...options.allowHost] } }),
  };
}

export const isolationOf = ({ engine, atLeast }: SandboxOptions): ReturnType<typeof parseIsolation> =>
  parseIsolation(engine, atLeast);
