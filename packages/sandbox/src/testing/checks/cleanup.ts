/** The host looks after the runs as it looked before. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "../../types.ts";
import { type Check, checksOf } from "../check.ts";
import { isSurelyOurs, leftovers, openDescriptors, settle, takeSnapshot } from "../host/leftovers.ts";
import { findMarked, newMarker } from "../host/marked-process.ts";
import { removeTree } from "../../process/remove-tree.ts";
import { assertExit, bash, c, code, python } from "../programs.ts";

/** Long enough for a busy host to reap and close; what is still there then stays there. */
const SETTLE_MS = 4_000;

/** Runs that end in every way there is, some with things that are hard to remove. */
async function runEverything(engine: Engine): Promise<void> {
  const abort = new AbortController();
  const stubborn = code`
    mkdir -p a/b/c; chmod 000 a/b; ln -s / root; mkfifo pipe; touch -- -rf
    for n in $(seq 50); do mkdir -p deep/$n; cd deep/$n; done
    exit 0
  `;
  await Promise.all([
    engine.run(bash("echo fine")),
    engine.run(bash("exit 3")),
    engine.run(bash(stubborn)),
    engine.run(bash("kill -SEGV $$")),
    engine.run(bash("sleep 30 & sleep 30", { limits: { wallTimeMs: 300 } })),
    engine.run(bash("exec yes", { limits: { stdoutBytes: 100 } })),
    engine.run(bash("echo up; sleep 30"), { signal: abort.signal, onOutput: () => abort.abort() }),
    engine.run(c("int main(void) { return 0; }")),
    engine.run(c("no program")),
    engine.run({ ...python(""), language: "klingon" }).catch(() => undefined),
  ]);
}

/** Two looks in a row that agree: the shared engine has come to rest. */
async function restingSnapshot(): Promise<Awaited<ReturnType<typeof takeSnapshot>>> {
  let last = await takeSnapshot();
  return settle(
    async () => {
      const next = await takeSnapshot();
      const same = leftovers(last, next).length === 0 && leftovers(next, last).length === 0;
      last = next;
      return { next, same };
    },
    ({ same }) => same,
    SETTLE_MS,
  ).then(({ next }) => next);
}

/** What is on the host after the life of an engine and was not before. */
async function leftBy(create: () => Promise<Engine>): Promise<string[]> {
  const before = await restingSnapshot();
  const engine = await create();
  try {
    await engine.probe();
    await runEverything(engine);
  } finally {
    await engine.close();
  }
  return await settle(
    async () => leftovers(before, await takeSnapshot()),
    (found) => found.length === 0,
    SETTLE_MS,
  );
}

/** Lives of an engine that are looked at before what may be anybody's counts as its own. */
const LIVES = 3;

/** Group `cleanup`. */
export const cleanupChecks: readonly Check[] = checksOf("cleanup", [
  {
    name: "after-close",
    title: "leaves no process, mount, control group or file once the engine is closed",
    incident: "sandboxes left behind fill the host (isolate, Judge0)",
    async run({ create }) {
      let left: string[] = [];
      // On a host with other work, mounts and files of others come and go; what an engine leaves, it leaves each time.
      for (let life = 1; life <= LIVES && !left.some(isSurelyOurs); life += 1) {
        left = await leftBy(create);
        if (left.length === 0) return;
      }
      assert.deepEqual(left, []);
    },
  },
  {
    name: "temporary-files",
    title: "leaves nothing in the directory for temporary files",
    async run({ create }) {
      const directory = await mkdtemp(join(tmpdir(), "contract-"));
      await chmod(directory, 0o755);
      const former = process.env["TMPDIR"];
      process.env["TMPDIR"] = directory;
      try {
        const engine = await create();
        try {
          await runEverything(engine);
        } finally {
          await engine.close();
        }
        assert.deepEqual(await readdir(directory), []);
      } finally {
        if (former === undefined) delete process.env["TMPDIR"];
        else process.env["TMPDIR"] = former;
        await removeTree(directory);
      }
    },
  },
  {
    name: "no-growth",
    title: "holds no more descriptors and processes after many runs than after a few",
    incident: "memory and descriptors that grow with each run (dify-sandbox#167)",
    async run({ engine }) {
      await runEverything(engine);
      const before = await restingSnapshot();
      const descriptors = await openDescriptors();
      for (let round = 0; round < 3; round += 1) await runEverything(engine);
      const grown = async (): Promise<number> => {
        const after = await takeSnapshot();
        return Math.max(
          (await openDescriptors()) - descriptors,
          after.processes.size - before.processes.size,
          after.cgroups.size - before.cgroups.size,
        );
      };
      // 30 runs: one leaked descriptor a run would show as 30.
      assert.ok((await settle(grown, (by) => by <= 2, SETTLE_MS)) <= 2, `grew by ${await grown()}`);
    },
  },
  {
    name: "close-ends-runs",
    title: "ends what still runs when the engine is closed",
    async run({ create }) {
      const marker = newMarker();
      const engine = await create();
      let closing = Promise.resolve();
      const outcome = await engine.run(
        python("import time; print('up', flush=True); time.sleep(30)", { args: [marker] }),
        {
          onOutput: () => void (closing = engine.close()),
        },
      );
      await closing;
      assert.ok(outcome.status === "cancelled" || outcome.status === "sandbox_failed", outcome.status);
      assert.deepEqual(await findMarked(marker), []);
    },
  },
  {
    name: "close-twice",
    title: "can be closed twice",
    async run({ create }) {
      const engine = await create();
      assertExit(await engine.run(bash("true")), 0);
      await engine.close();
      await engine.close();
    },
  },
]);
