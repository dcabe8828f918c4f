import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import pino from "pino";
import { TEST_SELFCHECK } from "../src/http/testing/fakes.ts";
import { createSelfchecks } from "../src/selfcheck/background.ts";
import { createSelfcheckReader, createSelfcheckWriter } from "../src/store/selfcheck-reader.ts";

const directory = mkdtempSync(join(tmpdir(), "crucible-background-"));
afterAll(() => rmSync(directory, { recursive: true }));

const open = (deadlineMs?: number, stopMs?: number) =>
  createSelfchecks({
    module: fileURLToPath(new URL("./selfcheck-child.ts", import.meta.url)),
    settings: { allowUnsafe: false, ociRootfs: undefined, docker: undefined },
    cacheDir: join(directory, "cache"),
    store: createSelfcheckWriter(directory),
    log: pino({ level: "silent" }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(stopMs === undefined ? {} : { stopMs }),
  });
const asking = (engine: string) => ({ engines: [engine], quick: true });
const stored = createSelfcheckReader(directory);

describe("a self-check in the background", () => {
  it("stores its report, which is then the latest, and knows nothing of the server", async () => {
    await using selfchecks = open();
    expect(selfchecks.progress()).toMatchObject({ state: "idle", startedAt: null });
    expect(await selfchecks.start(asking("report"))).toMatchObject({ state: "running", done: 0, total: null });
    await expect.poll(() => selfchecks.progress().state).toBe("finished");
    expect(selfchecks.progress()).toMatchObject({ done: 2, total: 2, broken: 1, reason: null });
    const report = await stored();
    expect(report).toMatchObject({ ...TEST_SELFCHECK, host: expect.any(Object) });
    expect(report?.host.os.split(" ").toSorted()).toEqual(["NODE_COMPILE_CACHE", "PATH"]);
    expect(readFileSync(join(directory, "selfcheck.json"), "utf8").endsWith("}\n")).toBe(true);
  });

  it("is one at a time, and another can be started when it has ended", async () => {
    await using selfchecks = open();
    await selfchecks.start(asking("wait"));
    await expect(selfchecks.start(asking("report"))).rejects.toMatchObject({ code: "selfcheck_running" });
    expect(selfchecks.progress().state).toBe("running");
    await selfchecks.close();
    expect(selfchecks.progress()).toMatchObject({ state: "failed", reason: "the server was stopped" });
    await expect(selfchecks.start(asking("report"))).rejects.toMatchObject({ code: "shutting_down" });
    await using others = open();
    for (const what of ["problem", "report"]) {
      await others.start(asking(what));
      await expect.poll(() => others.progress().state).not.toBe("running");
      await expect
        .poll(() =>
          others.start(asking("problem")).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true);
      await expect.poll(() => others.progress().state).toBe("failed");
    }
  });

  it.each([
    ["problem", "nothing isolates here"],
    ["die", "its process ended (signal SIGKILL)"],
    ["lie", "its report could not be stored"],
  ])("has no report where it ends otherwise, and says why: %s", async (what, reason) => {
    const before = await stored();
    await using selfchecks = open();
    await selfchecks.start(asking(what));
    await expect.poll(() => selfchecks.progress().state).toBe("failed");
    expect(selfchecks.progress()).toMatchObject({ reason, endedAt: expect.any(String) });
    expect(await stored()).toEqual(before);
  });

  it.each(["wait", "deaf"])("is ended at its deadline, and its process too: %s", async (what) => {
    await using selfchecks = open(700, 100);
    await selfchecks.start(asking(what));
    await expect.poll(() => selfchecks.progress().state, { timeout: 5_000 }).toBe("failed");
    expect(selfchecks.progress().reason).toBe("it was not done within 700 ms");
    // Nothing is in the way of the next one once its process has gone.
    await expect
      .poll(
        () =>
          selfchecks.start(asking("problem")).then(
            () => "started",
            () => "running",
          ),
        { timeout: 5_000 },
      )
      .toBe("started");
    await expect.poll(() => selfchecks.progress().reason).toBe("nothing isolates here");
  });
});
