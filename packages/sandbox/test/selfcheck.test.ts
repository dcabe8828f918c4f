import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { ATTACKS } from "../src/selfcheck/attacks/attacks.ts";
import {
  proveAtStart,
  runControl,
  runSelfcheck,
  SELFCHECK_GROUPS,
  SelfcheckFailedError,
  SELFCHECKS,
  startChecksFor,
} from "../src/selfcheck/index.ts";
import type { SelfCheck, SelfcheckGroup } from "../src/selfcheck/index.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import type { Engine } from "../src/types.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const options = { languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8 };
const subprocess = (): Engine => createSubprocessEngine({ ...options, allowUnsafe: true });
const bubblewrap = (): Engine => createBubblewrapEngine(options);

/** It says what it is not. */
const pretender = (): Engine => {
  const engine = subprocess();
  return { ...engine, name: "pretender", isolation: "namespace" };
};

/** A good sandbox that does not listen to the limits of the spec, and still holds its bombs. */
const limitless = (): Engine => {
  const engine = bubblewrap();
  const limits = { memoryBytes: 256 * 1024 * 1024, openFiles: 1_024, pids: 128, wallTimeMs: 5_000 };
  return { ...engine, name: "limitless", run: (spec, runOptions) => engine.run({ ...spec, limits }, runOptions) };
};

/** A good sandbox whose reader believes what programs print. */
const credulous = (): Engine => {
  const engine = bubblewrap();
  return {
    ...engine,
    name: "credulous",
    async run(spec, runOptions) {
      const outcome = await engine.run(spec, runOptions);
      return Buffer.from(outcome.stdout).includes("ran 0") ? { ...outcome, exitCode: 0 } : outcome;
    },
  };
};

const failsWithoutIsolation = ({ check, control }: SelfCheck): boolean =>
  control === "fails" && !["files.nothing-lasts", "tenancy.parallel-places"].includes(check.id);

const BROKEN: Readonly<Record<SelfcheckGroup, { create: () => Engine; checks: (check: SelfCheck) => boolean }>> = {
  resources: { create: limitless, checks: ({ id }) => id === "resources.open-files-bomb" },
  processes: { create: pretender, checks: failsWithoutIsolation },
  files: { create: pretender, checks: failsWithoutIsolation },
  kernel: { create: pretender, checks: ({ id }) => /^kernel\.(namespace-|hostname)/.test(id) },
  network: { create: pretender, checks: failsWithoutIsolation },
  secrets: { create: pretender, checks: failsWithoutIsolation },
  tenancy: {
    create: pretender,
    checks: ({ check, ...rest }) => check.id !== "kernel.uid-per-run" && failsWithoutIsolation({ check, ...rest }),
  },
  integrity: { create: credulous, checks: ({ id }) => id === "integrity.forged-report-in-output" },
};

describe("an engine that is broken", () => {
  it.each(SELFCHECK_GROUPS)("fails in the group %s, by every check that speaks of it", async (group) => {
    const { create, checks } = BROKEN[group];
    await using engine = create();
    const chosen = SELFCHECKS.filter((check) => check.group === group && checks(check));
    expect(chosen.length).toBeGreaterThan(0);
    for (const check of chosen) {
      const { status, detail } = await runSelfcheck(check, { engine, create: async () => create() });
      expect({ id: check.id, status }).toEqual({ id: check.id, status: "failed" });
      expect(detail).not.toBe("");
    }
  });

  it("is found by the start checks, which name what broke", async () => {
    await using engine = pretender();
    const refused = await proveAtStart(engine).then(
      () => null,
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(SelfcheckFailedError);
    expect((refused as Error).message).toContain("network.tcp-loopback");
  });
});

describe("an engine that is sound", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = bubblewrap();
  });
  afterAll(() => engine.close());

  it.each(SELFCHECK_GROUPS)("holds every further attack of the group %s", async (group) => {
    for (const attack of ATTACKS[group]) {
      const check = SELFCHECKS.find((one) => one.check === attack);
      if (check === undefined) throw new Error(`${attack.id} is not in the catalogue`);
      const { status, detail } = await runSelfcheck(check, { engine, create: async () => bubblewrap() });
      // A host without control groups has no belt for some: the reason says so, and nothing is inconclusive.
      if (status === "skipped" && !detail.startsWith("inconclusive")) continue;
      expect({ id: check.id, status, detail }).toEqual({ id: check.id, status: "passed", detail: "" });
    }
  });

  it("passes its ten start checks", async () => {
    const results = await proveAtStart(engine);
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => "passed"));
    expect(results.map(({ id }) => id)).toEqual(startChecksFor(engine).map(({ id }) => id));
  });
});

