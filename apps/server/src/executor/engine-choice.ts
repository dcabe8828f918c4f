import type { EngineInfo, IsolationLevel } from "@crucible/contract";
import { ISOLATION_LEVELS, byPreference, type ProbeReport } from "@crucible/sandbox";

/** What the operator allows. */
export interface EnginePolicy {
  /** Engine for requests that name none; without it the preferred of those that are available and allowed. */
  readonly engine?: string | undefined;
  /** No run gets less than this. */
  readonly minIsolation?: IsolationLevel | undefined;
  /** Whether `none`, no isolation at all, may be used. */
  readonly allowUnsafe: boolean;
}

/** What engines can do, together with what the operator lets them do. */
export function applyPolicy(reports: readonly ProbeReport[], policy: EnginePolicy): EngineInfo[] {
  const infos = reports.map((report): EngineInfo => {
    const refusal = refuse(report, policy);
    return {
      ...report,
      belts: [...report.belts],
      allowed: refusal === null,
      isDefault: false,
      reason: report.reason ?? refusal,
    };
  });
  const usable = infos.filter((info) => info.available && info.allowed);
  const chosen =
    policy.engine === undefined
      ? byPreference(usable, ({ engine }) => engine)[0]
      : usable.find((info) => info.engine === policy.engine);
  return infos.map((info) => (info === chosen ? { ...info, isDefault: true } : info));
}

function refuse(report: ProbeReport, policy: EnginePolicy): string | null {
  if (report.isolation === "none" && !policy.allowUnsafe) {
    return "it isolates nothing; the operator must set CRUCIBLE_ALLOW_UNSAFE=1";
  }
  if (policy.minIsolation !== undefined && strength(report.isolation) < strength(policy.minIsolation)) {
    return `CRUCIBLE_MIN_ISOLATION is ${policy.minIsolation}`;
  }
  return null;
}

function strength(level: IsolationLevel): number {
  return ISOLATION_LEVELS.indexOf(level);
}
