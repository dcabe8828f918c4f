import { resolve } from "node:path";
import type { Io } from "../io.ts";
import { write } from "../io.ts";
import { CliProblem } from "../problem.ts";

/** The options of `crucible stub-model`. */
export interface StubModelOptions {
  readonly host: string;
  readonly port: number;
  readonly replay?: string;
  readonly latency: number;
  readonly json?: boolean;
}

/** Serves the stub model until a signal. */
export async function stubModelCommand(io: Io, options: StubModelOptions): Promise<number> {
  const { serveStub, untilStopSignal } = await import("@crucible/server");
  const { host, port, latency, replay, json } = options;
  const replayFile = replay === undefined ? null : resolve(io.cwd, replay);
  try {
    const stopped = untilStopSignal();
    await using stub = await serveStub({ latencyMs: latency, answers: [], replayFile }, { host, port });
    const told =
      json === true ? JSON.stringify({ url: stub.url, pid: process.pid }) : `The stub model is at ${stub.url}`;
    await write(io.stdout, `${told}\n`);
    await stopped;
    return 0;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new CliProblem(`port ${port} of ${host} is in use`, "choose another with --port", { cause: error });
    if (code === "invalid_replay_file")
      throw new CliProblem(message, 'a line is {"messages": […], "answer": "text"}; see docs/reference/gateway.md', {
        cause: error,
      });
    throw error;
  }
}
