import { expect, test } from "vitest";
import { RunIdParams } from "@crucible/contract";
import { createIdSource, idToUuid, lowestIdAt, timeOf, uuidToId } from "./ids.ts";

test("ids grow within a millisecond and when the clock steps back", () => {
  const times = [1000, 1000, 1000, 900, 1001];
  const next = createIdSource("run", () => times.shift() ?? 1001);
  const ids = Array.from({ length: 5 }, () => next().id);
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(5);
});

test("an id is what the contract calls a run id, and holds its time", () => {
  const { id, createdAt } = createIdSource("run", () => 1_763_000_000_123)();
  expect(RunIdParams.parse({ id }).id).toBe(id);
  expect(createdAt.getTime()).toBe(1_763_000_000_123);
  expect(timeOf(id)).toEqual(createdAt);
  expect(id >= lowestIdAt("run", 1_763_000_000_123)).toBe(true);
  expect(id < lowestIdAt("run", 1_763_000_000_124)).toBe(true);
});

test("an id goes through a uuid and comes back", () => {
  const { id } = createIdSource("run")();
  expect(idToUuid(id)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(uuidToId("run", idToUuid(id))).toBe(id);
});
