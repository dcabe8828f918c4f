import { loadConfig } from "../src/config.ts";
import { startServer, untilStopSignal } from "../src/main.ts";
import { createFakeExecutor } from "./fake-executor.ts";

// A whole server in a process of its own, so that a test can kill it. Only the engine is not the real one.
const stopped = untilStopSignal();
const server = await startServer(loadConfig(), { executor: await createFakeExecutor() });
process.stdout.write(`${server.url}\n`);
await stopped;
await server.close();