describe("a control", () => {
  it("shows that the attack succeeds without isolation, and runs none that would do harm", async () => {
    await using engine = subprocess();
    const subject = { engine, create: async () => subprocess() };
    const byId = async (id: string) => {
      const check = SELFCHECKS.find((one) => one.id === id);
      if (check === undefined) throw new Error(`no self-check ${id}`);
      return (await runControl(check, subject)).status;
    };
    expect(await byId("network.reached-from-outside")).toBe("attack_succeeds");
    expect(await byId("tenancy.abstract-socket")).toBe("attack_succeeds");
    expect(await byId("resources.fork-bomb")).toBe("not_run");
    expect(await byId("files.hard-links")).toBe("not_run");
  });
});

it("tells nothing of the host that a control has seen: reports are passed on", async () => {
  await using engine = subprocess();
  const check = SELFCHECKS.find(({ id }) => id === "files.users-of-the-host");
  if (check === undefined) throw new Error("the check is gone");
  const { status, detail } = await runControl(check, { engine, create: async () => subprocess() });
  expect([status, detail]).toEqual(["attack_succeeds", "the attack gets through where nothing holds it"]);
});

it("takes no network of the host down where a sandbox shares it", async () => {
  await using engine = pretender();
  const check = SELFCHECKS.find(({ id }) => id === "network.configure");
  if (check === undefined) throw new Error("the check is gone");
  const { status, detail } = await runSelfcheck(check, { engine, create: async () => pretender() });
  expect(status).toBe("failed");
  expect(detail).toContain("the network is the host's");
  expect(detail).not.toContain("interface");
});

it("carries out twice what a busy host can make fail, and what got through once got through", async () => {
  await using engine = bubblewrap();
  const verdictOn = async (id: string, failures: number) => {
    const found = SELFCHECKS.find((check) => check.id === id);
    if (found === undefined) throw new Error(`no self-check ${id}`);
    let times = 0;
    const run = async (): Promise<void> => assert.ok((times += 1) > failures, "it took too long");
    const check = { ...found, check: { ...found.check, belts: [], run } };
    return (await runSelfcheck(check, { engine, create: async () => bubblewrap() })).status;
  };
  expect(await verdictOn("integrity.timed-out", 1)).toBe("passed");
  expect(await verdictOn("resources.fork-bomb", 1)).toBe("passed");
  expect(await verdictOn("integrity.timed-out", 2)).toBe("failed");
  expect(await verdictOn("tenancy.same-place-again", 1)).toBe("failed");
  expect(await verdictOn("network.tcp-loopback", 1)).toBe("failed");
});

it("calls an attack that broke, threw or hung inconclusive, never passed", async () => {
  await using engine = pretender();
  const never: Engine = { ...engine, run: () => new Promise(() => undefined) };
  const throws: Engine = { ...engine, run: () => Promise.reject(new TypeError("a bug")) };
  const [check] = SELFCHECKS.filter(({ id }) => id === "network.tcp-loopback");
  if (check === undefined) throw new Error("the check is gone");
  for (const broken of [never, throws]) {
    const subject = { engine: broken, create: async () => broken };
    const { status, detail } = await runSelfcheck(check, subject, { checkTimeoutMs: 200 });
    expect(status).toBe("skipped");
    expect(detail).toMatch(/^inconclusive: (no verdict within 200 ms|a bug)/);
  }
});
