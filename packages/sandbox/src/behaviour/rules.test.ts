import { expect, it } from "vitest";
import { LIMIT_NAMES } from "../limits.ts";
import { BEHAVIOUR_RULES, behaviourScore, LIMIT_KINDS, violation } from "./rules.ts";
import type { ViolationKind } from "./rules.ts";

const kinds = Object.keys(BEHAVIOUR_RULES) as ViolationKind[];

it("gives every kind a meaning and a weight from 1 to 100", () => {
  for (const { means, weight } of Object.values(BEHAVIOUR_RULES)) {
    expect(means.length).toBeGreaterThan(10);
    expect(weight).toBeGreaterThanOrEqual(1);
    expect(weight).toBeLessThanOrEqual(100);
  }
});

it("says of every limit what it is to reach it", () => {
  expect(Object.keys(LIMIT_KINDS).toSorted()).toEqual(LIMIT_NAMES.toSorted());
});

it("scores nothing as 0, each kind by its weight and once, and everything as 100", () => {
  expect(behaviourScore([])).toBe(0);
  for (const kind of kinds) {
    expect(behaviourScore([violation(kind), violation(kind, "again")])).toBe(BEHAVIOUR_RULES[kind].weight);
  }
  expect(behaviourScore([violation("canary_read"), violation("processes_left")])).toBe(55);
  expect(behaviourScore(kinds.map((kind) => violation(kind)))).toBe(100);
});

it("lets no limit but that on processes reach by itself what a person is told of", () => {
  const byLimits = new Set(Object.values(LIMIT_KINDS));
  for (const kind of kinds) {
    if (byLimits.has(kind) && kind !== "process_flood") expect(BEHAVIOUR_RULES[kind].weight).toBeLessThan(30);
  }
});

it("does not count a kind that it does not know, such as one of another version", () => {
  expect(behaviourScore([{ kind: "gone", detail: "" }])).toBe(0);
});
