import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { SelfcheckReport } from "@crucible/contract";
import { createSelfcheckReader } from "../../store/selfcheck-reader.ts";
import { buildApp } from "../app.ts";
import { memoryDeps, TEST_KEY, TEST_SELFCHECK } from "../testing/fakes.ts";

const headers = { authorization: `Bearer ${TEST_KEY}` };
const url = "/api/v1/selfcheck";
const open: Disposable[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]();
});

function directoryWith(content: string | null): string {
  const path = mkdtempSync(join(tmpdir(), "crucible-selfcheck-"));
  open.push({ [Symbol.dispose]: () => rmSync(path, { recursive: true }) });
  if (content !== null) writeFileSync(join(path, "selfcheck.json"), content);
  return path;
}

async function ask(content: string | null) {
  const { deps } = memoryDeps();
  const app = buildApp({ ...deps, selfcheck: createSelfcheckReader(directoryWith(content)) });
  try {
    return await app.inject({ method: "GET", url, headers });
  } finally {
    await app.close();
  }
}

describe("the latest self-check", () => {
  it("is 404 with what to do while there is none", async () => {
    const reply = await ask(null);
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({ error: { code: "not_found", message: expect.stringContaining("selfcheck") } });
  });

  it("is the report in the data directory, as it was written", async () => {
    const reply = await ask(JSON.stringify(TEST_SELFCHECK));
    expect(reply.statusCode).toBe(200);
    expect(SelfcheckReport.parse(reply.json())).toEqual(TEST_SELFCHECK);
  });

  it("is a fault of the server where the file is no report, and nothing of it gets out", async () => {
    const reply = await ask('{"secret": "s3cret"}');
    expect(reply.statusCode).toBe(500);
    expect(reply.body).not.toContain("s3cret");
  });
});
