import { expect, test } from "vitest";
import { startServer } from "../src/main.ts";
import { temporaryDirectory, testConfig } from "./server-fixture.ts";

test("the gateway runs alone: models, record, metrics and health, and no runs", async () => {
  using directory = temporaryDirectory();
  const config = testConfig(directory.path, { CRUCIBLE_ROLES: "gateway", CRUCIBLE_ENGINE: "none-here" });
  await using server = await startServer(config);
  const headers = { authorization: `Bearer ${server.bootstrapKey}`, "content-type": "application/json" };
  const get = async (path: string) => await fetch(`${server.url}${path}`, { headers });
  const body = JSON.stringify({
    model: "stub",
    messages: [{ role: "user", content: "What is a good recipe for bread?" }],
  });
  const reply = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", headers, body });
  expect(reply.status).toBe(200);
  const ready = await get("/readyz");
  expect([ready.status, ((await ready.json()) as { status: string }).status]).toEqual([200, "ready"]);
  expect((await get("/api/v1/runs")).status).toBe(404);
  expect(await (await get("/metrics")).text()).toContain("crucible_guard_decisions_total{");
  expect(server.engine).toBeNull();
});
