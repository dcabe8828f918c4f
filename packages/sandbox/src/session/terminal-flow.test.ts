import { expect, test } from "vitest";
import {
  createTerminalInput,
  createTerminalOutput,
  TERMINAL_INPUT_BYTES,
  TERMINAL_OUTPUT_BYTES,
} from "./terminal-flow.ts";

const HALF = Buffer.alloc(TERMINAL_INPUT_BYTES / 2);

function start() {
  let sent = 0;
  const input = createTerminalInput((bytes) => (sent += bytes.length));
  return { ...input, sent: () => sent };
}
const isSettled = async (promise: Promise<unknown>): Promise<boolean> => {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise(setImmediate);
  return settled;
};

test("who writes waits where a program does not read, and whoever does not wait is refused", async () => {
  const { write, taken, sent } = start();
  await write(HALF);
  const second = write(HALF);
  expect(await isSettled(second)).toBe(false);
  await expect(write(Buffer.from("x"))).rejects.toMatchObject({ code: "input_full" });
  expect(sent()).toBe(TERMINAL_INPUT_BYTES);
  taken(1);
  await second;
  await write(Buffer.alloc(0));
  expect(sent()).toBe(TERMINAL_INPUT_BYTES);
});

test("too much at once is refused, and nothing of it is written", async () => {
  const { write, sent } = start();
  await expect(write(Buffer.alloc(TERMINAL_INPUT_BYTES + 1))).rejects.toMatchObject({ code: "input_full" });
  expect(sent()).toBe(0);
});

test("an agent that claims to have taken more than there was wins no more room", async () => {
  const { write, taken, sent } = start();
  await write(HALF);
  taken(Number.MAX_SAFE_INTEGER);
  await write(HALF);
  void write(HALF);
  await expect(write(HALF)).rejects.toMatchObject({ code: "input_full" });
  expect(sent()).toBe(3 * HALF.length);
});

test("the end of a terminal ends all waiting for it", async () => {
  const { write, over, sent } = start();
  const waiting = write(Buffer.alloc(TERMINAL_INPUT_BYTES));
  over();
  await waiting;
  await write(HALF);
  expect(sent()).toBe(TERMINAL_INPUT_BYTES);
});

test("a program waits while nobody deals with its output, and goes on when half of it was", () => {
  const said: boolean[] = [];
  const { add, taken } = createTerminalOutput({ hold: (isHeld) => said.push(isHeld), onFlood: () => expect.fail() });
  for (let n = 0; n <= TERMINAL_OUTPUT_BYTES; n += 64) add(64);
  expect(said).toEqual([true]);
  taken(TERMINAL_OUTPUT_BYTES / 4);
  expect(said).toEqual([true]);
  taken(TERMINAL_OUTPUT_BYTES / 2);
  expect(said).toEqual([true, false]);
});

test("an agent that does not wait is kept no more than a bounded number of bytes", () => {
  let floods = 0;
  let kept = 0;
  const { add } = createTerminalOutput({ hold: () => undefined, onFlood: () => (floods += 1) });
  for (let n = 0; n < 1_000; n += 1) if (add(64 * 1024)) kept += 64 * 1024;
  expect(floods).toBe(1);
  expect(kept).toBeLessThan(9 * 1024 * 1024);
});
