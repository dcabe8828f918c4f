import { expect, it } from "vitest";
import { ISOLATION_LEVELS } from "../types.ts";
import { SELFCHECKS } from "./catalogue.ts";
import { notPromised } from "./promises.ts";
import { startChecksFor } from "./start.ts";
import { SELFCHECK_GROUPS } from "./types.ts";

const promisedBy = (name: string, isolation: (typeof ISOLATION_LEVELS)[number]) =>
  SELFCHECKS.filter((check) => notPromised(check, { name, isolation }) === null);

it("has over 80 checks with ids of their own, some in every group, each naming what it stands for", () => {
  expect(SELFCHECKS.length).toBeGreaterThan(80);
  expect(new Set(SELFCHECKS.map(({ id }) => id)).size).toBe(SELFCHECKS.length);
  expect([...new Set(SELFCHECKS.map(({ group }) => group))]).toEqual([...SELFCHECK_GROUPS]);
  for (const { id, group, incident } of SELFCHECKS) {
    expect(id.startsWith(`${group}.`)).toBe(true);
    expect(incident.length).toBeGreaterThan(10);
  }
});

it("keeps a quick check in every group", () => {
  const quick = SELFCHECKS.filter((check) => check.quick);
  expect(new Set(quick.map(({ group }) => group)).size).toBe(SELFCHECK_GROUPS.length);
});

it("promises over 80 checks on every level that isolates by namespaces or more", () => {
  for (const isolation of ISOLATION_LEVELS.slice(ISOLATION_LEVELS.indexOf("namespace"))) {
    expect(promisedBy("new engine", isolation).length).toBeGreaterThan(80);
  }
});

it("promises no isolation on level none", () => {
  expect(promisedBy("subprocess", "none").filter(({ control }) => control !== null)).toEqual([]);
});

it("has ten start checks for an engine that isolates, none of which needs an engine of its own", () => {
  const checks = startChecksFor({ name: "bubblewrap", isolation: "namespace" });
  expect(checks).toHaveLength(10);
  for (const { check } of checks) expect(check.run.toString()).not.toContain("create");
});
