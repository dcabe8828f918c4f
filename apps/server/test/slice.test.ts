import { afterAll, beforeAll, expect, test } from "vitest";
import type { ComposedServer } from "../src/compose.ts";
import { request, startComposed, temporaryDirectory, testConfig, untilFinished } from "./server-fixture.ts";

const directory = temporaryDirectory();
let server: ComposedServer;
beforeAll(async () => {
  server = await startComposed(testConfig(directory.path));
});
afterAll(async () => {
  await server.close();
  directory[Symbol.dispose]();
});

test("a submitted run goes through queue, worker and executor into the store", async () => {
  const run = await server.submit.submitRun(request({ code: "hello", labels: { suite: "slice" } }));
  expect(run).toMatchObject({ status: "queued", attempt: 0, outcome: null });
  const finished = await untilFinished(server, run.id);
  expect(finished).toMatchObject({
    id: run.id,
    status: "finished",
    attempt: 1,
    labels: { suite: "slice" },
    outcome: { status: "exited", exitCode: 0, stdout: "hello", engine: "fake" },
  });
  const events = await server.reader.eventsAfter(run.id, 0);
  expect(events.map(({ event }) => event.type)).toEqual(["run.queued", "run.started", "run.finished"]);
});
