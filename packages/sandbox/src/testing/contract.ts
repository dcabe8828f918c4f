/** Registers the checks with Vitest, and nothing more. */
import { AssertionError } from "node:assert/strict";
import { afterAll, assert, beforeAll, describe, it } from "vitest";
import type { Engine } from "../types.ts";
import type { Check, CheckGroup } from "./check.ts";
import { CHECK_GROUPS, CheckNotApplicableError, CONTRACT_CHECKS } from "./checks.ts";

/** Generous: the slowest check takes a few seconds on an idle host. */
const CHECK_TIMEOUT_MS = 60_000;

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
}

/** What `engineContractControl` needs to know of an engine without isolation. */
export interface ControlSubject {
  readonly name: string;
  readonly create: () => Promise<Engine>;
  /** Ids that must fail; default: every check whose `control` is `fails`. */
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
export function engineContract({ name, create, promises }: ContractSubject): void {
  for (const id of Object.keys(promises.except ?? {})) checkOf(id);
  describe(`engine contract: ${name}`, () => {
    const engine = sharedEngine(create);
    for (const group of CHECK_GROUPS) {
      describe(group, () => {
        for (const check of CONTRACT_CHECKS.filter((candidate) => candidate.group === group)) {
          const refusal = promises.except?.[check.id] ?? (promises.groups.includes(group) ? null : promises.because);
          if (refusal !== null) {
            it(titleOf(check), (context) => context.skip(`not promised by ${name}: ${refusal}`));
            continue;
          }
          it(titleOf(check), { timeout: CHECK_TIMEOUT_MS }, async (context) => {
            await check.run({ engine: engine(), create }).catch((error: unknown) => {
              if (error instanceof CheckNotApplicableError) context.skip(error.message);
              throw error;
            });
          });
        }
      });
    }
  });
}

/** How a check came out on the control engine: `held` is what must not happen. */
async function outcomeOnControl(
  check: Check,
  engine: Engine,
  create: () => Promise<Engine>,
): Promise<"held" | "failed" | { readonly notApplicable: string }> {
  try {
    await check.run({ engine, create });
    return "held";
  } catch (error) {
    // Any other error says that the attack broke, not that it got through.
    if (error instanceof AssertionError) return "failed";
    if (error instanceof CheckNotApplicableError) return { notApplicable: error.message };
    throw error;
  }
}

/**
 * Proves that the isolation checks can fail: runs them against an engine without isolation and
 * expects each to fail by its own assertion. Those that would harm the host are listed as skipped,
 * and so are those that this host refuses by itself.
 */
export function engineContractControl({ name, create, expectFailing }: ControlSubject): void {
  const strict = new Set(
    expectFailing ?? CONTRACT_CHECKS.filter(({ control }) => control === "fails").map(({ id }) => id),
  );
  for (const id of strict) checkOf(id);
  describe(`engine contract fails without isolation: ${name}`, () => {
    const engine = sharedEngine(create);
    for (const check of CONTRACT_CHECKS) {
      const { control, id, title } = check;
      if (control === null && !strict.has(id)) continue;
      if (control !== null && control !== "fails" && "notRun" in control) {
        it(`${id} fails: ${title}`, (context) => context.skip(`not run without isolation: ${control.notRun}`));
        continue;
      }
      it(`${id} fails: ${title}`, { timeout: CHECK_TIMEOUT_MS }, async (context) => {
        const outcome = await outcomeOnControl(check, engine(), create);
        if (outcome === "failed") return;
        if (outcome !== "held") return context.skip(outcome.notApplicable);
        if (!strict.has(id) && control !== null && control !== "fails")
          return context.skip(`held on this host: ${control.mayPass}`);
        assert.fail("the check passed without any isolation, so it proves nothing");
      });
    }
  });
}
