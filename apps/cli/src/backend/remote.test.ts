import { ClientError } from "@crucible/contract";
import type { Client, Run, RunEvent } from "@crucible/contract";
import { describe, expect, test } from "vitest";
import { anOutcome } from "../batch/testing.ts";
import { openRemote } from "./remote.ts";

const finished = (given: Parameters<typeof anOutcome>[0] = {}): Run => ({
  id: "run_1",
  status: "finished",
  language: "bash",
  isolation: null,
  priority: 0,
  labels: {},
  attempt: 1,
  createdAt: "",
  startedAt: "",
  finishedAt: "",
  outcome: anOutcome(given),
});

/** A client that does only what the test gives; anything else fails the test. */
function remote(parts: Partial<Client>) {
  const client = new Proxy(parts, {
    get: (target, name) => {
      if (!(name in target)) throw new Error(`unexpected call of ${String(name)}`);
      return target[name as keyof Client];
    },
  }) as Client;
  return openRemote({ url: "http://server", apiKey: "key", client });
}

async function* noEvents(): AsyncGenerator<{ id: number | null; event: RunEvent }, void, undefined> {}
const request = { language: "bash", code: "true" };

test("waits as long as the server says when its queue is full, then submits once more", async () => {
  let calls = 0;
  const backend = remote({
    createRun: async () => {
      if (++calls < 3) throw new ClientError("queue_full", "full", { status: 429, retryAfterSeconds: 0.01 });
      return finished();
    },
    runEvents: noEvents,
    getRun: async () => finished({ stdout: "x" }),
  });
  expect(await backend.run(request)).toMatchObject({ runId: "run_1", outcome: { stdout: "x" } });
  expect(calls).toBe(3);
});

test("does not submit again when it cannot know whether the first was accepted", async () => {
  let calls = 0;
  const backend = remote({
    createRun: async () => {
      calls++;
      throw new ClientError("unreachable", "cannot reach http://server: socket hang up");
    },
  });
  await expect(backend.run(request)).rejects.toThrow("cannot reach");
  expect(calls).toBe(1);
});

describe("an interrupt", () => {
  const endless = (controller: AbortController): Client["runEvents"] =>
    async function* () {
      yield* noEvents();
      controller.abort(new Error("Ctrl-C"));
      throw controller.signal.reason;
    };

  test("cancels the run on the server and gives its outcome", async () => {
    const controller = new AbortController();
    const cancelled: string[] = [];
    const backend = remote({
      createRun: async () => finished(),
      runEvents: endless(controller),
      cancelRun: async (id) => {
        cancelled.push(id);
        return finished();
      },
      waitForRun: async () => finished({ status: "cancelled", exitCode: null, stdout: "so far" }),
    });
    const output: string[] = [];
    const { outcome } = await backend.run(request, {
      signal: controller.signal,
      onOutput: ({ bytes }) => void output.push(Buffer.from(bytes).toString()),
    });
    expect(cancelled).toEqual(["run_1"]);
    expect(outcome.status).toBe("cancelled");
    expect(output).toEqual(["so far"]);
  });

  test("that comes when the run has just ended gives how it ended", async () => {
    const controller = new AbortController();
    const backend = remote({
      createRun: async () => finished(),
      runEvents: endless(controller),
      cancelRun: async () => {
        throw new ClientError("run_not_cancellable", "it has finished", { status: 409 });
      },
      waitForRun: async () => finished({ exitCode: 3 }),
    });
    expect((await backend.run(request, { signal: controller.signal })).outcome).toMatchObject({
      status: "exited",
      exitCode: 3,
    });
  });

  test("before anything was sent sends nothing", async () => {
    await expect(remote({}).run(request, { signal: AbortSignal.abort(new Error("Ctrl-C")) })).rejects.toThrow("Ctrl-C");
  });
});

test.each([
  ["unauthorized", /does not know this key/, /CRUCIBLE_API_KEY/],
  ["unreachable", /the message/, /crucible serve/],
  ["unexpected_reply", /the message/, /really a Crucible server/],
  ["unknown_language", /the message/, /crucible languages/],
  ["isolation_unavailable", /the message/, /crucible engines/],
  ["limit_too_high", /the message/, /change limits\.pids/],
] as const)("%s becomes two lines for a person", async (code, message, next) => {
  const backend = remote({
    listLanguages: async () => {
      throw new ClientError(code, "the message", { field: "limits.pids" });
    },
  });
  const problem: unknown = await backend.languages().catch((error: unknown) => error);
  expect(problem).toMatchObject({
    message: expect.stringMatching(message) as string,
    next: expect.stringMatching(next) as string,
  });
});
