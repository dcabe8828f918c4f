import assert from "node:assert/strict";
import { expect, it } from "vitest";
import type { Engine } from "../types.ts";
import {
  CHECK_GROUPS,
  CheckInconclusiveError,
  CheckNotApplicableError,
  checksOf,
  CONTRACT_CHECKS,
  runCheck,
} from "./checks.ts";

it("gives every check an id of its own that begins with its group", () => {
  const ids = CONTRACT_CHECKS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { id, group } of CONTRACT_CHECKS) expect(id.startsWith(`${group}.`)).toBe(true);
});

it("has checks in every group", () => {
  expect(new Set(CONTRACT_CHECKS.map(({ group }) => group))).toEqual(new Set(CHECK_GROUPS));
});

const probing = (available: boolean, beltOn: boolean): Engine => ({
  name: "none",
  isolation: "none",
  probe: async () => ({
    engine: "none",
    isolation: "none",
    available,
    version: null,
    reason: "not installed",
    fix: null,
    belts: [{ name: "cgroup-pids", on: beltOn, detail: "no control group" }],
  }),
  run: () => Promise.reject(new Error("never called")),
  close: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
});

async function verdictOf(run: () => Promise<void>, engine: Engine = probing(true, true)): Promise<string> {
  const [check] = checksOf("io", [{ name: "x", title: "x", belts: ["cgroup-pids"], run }]);
  assert.ok(check);
  return (await runCheck(check, { engine, create: async () => engine })).verdict;
}

it("tells a broken promise from a broken attack, and both from a host that lacks something", async () => {
  expect(await verdictOf(async () => undefined)).toBe("held");
  expect(await verdictOf(async () => assert.fail("no"))).toBe("broken");
  expect(await verdictOf(() => Promise.reject(new CheckInconclusiveError("no")))).toBe("inconclusive");
  expect(await verdictOf(() => Promise.reject(new CheckNotApplicableError("no")))).toBe("not_applicable");
  await expect(verdictOf(() => Promise.reject(new TypeError("a bug")))).rejects.toThrow("a bug");
});

it("does not run a check on an engine that is not available, or lacks its belt", async () => {
  const fails = (): Promise<void> => Promise.reject(new Error("was run"));
  expect(await verdictOf(fails, probing(false, true))).toBe("not_applicable");
  expect(await verdictOf(fails, probing(true, false))).toBe("not_applicable");
});
