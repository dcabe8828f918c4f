import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ErrorBody, PistonError } from "@crucible/contract";
import { buildApp } from "./app.ts";
import { TEST_KEY, memoryDeps } from "./testing/fakes.ts";

const { deps, runs } = memoryDeps({ executeTimeoutMs: 1000 });
runs.onSubmit = ({ id }) => runs.finish(id);
const app = buildApp(deps);
afterAll(() => app.close());

const KEY = { authorization: `Bearer ${TEST_KEY}` };
const value = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.constantFrom(null, -1, 1e308, "", [], {}));
/** Bodies that are nearly right: some fields of the schema with any value, some others, some missing. */
const nearly = (good: object, names: readonly string[]) =>
  fc
    .dictionary(fc.constantFrom(...names, "constructor", "toString", "length"), value, { maxKeys: 4 })
    .map((change) => ({ ...good, ...change }));

const RUN_FIELDS = [
  "language",
  "code",
  "files",
  "entry",
  "args",
  "stdin",
  "env",
  "limits",
  "isolation",
  "priority",
  "labels",
];
const PISTON_FIELDS = [
  "language",
  "version",
  "files",
  "stdin",
  "args",
  "run_timeout",
  "run_memory_limit",
  "compile_cpu_time",
];

describe("whatever the body holds", () => {
  it("a run is accepted, or refused with a 4xx that names its field", async () => {
    const body = fc.oneof(value, nearly({ language: "python", code: "1" }, RUN_FIELDS));
    await fc.assert(
      fc.asyncProperty(body, async (payload) => {
        const reply = await app.inject({
          method: "POST",
          url: "/api/v1/runs?wait=true",
          headers: { ...KEY, "content-type": "application/json" },
          payload: JSON.stringify(payload),
        });
        if (reply.statusCode === 201) return;
        expect(reply.statusCode).toBe(400);
        expect(ErrorBody.parse(reply.json()).error.message).not.toMatch(/undefined|\[object/);
      }),
      { numRuns: 300 },
    );
  });

  it("Piston answers 200, or 400 with its message", async () => {
    const good = { language: "python", version: "*", files: [{ content: "1" }] };
    await fc.assert(
      fc.asyncProperty(fc.oneof(value, nearly(good, PISTON_FIELDS)), async (payload) => {
        const reply = await app.inject({
          method: "POST",
          url: "/api/v2/execute",
          headers: { ...KEY, "content-type": "application/json" },
          payload: JSON.stringify(payload),
        });
        if (reply.statusCode === 200) return;
        expect(reply.statusCode).toBe(400);
        PistonError.parse(reply.json());
      }),
      { numRuns: 300 },
    );
  });

  it("a path is never a fault of the server", async () => {
    await fc.assert(
      fc.asyncProperty(fc.webPath(), fc.webQueryParameters(), async (path, query) => {
        const reply = await app.inject({ url: `/api/v1/runs${path}?${query}`, headers: KEY });
        expect(reply.statusCode).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
  });
});
