import { afterAll, beforeAll } from "vitest";
import { createDockerEngine } from "../src/docker/engine.ts";
import { NOT_PROMISED_BY_DOCKER } from "../src/docker/promises.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { IMAGE, missingForDocker, startDockerd } from "./fixtures/docker/daemon.ts";
import type { Daemon } from "./fixtures/docker/daemon.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const missing = missingForDocker();
if (missing !== null && process.env["CI"] === "true") throw new Error(missing);

let daemon: Daemon | undefined;
beforeAll(async () => {
  if (missing === null) daemon = await startDockerd();
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

const create = async (): Promise<Engine> =>
  createDockerEngine({
    bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
    slots: 4,
    docker: daemon === undefined ? undefined : { host: daemon.host, images: { "*": IMAGE } },
  });

engineContract({
  name: "docker",
  create,
  promises: { ...PROMISES_ISOLATION, except: { ...QUIET_SIGNALS, ...NOT_PROMISED_BY_DOCKER } },
});
