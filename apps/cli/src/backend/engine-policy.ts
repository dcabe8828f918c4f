import type { EngineInfo, IsolationLevel, IsolationRequest } from "@crucible/contract";
import { IsolationLevel as Levels } from "@crucible/contract";
import { byPreference } from "@crucible/sandbox";
import type { ProbeReport } from "@crucible/sandbox";
import { nearest } from "../nearest.ts";
import { CliProblem, RefusedProblem } from "../problem.ts";

/** What this user allows on this machine: the same variables that a server reads. */
export interface EnginePolicy {
  /** `CRUCIBLE_ENGINE`: for requests that name none; without it the preferred of those that are available and allowed. */
  readonly engine: string | undefined;
  /** `CRUCIBLE_MIN_ISOLATION`: no run gets less. */
  readonly minIsolation: IsolationLevel | undefined;
  /** `CRUCIBLE_ALLOW_UNSAFE=1`: whether `none`, no isolation at all, may be used. */
  readonly allowUnsafe: boolean;
  /** `CRUCIBLE_NETWORK_ALLOW`: what runs may reach at most. */
  readonly networkAllow: readonly string[];
}

/** @throws CliProblem for a level that does not exist. */
export function readPolicy(env: Readonly<Record<string, string | undefined>>): EnginePolicy {
  const level = env["CRUCIBLE_MIN_ISOLATION"] || undefined;
  const parsed = level === undefined ? undefined : Levels.safeParse(level);
  if (parsed !== undefined && !parsed.success) {
    const near = nearest(level ?? "", Levels.options);
    throw new CliProblem(
      `CRUCIBLE_MIN_ISOLATION is ${JSON.stringify(level)}, which is no isolation level`,
      near === null ? `the levels are ${Levels.options.join(", ")}` : `did you mean ${near}?`,
    );
  }
  return {
    engine: env["CRUCIBLE_ENGINE"] || undefined,
    minIsolation: parsed?.data,
    allowUnsafe: env["CRUCIBLE_ALLOW_UNSAFE"] === "1",
    networkAllow: (env["CRUCIBLE_NETWORK_ALLOW"] ?? "")
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ""),
  };
}

const rank = (level: IsolationLevel): number => Levels.options.indexOf(level);

/** What engines can do, together with what the policy lets them do. */
export function applyPolicy(reports: readonly ProbeReport[], policy: EnginePolicy): EngineInfo[] {
  const infos = reports.map((report): EngineInfo => {
    const refusal = refusalOf(report, policy);
    return {
      ...report,
      belts: report.belts.map((belt) => ({ ...belt })),
      allowed: refusal === null,
      isDefault: false,
      reason: report.reason ?? refusal?.reason ?? null,
      fix: report.fix ?? refusal?.fix ?? null,
    };
  });
  const usable = infos.filter(({ available, allowed }) => available && allowed);
  const standard =
    policy.engine === undefined
      ? byPreference(usable, ({ engine }) => engine)[0]
      : usable.find(({ engine }) => engine === policy.engine);
  return infos.map((info) => ({ ...info, isDefault: info === standard }));
}

function refusalOf(
  report: ProbeReport,
  policy: EnginePolicy,
): { readonly reason: string; readonly fix: string } | null {
  if (policy.minIsolation !== undefined && rank(report.isolation) < rank(policy.minIsolation)) {
    return {
      reason: `CRUCIBLE_MIN_ISOLATION is ${policy.minIsolation}`,
      fix: "install a stronger engine: see `crucible doctor`",
    };
  }
  if (report.isolation === "none" && !policy.allowUnsafe) {
    return {
      reason: "it isolates nothing",
      fix: "set CRUCIBLE_ALLOW_UNSAFE=1, and run only programs that you trust as much as your own",
    };
  }
  return null;
}

/**
 * The engine for a request: the one it names, the default where that reaches the level asked for, or else the
 * weakest that does. Fails closed: nothing that is missing or not allowed is replaced by something weaker.
 * @param named the engine of `CRUCIBLE_ENGINE`, to say why there is no default.
 * @throws CliProblem naming what is missing and how to get it; `RefusedProblem` where only this request asks for it.
 */
export function chooseEngine(
  engines: readonly EngineInfo[],
  wanted: IsolationRequest | undefined,
  named?: string,
): string {
  const standard = engines.find(({ isDefault }) => isDefault);
  if (wanted === undefined) {
    if (standard !== undefined) return standard.engine;
    const isolating =
      named === undefined
        ? engines.find(({ isolation }) => isolation !== "none")
        : engines.find(({ engine }) => engine === named);
    const what =
      named === undefined
        ? "no engine on this host isolates programs"
        : `engine ${named}, which CRUCIBLE_ENGINE names, ${isolating === undefined ? "does not exist" : "cannot be used"}`;
    throw new CliProblem(`${what}${reasonOf(isolating)}`, isolating?.fix ?? "see `crucible doctor`");
  }
  if ("engine" in wanted) {
    const engine = engines.find((candidate) => candidate.engine === wanted.engine);
    if (engine === undefined) {
      const names = engines.map((candidate) => candidate.engine).join(", ");
      throw new RefusedProblem(`there is no engine ${JSON.stringify(wanted.engine)}`, `there are: ${names}`);
    }
    if (engine.available && engine.allowed) return engine.engine;
    const what = engine.available ? "may not be used" : "does not work here";
    throw new RefusedProblem(
      `engine ${engine.engine} ${what}${reasonOf(engine)}`,
      engine.fix ?? "see `crucible doctor`",
    );
  }
  const reaching = engines
    .filter(({ available, allowed, isolation }) => available && allowed && rank(isolation) >= rank(wanted.atLeast))
    .toSorted((a, b) => rank(a.isolation) - rank(b.isolation));
  const chosen = reaching.find((engine) => engine === standard) ?? reaching[0];
  if (chosen === undefined) {
    throw new RefusedProblem(`no engine on this host reaches isolation ${wanted.atLeast}`, "see `crucible engines`");
  }
  return chosen.engine;
}

const reasonOf = (engine: EngineInfo | undefined): string => (engine?.reason ? `: ${engine.reason}` : "");
