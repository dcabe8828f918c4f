import { expect, test } from "vitest";
import { anOutcome } from "../batch/testing.ts";
import { createLiveOutput } from "./live-output.ts";

const event = (data: string, offset: number | undefined, stream: "stdout" | "stderr" = "stdout") => ({
  type: "run.output" as const,
  runId: "r",
  at: "2026-01-01T00:00:00.000Z",
  step: "run" as const,
  stream,
  data: Buffer.from(data).toString("base64"),
  ...(offset === undefined ? {} : { offset }),
});

function recorder() {
  const written: string[] = [];
  const live = createLiveOutput(({ stream, bytes }) => void written.push(`${stream}:${Buffer.from(bytes).toString()}`));
  return { written, live };
}

test("passes chunks on as they come and adds nothing at the end", () => {
  const { written, live } = recorder();
  live.event(event("ab", 0));
  live.event(event("!", 0, "stderr"));
  live.event(event("cd", 2));
  live.complete(anOutcome({ stdout: "abcd", stderr: "!" }));
  expect(written).toEqual(["stdout:ab", "stderr:!", "stdout:cd"]);
});

test("a lost chunk holds back what follows; the outcome fills the gap", () => {
  const { written, live } = recorder();
  live.event(event("ab", 0));
  live.event(event("ef", 4));
  live.complete(anOutcome({ stdout: "abcdef" }));
  expect(written).toEqual(["stdout:ab", "stdout:cdef"]);
});

test("a chunk that comes twice is written once", () => {
  const { written, live } = recorder();
  live.event(event("ab", 0));
  live.event(event("abc", 0));
  live.complete(anOutcome({ stdout: "abc" }));
  expect(written).toEqual(["stdout:ab", "stdout:c"]);
});

test("without offsets all waits for the outcome", () => {
  const { written, live } = recorder();
  live.event(event("cd", undefined));
  live.complete(anOutcome({ stdout: "abcd" }));
  expect(written).toEqual(["stdout:abcd"]);
});
