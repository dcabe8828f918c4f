/** Registers the checks with Vitest, and nothing more. */
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import { createSlots } from "../run/slots.ts";
import type { Engine } from "../types.ts";
import type { Check, CheckGroup, ControlExpectation } from "./check.ts";
import { CHECK_GROUPS, CONTRACT_CHECKS, runCheck } from "./checks.ts";
import type { KnownReports } from "./looks.ts";

/** Generous: the slowest check takes a few seconds on an idle host. */
const CHECK_TIMEOUT_MS = 60_000;
/** Two processors and what waits meanwhile. */
const CHECKS_AT_ONCE = 3;
/** What holds only the second time is a way out, whatever the runner is set to. */
const NO_RETRY: ReadonlySet<CheckGroup> = new Set(["files", "secrets", "kernel", "network", "tenancy"]);

/** Which part of the contract an engine's isolation level promises. */
export interface ContractPromises {
  readonly groups: readonly CheckGroup[];
  /** Why the other groups are not promised; shown for each check that is left out. */
  readonly because: string;
  /** Single checks of promised groups that are not promised: id to reason. */
  readonly except?: Readonly<Record<string, string>>;
}

/** Everything, for engines of level `namespace` and above. */
export const PROMISES_ISOLATION: ContractPromises = { groups: CHECK_GROUPS, because: "" };

/** What `engineContract` needs to know of an engine. */
export interface ContractSubject {
  readonly name: string;
  /** Makes an engine; called once for all checks, and again by those that need their own. */
  readonly create: () => Promise<Engine>;
  readonly promises: ContractPromises;
  /**
   * Checks beside each other at most, of those that need not be alone. Default: 3. With 1 an engine that makes
   * sandboxes ready has one for most checks; with more it is asked for them faster than it can.
   */
  readonly checksAtOnce?: number;
}

/** What `engineContractControl` needs to know of an engine that lacks something. */
export interface ControlSubject {
  readonly name: string;
  readonly create: () => Promise<Engine>;
  /** Ids of the checks to run, each of which must fail; default: all that speak of isolation. */
  readonly expectFailing?: readonly string[];
}

function checkOf(id: string): Check {
  const check = CONTRACT_CHECKS.find((candidate) => candidate.id === id);
  if (check === undefined) throw new Error(`the contract has no check ${id}`);
  return check;
}

const titleOf = ({ id, title, incident }: Check): string =>
  `${id}: ${title}${incident === null ? "" : ` [${incident}]`}`;

/** The shared engine, made when the first test starts. */
function sharedEngine(create: () => Promise<Engine>): () => Engine {
  let engine: Engine | undefined;
  beforeAll(async () => {
    engine = await create();
  }, CHECK_TIMEOUT_MS);
  afterAll(() => engine?.close());
  return () => engine ?? assert.fail("the engine was not made");
}

/**
 * Registers one test for each check that the engine promises. Checks that it does not promise are
 * skipped with the reason, which Vitest reports.
 */
export function engineContract({ name, create, promises, checksAtOnce = CHECKS_AT_ONCE }: ContractSubject): void {
  for (const id of Object.keys(promises.except ?? {})) checkOf(id);
  describe(`engine contract: ${name}`, () => {
    const engine = sharedEngine(create);
    const reports: KnownReports = new Map();
    const places = createSlots(checksAtOnce);
    for (const group of CHECK_GROUPS) {
      describe(group, () => {
        for (const check of CONTRACT_CHECKS.filter((candidate) => candidate.group === group)) {
          const refusal = promises.except?.[check.id] ?? (promises.groups.includes(group) ? null : promises.because);
          if (refusal !== null) {
            it(titleOf(check), (context) => context.skip(`not promised by ${name}: ${refusal}`));
            continue;
          }
          // Those that need not be alone run beside each other, group by group.
          const options = {
            timeout: CHECK_TIMEOUT_MS,
            concurrent: !check.alone,
            ...(NO_RETRY.has(group) && { retry: 0 }),
          };
          it(titleOf(check), options, async (context) => {
            const place = await places.take();
            try {
              const result = await runCheck(check, { engine: engine(), create, reports });
              if (result.verdict === "not_applicable") return context.skip(result.reason);
              if (result.verdict !== "held") throw result.error;
            } finally {
              places.give(place);
            }
          });
        }
      });
    }
  });
}

/** Why a check is not required to fail without isolation; null where it must. */
function exempt({ control }: Check): Exclude<ControlExpectation, "fails"> | null {
  return control === null || control === "fails" ? null : control;
}

/**
 * Proves that checks can fail: runs them against an engine that lacks what they demand, and expects
 * each to fail by its own assertion. Without `expectFailing` the engine has no isolation: then checks
 * that would harm the host are skipped with that reason, and so are those that the host refuses by itself.
 */
export function engineContractControl({ name, create, expectFailing }: ControlSubject): void {
  const subjects = expectFailing?.map(checkOf) ?? CONTRACT_CHECKS.filter(({ control }) => control !== null);
  describe(`engine contract is broken by: ${name}`, () => {
    const engine = sharedEngine(create);
    const reports: KnownReports = new Map();
    for (const check of subjects) {
      it(`${check.id} fails: ${check.title}`, { timeout: CHECK_TIMEOUT_MS }, async (context) => {
        const exemption = expectFailing === undefined ? exempt(check) : null;
        if (exemption !== null && "notRun" in exemption)
          return context.skip(`not run without isolation: ${exemption.notRun}`);
        const result = await runCheck(check, { engine: engine(), create, reports });
        if (result.verdict === "broken") return;
        if (result.verdict === "not_applicable") return context.skip(result.reason);
        // An attack that broke has not got through.
        if (result.verdict === "inconclusive") throw result.error;
        if (exemption !== null) return context.skip(`held on this host: ${exemption.mayPass}`);
        assert.fail("the check passed, so it proves nothing");
      });
    }
  });
}
