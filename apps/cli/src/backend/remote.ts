import { setTimeout as pause } from "node:timers/promises";
import { ClientError, createClient } from "@crucible/contract";
import type { Client, Outcome, Run, RunRequestInput } from "@crucible/contract";
import { CliProblem, RefusedProblem } from "../problem.ts";
import { createLiveOutput } from "./live-output.ts";
import type { Backend, BackendRunOptions, Finished } from "./types.ts";

export interface RemoteOptions {
  readonly url: string;
  readonly apiKey: string;
  /** Default: made from `url` and `apiKey`. */
  readonly client?: Client;
}

/** Runs at once that a server is asked for unless the user says otherwise: more only wait in its queue. */
const SLOTS = 4;
/** How long a cancelled run may take to end before we stop waiting for it. */
const CANCEL_GRACE_MS = 10_000;
/** Waits between attempts while the server is away for a moment, such as during a restart. */
const RETRY_MS = [250, 500, 1000, 2000, 4000] as const;

/** A server as a backend. Opens no connection until it is used. */
export function openRemote({ url, apiKey, client = createClient({ baseUrl: url, apiKey }) }: RemoteOptions): Backend {
  const explained = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw error instanceof ClientError ? explain(error, url) : error;
    }
  };
  return {
    where: url,
    slots: SLOTS,
    run: async (request, options = {}) => await explained(async () => await runRemotely(client, request, options)),
    languages: async () => await explained(async () => await client.listLanguages()),
    engines: async () => await explained(async () => await client.listEngines()),
    async [Symbol.asyncDispose]() {},
  };
}

async function runRemotely(client: Client, request: RunRequestInput, options: BackendRunOptions): Promise<Finished> {
  const { signal, onOutput } = options;
  signal?.throwIfAborted();
  const run = await submit(client, request, signal);
  const live = onOutput === undefined ? null : createLiveOutput(onOutput);
  let finished: Run;
  try {
    for await (const { event } of client.runEvents(run.id, { signal })) {
      if (event.type === "run.output") live?.event(event);
    }
    finished = await client.getRun(run.id, { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    finished = await cancelled(client, run.id);
  }
  const outcome = outcomeOf(finished);
  live?.complete(outcome);
  return { runId: run.id, outcome };
}

const outcomeOf = (run: Run): Outcome => {
  if (run.outcome === null) throw new CliProblem(`run ${run.id} ended without an outcome`, "look at the server's log");
  return run.outcome;
};

/** Submits, and waits for room where the queue is full or the server is away for a moment. Nothing is accepted twice. */
async function submit(client: Client, request: RunRequestInput, signal: AbortSignal | undefined): Promise<Run> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await client.createRun(request, { signal });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const full = error.code === "queue_full";
      const away = error.code === "database_unavailable" || error.code === "shutting_down";
      const wait = full ? (error.retryAfterSeconds ?? 1) * 1000 : away ? RETRY_MS[attempt] : undefined;
      if (wait === undefined) throw error;
      await pause(wait, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Asks the server to stop a run and waits for its end, with the user's own signal already fired. */
async function cancelled(client: Client, id: string): Promise<Run> {
  const grace = AbortSignal.timeout(CANCEL_GRACE_MS);
  try {
    await client.cancelRun(id, { signal: grace });
  } catch (error) {
    // It may have ended by itself a moment before.
    if (!(error instanceof ClientError && error.code === "run_not_cancellable")) throw error;
  }
  try {
    return await client.waitForRun(id, { signal: grace });
  } catch (error) {
    throw new CliProblem(`run ${id} was asked to stop but has not yet`, "see what became of it on the server", {
      cause: error,
    });
  }
}

/** A client's error as a problem with its next step. */
export function explain(error: ClientError, url: string): CliProblem {
  const cause = { cause: error };
  switch (error.code) {
    case "unreachable":
    case "timed_out":
      if (error.message.endsWith("bad port")) {
        // fetch.spec.whatwg.org/#port-blocking: 4190, 5060, 6000, 6667 and some more.
        return new CliProblem(error.message, "no browser and no fetch uses that port: give the server another", cause);
      }
      return new CliProblem(
        error.message,
        "start a server with `crucible serve`, or leave out --url and CRUCIBLE_URL",
        cause,
      );
    case "unauthorized":
      return new CliProblem(
        `${url} does not know this key`,
        "give the key it printed at its start: CRUCIBLE_API_KEY, or --key-file with the api-key file of its data directory",
        cause,
      );
    case "unexpected_reply":
      return new CliProblem(error.message, `is ${url} really a Crucible server of this version?`, cause);
    case "unknown_language":
    case "language_not_installed":
      return new RefusedProblem(error.message, "see `crucible languages`", cause);
    case "engine_unavailable":
    case "isolation_unavailable":
      return new RefusedProblem(error.message, "see `crucible engines`", cause);
    case "queue_full":
    case "database_unavailable":
    case "shutting_down":
      return new CliProblem(error.message, "try again in a moment", cause);
    case "internal":
      return new CliProblem(error.message, `look for request ${error.requestId ?? "id"} in the server's log`, cause);
    default:
      // All that is left is wrong with this request: a field, a limit, its size.
      return new RefusedProblem(error.message, error.field === undefined ? null : `change ${error.field}`, cause);
  }
}
