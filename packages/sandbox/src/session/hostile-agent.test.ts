import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { connectAgent } from "./agent.ts";
import { encodeFrame, FROM_AGENT } from "./frames.ts";

const NOTHING = Buffer.alloc(0);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** The host's end of a socket whose other end is the test. */
async function connectHostile() {
  const broken: string[] = [];
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const say = (kind: number, channel: number, payload: Buffer = NOTHING): void =>
    void socket.emit("data", encodeFrame(kind, channel, payload));
  const connecting = connectAgent(socket, (reason) => broken.push(reason));
  say(FROM_AGENT.ready, 0);
  return { agent: await connecting, say, broken };
}

test.each(["constructor", "toString", "__proto__", "hasOwnProperty", "", "ENOENT\0"])(
  "an agent that fails with the code %j fails one request",
  async (code) => {
    const { agent, say } = await connectHostile();
    const reading = agent.read("x", 10);
    expect(() => say(FROM_AGENT.failed, 1, json({ code, message: "cwd" }))).not.toThrow();
    await expect(reading).rejects.toMatchObject({ name: "SessionError", code: "failed" });
  },
);

test.each([
  ["no JSON", Buffer.from("{")],
  ["null", json(null)],
  ["an array", json([1])],
  ["wrong types", json({ entries: { length: 5 }, truncated: 1 })],
  ["entries of every kind", json({ entries: [null, 1, "x", [], { name: 1, kind: "constructor", sizeBytes: -1 }] })],
])("a listing that is %s is a listing", async (_what, payload) => {
  const { agent, say } = await connectHostile();
  const listing = agent.list("x");
  say(FROM_AGENT.done, 1, payload);
  const { entries, truncated } = await listing;
  expect(truncated).toBe(false);
  for (const entry of entries) expect(entry).toMatchObject({ kind: "other", sizeBytes: 0, mode: 0, modifiedMs: 0 });
});

test("an end that is none of ours is an end without a code", async () => {
  const { agent, say } = await connectHostile();
  const program = agent.start({ argv: ["x"], cwd: "/", env: {}, rlimits: {} }, () => undefined);
  say(FROM_AGENT.exited, 1, json({ exitCode: "0", signal: ["SIGKILL"] }));
  expect(await program.ended).toEqual({ exitCode: null, signal: null });
});

test("a fault over what an agent says ends its session, and no other", async () => {
  const { agent, say, broken } = await connectHostile();
  void agent.start({ argv: ["x"], cwd: "/", env: {}, rlimits: {} }, () => {
    throw new Error("not foreseen");
  });
  expect(() => say(FROM_AGENT.stdout, 1, Buffer.from("x"))).not.toThrow();
  expect(broken).toEqual(["a fault over what it said: not foreseen"]);
});

test.each([
  ["no JSON", Buffer.from("{")],
  ...[-1, 1.5, "9", null, [9], 1e300].map((bytes) => [bytes, json({ bytes })]),
])("input that a terminal is said to have taken by %j is none", async (_what, payload) => {
  const { agent, say, broken } = await connectHostile();
  const taken: number[] = [];
  void agent.start(
    { argv: ["x"], cwd: "/", env: {}, rlimits: {} },
    () => undefined,
    (bytes) => taken.push(bytes),
  );
  say(FROM_AGENT.taken, 1, payload as Buffer);
  expect({ taken, broken }).toEqual({ taken: [0], broken: [] });
});

test("more of a file than was asked for ends the session", async () => {
  const { agent, say, broken } = await connectHostile();
  void agent.read("x", 10).catch(() => undefined);
  say(FROM_AGENT.data, 1, Buffer.alloc(6));
  expect(broken).toEqual([]);
  say(FROM_AGENT.data, 1, Buffer.alloc(6));
  expect(broken).toEqual(["it sent more than it was asked for"]);
});
