import { arch, cpus, release, totalmem } from "node:os";
import type { SelfcheckCounts, SelfcheckGroup, SelfcheckReport, SelfcheckResult } from "@crucible/contract";
import type { ProbeReport } from "@crucible/sandbox";
import { INCONCLUSIVE, SELFCHECKS, type ControlResult } from "@crucible/sandbox/selfcheck";
import { hostChecks } from "../doctor/checks.ts";
import type { Host } from "../doctor/host.ts";
import manifest from "../../package.json" with { type: "json" };
import { reportHash } from "./canonical.ts";
import { commitOf } from "./commit.ts";

/** What a run of self-checks gives. */
export interface Findings {
  readonly engines: readonly ProbeReport[];
  readonly checks: readonly SelfcheckResult[];
  readonly controls: readonly ControlResult[];
  readonly scope: {
    readonly engines: readonly string[];
    readonly groups: readonly SelfcheckGroup[];
    readonly quick: boolean;
  };
  readonly durationMs: number;
}

/** How many checks of each engine came out how. */
export function countsOf(checks: readonly SelfcheckResult[]): Record<string, SelfcheckCounts> {
  const counts: Record<string, SelfcheckCounts> = Object.create(null) as Record<string, SelfcheckCounts>;
  for (const { engine, status, detail } of checks) {
    const one = (counts[engine] ??= { passed: 0, failed: 0, not_promised: 0, skipped: 0, inconclusive: 0 });
    one[status] += 1;
    if (status === "skipped" && detail.startsWith(INCONCLUSIVE)) one.inconclusive += 1;
  }
  return { ...counts };
}

/** Distribution, kernel, machine and what doctor sees; no name, address or user of the host. */
async function hostFacts(host: Host): Promise<SelfcheckReport["host"]> {
  const named = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec((await host.read("/etc/os-release")) ?? "")?.[1];
  return {
    os: named ?? process.platform,
    kernel: release(),
    arch: arch(),
    cpus: cpus().length,
    memoryBytes: totalmem(),
    asRoot: host.uid === 0,
    node: process.versions.node,
    facts: (await hostChecks(host)).map(({ name, status, detail }) => ({ name, status, detail })),
  };
}

/** Puts findings and facts of the host together, and signs them with their own hash. */
export async function buildReport(findings: Findings, host: Host, now: Date): Promise<SelfcheckReport> {
  const ran = new Set(findings.checks.map(({ id }) => id));
  const content = {
    version: 1 as const,
    createdAt: now.toISOString(),
    durationMs: Math.round(findings.durationMs),
    crucible: { version: manifest.version, commit: await commitOf(host, import.meta.dirname) },
    scope: { engines: [...findings.scope.engines], groups: [...findings.scope.groups], quick: findings.scope.quick },
    host: await hostFacts(host),
    engines: findings.engines.map(({ engine, isolation, available, version, reason, belts }) => ({
      engine,
      isolation,
      available,
      version,
      reason,
      belts: belts.map((belt) => ({ ...belt })),
    })),
    checks: [...findings.checks],
    catalogue: SELFCHECKS.filter(({ id }) => ran.has(id)).map(({ id, group, title, incident }) => ({
      id,
      group,
      title,
      incident,
    })),
    controls: [...findings.controls],
    summary: countsOf(findings.checks),
  };
  return { ...content, sha256: reportHash(content) };
}

/** 0 when every promise that could be tested held, 1 when one broke, or when whether it holds is not known. */
export function exitCodeOf({ summary }: Pick<SelfcheckReport, "summary">): 0 | 1 {
  const engines = Object.values(summary);
  const proven = engines.every(({ passed, failed, inconclusive }) => passed > 0 && failed === 0 && inconclusive === 0);
  return proven && engines.length > 0 ? 0 : 1;
}
