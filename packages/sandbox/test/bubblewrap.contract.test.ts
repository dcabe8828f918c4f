import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { text as readText } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const promises = { ...PROMISES_ISOLATION, except: QUIET_SIGNALS };
const createWith = (warm: boolean) => async (): Promise<Engine> =>
  createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8, warm });
const create = createWith(true);

// From the second run in a slot on, Python programs are forked from a template.
engineContract({ name: "bubblewrap, Python forked", create, promises });
engineContract({ name: "bubblewrap, every run started afresh", create: createWith(false), promises });

it("keeps descriptors that the service itself inherited away from programs", async (context) => {
  const engine = await create();
  const { available, reason } = await engine.probe();
  await engine.close();
  if (!available) return context.skip(`bubblewrap is not available: ${reason}`);
  const directory = openSync("/", "r");
  // Node marks the first descriptors and then stops at the first gap: 3 is below it, 200 is beyond.
  const stdio = Array.from({ length: 201 }, (_, fd) =>
    fd === 1 ? "pipe" : fd === 2 ? "inherit" : fd === 3 || fd === 200 ? directory : "ignore",
  );
  const script = fileURLToPath(new URL("inherited-descriptors.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio });
  closeSync(directory);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const listed = child.stdout === null ? "no output" : await readText(child.stdout);
  expect(await closed).toBe(0);
  expect(listed).toBe("");
});
