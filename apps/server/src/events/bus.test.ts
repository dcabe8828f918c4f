import { expect, test } from "vitest";
import type { RunEvent } from "@crucible/contract";
import { SILENT } from "../log.ts";
import { createBus } from "./bus.ts";
import type { BusMessage } from "./types.ts";

const at = "2026-01-01T00:00:00.000Z";
const output = (runId: string, data: string): BusMessage => ({
  seq: null,
  event: { type: "run.output", runId, at, step: "run", stream: "stdout", data },
});
const finished = (runId: string): BusMessage => ({
  seq: 1,
  event: {
    type: "run.finished",
    runId,
    at,
    status: "exited",
    exitCode: 0,
    signal: null,
    reason: null,
    behaviourScore: 0,
  },
});
const data = (event: RunEvent) => (event.type === "run.output" ? event.data : event.type);

test("listeners hear their run, or all, until they stop", () => {
  const bus = createBus({ log: SILENT });
  const heard: string[] = [];
  const stopOne = bus.subscribe("a", ({ event }) => heard.push(`one ${event.runId}`));
  const stopAll = bus.subscribe("*", ({ event }) => heard.push(`all ${event.runId}`));
  bus.publish(finished("a"));
  bus.publish(finished("b"));
  stopOne();
  stopAll();
  bus.publish(finished("a"));
  expect(heard).toEqual(["one a", "all a", "all b"]);
  expect(bus.hasListeners("a")).toBe(false);
});

test("who comes late gets the output so far, and nothing after the end", () => {
  const bus = createBus({ log: SILENT });
  bus.publish(output("a", "MQ=="));
  bus.publish(output("b", "eA=="));
  bus.publish(output("a", "Mg=="));
  const late: string[] = [];
  bus.subscribe("a", ({ event }) => late.push(data(event)))();
  expect(late).toEqual(["MQ==", "Mg=="]);
  bus.publish(finished("a"));
  const after: string[] = [];
  bus.subscribe("a", ({ event }) => after.push(data(event)));
  expect(after).toEqual([]);
});

test("kept output is bounded by run and in all, the oldest goes first", () => {
  const bus = createBus({ log: SILENT, replay: { perRun: 8, total: 12 } });
  for (const text of ["AAAA", "BBBB", "CCCC"]) bus.publish(output("a", text));
  for (const text of ["DDDD", "EEEE"]) bus.publish(output("b", text));
  const kept = (id: string): string[] => {
    const heard: string[] = [];
    bus.subscribe(id, ({ event }) => heard.push(data(event)))();
    return heard;
  };
  expect(kept("a")).toEqual(["BBBB", "CCCC"]);
  expect(kept("b")).toEqual(["EEEE"]);
  bus.publish(finished("a"));
  bus.publish(output("b", "FFFF"));
  expect(kept("b")).toEqual(["EEEE", "FFFF"]);
});

test("a listener that fails does not keep others from hearing", () => {
  const bus = createBus({ log: SILENT });
  let heard = 0;
  bus.subscribe("a", () => {
    throw new Error("broken");
  });
  bus.subscribe("a", () => (heard += 1));
  bus.publish(finished("a"));
  expect(heard).toBe(1);
});
