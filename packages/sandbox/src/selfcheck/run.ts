import type { Engine } from "../types.ts";
import { type CheckVerdict, runCheck } from "../testing/run-check.ts";
import { notPromised } from "./promises.ts";
import { type ControlResult, INCONCLUSIVE, type SelfCheck, type SelfcheckResult } from "./types.ts";

/** An engine to be proven. */
export interface SelfcheckSubject {
  readonly engine: Engine;
  /** A further engine of the same kind, for the checks that need their own. */
  create(): Promise<Engine>;
}

export interface SelfcheckOptions {
  /** No check starts after it; what one has begun comes to its end. */
  readonly signal?: AbortSignal;
  /** How long one check may take; default `CHECK_TIMEOUT_MS`. Milliseconds. */
  readonly checkTimeoutMs?: number;
}

/** The slowest check takes 4 s on an idle machine; a machine under load gets fifteen times as much. */
const CHECK_TIMEOUT_MS = 60_000;
/** Details are for people: a whole flood of output helps nobody. Characters. */
const DETAIL_LENGTH = 2_000;

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim().slice(0, DETAIL_LENGTH);
const messageOf = (error: unknown): string => oneLine(error instanceof Error ? error.message : String(error));

/** A verdict, or the reason why there is none. Never throws: a report says what happened to every check. */
async function verdictOf(
  { check }: SelfCheck,
  subject: SelfcheckSubject,
  timeoutMs: number,
): Promise<CheckVerdict | { readonly verdict: "none"; readonly reason: string }> {
  const late = Promise.withResolvers<{ verdict: "none"; reason: string }>();
  const timer = setTimeout(
    () => late.resolve({ verdict: "none", reason: `no verdict within ${timeoutMs} ms` }),
    timeoutMs,
  );
  try {
    return await Promise.race([runCheck(check, subject), late.promise]);
  } catch (error) {
    return { verdict: "none", reason: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Checks that measure time or the host's answers, by id. On a host with other work one can fail for that alone, so it
 * is carried out twice; a limit that does not hold does not hold the second time either. Not those of files, secrets and
 * tenants: what got through once got through.
 */
const MEASURES_TIME =
  /^(?:resources\.|outcomes\.(?:timed-out|cancelled-any-moment|compile-bomb)|network\.(?:names|metadata|internet|private|mapped-ipv6|broadcast))/;

/** Carries out one check on one engine, if the engine promises it. */
export async function runSelfcheck(
  selfCheck: SelfCheck,
  subject: SelfcheckSubject,
  options: SelfcheckOptions = {},
): Promise<SelfcheckResult> {
  const { id, group } = selfCheck;
  const result = (status: SelfcheckResult["status"], detail: string): SelfcheckResult => ({
    id,
    group,
    engine: subject.engine.name,
    status,
    detail,
  });
  const reason = notPromised(selfCheck, subject.engine);
  if (reason !== null) return result("not_promised", reason);
  if (options.signal?.aborted === true) return result("skipped", `${INCONCLUSIVE}interrupted`);
  const timeoutMs = options.checkTimeoutMs ?? CHECK_TIMEOUT_MS;
  const first = await verdictOf(selfCheck, subject, timeoutMs);
  const isAgain = first.verdict === "broken" && MEASURES_TIME.test(selfCheck.check.id);
  const verdict = isAgain ? await verdictOf(selfCheck, subject, timeoutMs) : first;
  switch (verdict.verdict) {
    case "held":
      return result("passed", "");
    case "broken":
      return result("failed", messageOf(verdict.error));
    case "inconclusive":
      return result("skipped", `${INCONCLUSIVE}${messageOf(verdict.error)}`);
    case "none":
      return result("skipped", `${INCONCLUSIVE}${verdict.reason}`);
    case "not_applicable":
      return result("skipped", oneLine(verdict.reason));
    default:
      return verdict satisfies never;
  }
}

/** Controls that only look at the host, or act on the check's own file or child; by the beginning of the id. */
const ONLY_LOOKS = [
  "kernel.capabilities-",
  "kernel.no-new-privileges",
  "kernel.seccomp",
  "kernel.not-root-",
  "kernel.core-dumps",
  "kernel.dangerous-writes",
  "kernel.low-memory",
  "processes.become-root",
  "processes.priority",
  "files.shadow",
  "files.container-sockets",
  "files.users-of-the-host",
  "files.set-user-id",
  "files.overwrite-executable",
  "files.dirty-",
  "files.mounts-of-the-host",
  "secrets.credential-files",
  "network.interfaces",
  "network.raw-sockets",
  "network.tcp-",
];

/** Controls that would leave the check's own traces in directories that others use too, if only for a moment. */
const TOUCHES_SHARED_PLACES = new Set(["files.nothing-lasts", "tenancy.parallel-places", "tenancy.same-place-again"]);

/**
 * Runs the same check without isolation, where that does no harm: the attack must get through, or a pass elsewhere
 * would prove nothing.
 * @param subject an engine of level `none`.
 */
export async function runControl(
  selfCheck: SelfCheck,
  subject: SelfcheckSubject,
  options: SelfcheckOptions = {},
): Promise<ControlResult> {
  const { id, control, check } = selfCheck;
  const result = (status: ControlResult["status"], detail: string): ControlResult => ({ id, status, detail });
  if (control === null) return result("not_run", "it tests conduct that needs no isolation");
  if (control !== "fails" && "notRun" in control) return result("not_run", control.notRun);
  if (control !== "fails" && !ONLY_LOOKS.some((start) => check.id.startsWith(start))) {
    return result("not_run", "it would ask the host itself for what only a sandbox may be asked for");
  }
  if (TOUCHES_SHARED_PLACES.has(check.id)) return result("not_run", "it would write to the host's shared directories");
  if (options.signal?.aborted === true) return result("inconclusive", "interrupted");
  const verdict = await verdictOf(selfCheck, subject, options.checkTimeoutMs ?? CHECK_TIMEOUT_MS);
  switch (verdict.verdict) {
    case "broken":
      // Not what it saw: users, files and names of the host are nobody's business who gets the report.
      return result("attack_succeeds", "the attack gets through where nothing holds it");
    case "held":
      return result("host_refuses", "the attack fails on this host without a sandbox too");
    case "inconclusive":
      return result("inconclusive", messageOf(verdict.error));
    case "none":
    case "not_applicable":
      return result("inconclusive", verdict.reason);
    default:
      return verdict satisfies never;
  }
}
