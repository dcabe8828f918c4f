import { loadConfig } from "../src/config.ts";
import { startServer, untilStopSignal } from "../src/main.ts";
import { createFakeExecutor } from "./fake-executor.ts";

// A whole server in a process of its own, so that a test can kill it. With `fake` the engine is not the real one.
const stopped = untilStopSignal();
const server = await startServer(
  loadConfig(),
  process.argv[2] === "fake" ? { executor: await createFakeExecutor() } : {},
);
process.stdout.write(`${JSON.stringify({ url: server.url, engine: server.engine })}\n`);
await stopped;
await server.close();
