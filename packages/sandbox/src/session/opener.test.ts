import { Duplex, PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { RunGroup } from "../cgroup/types.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../limits.ts";
import { encodeFrame, FROM_AGENT } from "./frames.ts";
import { createSessionOpener } from "./opener.ts";
import type { SessionHost, StartedAgent } from "./opener.ts";

const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };

/** A sandbox that is ready at once, and ends when it is killed. */
function startFake(): { started: StartedAgent; hasEnded: () => boolean } {
  let hasEnded = false;
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const control = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  control.push(encodeFrame(FROM_AGENT.ready, 0, Buffer.alloc(0)));
  const kill = (): void => {
    hasEnded = true;
    control.push(null);
    resolve();
  };
  const stdout = new PassThrough();
  const stderr = new PassThrough().end();
  const sandbox = { control, stdout, stderr, compileOutput: null, group: null, ownProcesses: 1, kill, ended };
  return { started: { sandbox, innerPid: 1, close: () => undefined }, hasEnded: () => hasEnded };
}

function openerOver(start: () => Promise<StartedAgent>, destroy: () => Promise<void> = async () => undefined) {
  const group = { limit: () => undefined, usage: () => ({ oomKills: 0 }), destroy } as unknown as RunGroup;
  const host = { cgroups: { usable: true, create: () => group }, script: { spareProcesses: null, limitData: false } };
  const fixed = { name: "fake", isolation: "namespace", most: 1, env: {}, cwd: "/box", hasNetwork: false } as const;
  const opener = createSessionOpener({ bounds }, { ...fixed, start });
  return { open: () => opener.open(host as unknown as SessionHost, {}), close: opener.close };
}

test("a sandbox that is being opened while the engine closes is ended, too", async () => {
  const { started, hasEnded } = startFake();
  const gate = Promise.withResolvers<void>();
  const { open, close } = openerOver(async () => gate.promise.then(() => started));
  const opening = open();
  const closing = close();
  gate.resolve();
  await Promise.all([opening, closing]);
  expect(hasEnded()).toBe(true);
  await expect(open()).rejects.toThrow("has been closed");
});

test("a place whose clean-up failed is not used again", async () => {
  const { open } = openerOver(
    () => Promise.reject(new Error("no start")),
    () => Promise.reject(new Error("still there")),
  );
  await expect(open()).rejects.toThrow("still there");
  await expect(open()).rejects.toThrow("which is all there can be");
});

test("a place of a sandbox that could not be started is free again", async () => {
  const { open } = openerOver(() => Promise.reject(new Error("no start")));
  await expect(open()).rejects.toThrow("no start");
  await expect(open()).rejects.toThrow("no start");
});
