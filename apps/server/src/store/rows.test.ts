import { expect, test } from "vitest";
import { readEvent } from "./rows.ts";

test("an end of a run that was stored before there was a score reads as one in which nothing was seen", () => {
  const base = { type: "run.finished", runId: "run_1", at: "2026-01-01T00:00:00.000Z", status: "exited" };
  const event = { ...base, exitCode: 0, signal: null, reason: null };
  expect(readEvent(JSON.stringify(event))).toEqual({ ...event, behaviourScore: 0 });
  expect(readEvent(JSON.stringify({ ...event, behaviourScore: 40 }))).toMatchObject({ behaviourScore: 40 });
  const other = { type: "run.started", runId: "run_1", at: base.at, attempt: 1, engine: "wasm" };
  expect(readEvent(JSON.stringify(other))).toEqual(other);
});
