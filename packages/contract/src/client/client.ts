import { EngineList, Health, LanguageList, Readiness } from "../platform.ts";
import type { EngineInfo, Language } from "../platform.ts";
import { BatchResponse, Run, RunPage } from "../runs.ts";
import type { ListRunsQuery, RunRequestInput, RunSummary } from "../runs.ts";
import { SelfcheckProgress, SelfcheckReport } from "../selfcheck.ts";
import type { SelfcheckRequest } from "../selfcheck.ts";
import { Screening, ScreeningPage, ScreeningReply, ScreeningStatistics } from "../screenings.ts";
import type {
  ListScreeningsQuery,
  ScreeningRequest,
  ScreeningStatisticsQuery,
  ScreeningSummary,
} from "../screenings.ts";
import { readRunEvents } from "./run-events.ts";
import type { ReceivedEvent, RunEventsOptions } from "./run-events.ts";
import { sandboxCalls } from "./sandboxes.ts";
import type { SandboxCalls } from "./sandboxes.ts";
import { createTransport } from "./transport.ts";
import type { CallOptions, ClientOptions } from "./transport.ts";

/** A filter of runs; leave out what does not matter. */
export type RunFilter = { readonly [Name in keyof ListRunsQuery]?: ListRunsQuery[Name] | undefined };

/** A filter of screenings; leave out what does not matter. */
export type ScreeningFilter = { readonly [Name in keyof ListScreeningsQuery]?: ListScreeningsQuery[Name] | undefined };

/** Every call to a Crucible server. All reject with `ClientError`. */
export interface Client extends SandboxCalls {
  /** With `wait` the finished run, or after some 60 s the run as it is. */
  createRun(request: RunRequestInput, options?: CallOptions & { readonly wait?: boolean | undefined }): Promise<Run>;
  /** All or none; answers in the order of the requests. */
  createBatch(requests: readonly RunRequestInput[], options?: CallOptions): Promise<Run[]>;
  /** One page, newest first. */
  listRuns(filter?: RunFilter, options?: CallOptions): Promise<RunPage>;
  /** All pages; `limit` is the size of a page. */
  allRuns(filter?: RunFilter, options?: CallOptions): AsyncGenerator<RunSummary, void, undefined>;
  getRun(id: string, options?: CallOptions): Promise<Run>;
  /** One of `outcome.artifacts.files`, as bytes. */
  getRunArtifact(id: string, path: string, options?: CallOptions): Promise<Uint8Array>;
  cancelRun(id: string, options?: CallOptions): Promise<Run>;
  /** Events as they come, over broken connections, until the run has finished. */
  runEvents(id: string, options?: RunEventsOptions): AsyncGenerator<ReceivedEvent, void, undefined>;
  /** The finished run: waits as long as it takes, or until `signal`. */
  waitForRun(id: string, options?: CallOptions): Promise<Run>;
  /** Screens a text or a conversation without a model. A text that is not admitted is a reply, and no error. */
  screen(request: ScreeningRequest, options?: CallOptions): Promise<ScreeningReply>;
  /** One page, newest first. */
  listScreenings(filter?: ScreeningFilter, options?: CallOptions): Promise<ScreeningPage>;
  /** All pages; `limit` is the size of a page. */
  allScreenings(filter?: ScreeningFilter, options?: CallOptions): AsyncGenerator<ScreeningSummary, void, undefined>;
  getScreening(id: string, options?: CallOptions): Promise<Screening>;
  /** Of the last 24 hours where the filter has no `since`. */
  screeningStatistics(filter?: ScreeningStatisticsQuery, options?: CallOptions): Promise<ScreeningStatistics>;
  listLanguages(options?: CallOptions): Promise<Language[]>;
  listEngines(options?: CallOptions): Promise<EngineInfo[]>;
  /** The latest report of `crucible selfcheck`; rejects with `not_found` while there is none. */
  getSelfcheck(options?: CallOptions): Promise<SelfcheckReport>;
  /** Starts a self-check of the server's host; rejects with `selfcheck_running` while there is one. */
  startSelfcheck(request?: Partial<SelfcheckRequest>, options?: CallOptions): Promise<SelfcheckProgress>;
  getSelfcheckProgress(options?: CallOptions): Promise<SelfcheckProgress>;
  health(options?: CallOptions): Promise<Health>;
  /** Also when the server is not ready. */
  readiness(options?: CallOptions): Promise<Readiness>;
}

/** How much longer than the server's own 60 s a waiting call may take. */
const WAIT_TIMEOUT_MS = 90_000;

const SCREENINGS = "/api/v1/screenings";

/** Paths of one run. */
const runPath = (id: string): string => `/api/v1/runs/${encodeURIComponent(id)}`;

/** A client for one server. Holds no connection and needs no closing; works in Node and in browsers. */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options);
  const get = "GET";
  const post = "POST";
  const client: Client = {
    ...sandboxCalls(transport),
    createRun: (request, { wait = false, signal } = {}) =>
      transport.json(
        {
          method: post,
          path: "/api/v1/runs",
          body: request,
          signal,
          ...(wait ? { query: { wait }, timeoutMs: WAIT_TIMEOUT_MS } : {}),
        },
        Run,
      ),
    createBatch: async (runs, { signal } = {}) =>
      (await transport.json({ method: post, path: "/api/v1/runs/batch", body: { runs }, signal }, BatchResponse)).runs,
    listRuns: (query, { signal } = {}) => transport.json({ method: get, path: "/api/v1/runs", query, signal }, RunPage),
    async *allRuns(filter, callOptions) {
      let cursor = filter?.cursor;
      do {
        const page = await client.listRuns({ ...filter, cursor }, callOptions);
        yield* page.runs;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
    getRun: (id, { signal } = {}) => transport.json({ method: get, path: runPath(id), signal }, Run),
    getRunArtifact: (id, path, { signal } = {}) =>
      transport.bytes({ method: get, path: `${runPath(id)}/artifacts`, query: { path }, signal }),
    cancelRun: (id, { signal } = {}) => transport.json({ method: post, path: `${runPath(id)}/cancel`, signal }, Run),
    runEvents: (id, eventOptions) => readRunEvents(transport, id, eventOptions),
    async waitForRun(id, callOptions) {
      for await (const _ of client.runEvents(id, callOptions)) {
        // Only the end matters: the run has the rest.
      }
      return client.getRun(id, callOptions);
    },
    screen: (body, { signal } = {}) => transport.json({ method: post, path: SCREENINGS, body, signal }, ScreeningReply),
    listScreenings: (query, { signal } = {}) =>
      transport.json({ method: get, path: SCREENINGS, query, signal }, ScreeningPage),
    async *allScreenings(filter, callOptions) {
      let cursor = filter?.cursor;
      do {
        const page = await client.listScreenings({ ...filter, cursor }, callOptions);
        yield* page.screenings;
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
    getScreening: (id, { signal } = {}) =>
      transport.json({ method: get, path: `${SCREENINGS}/${encodeURIComponent(id)}`, signal }, Screening),
    screeningStatistics: (query, { signal } = {}) =>
      transport.json({ method: get, path: `${SCREENINGS}/statistics`, query, signal }, ScreeningStatistics),
    listLanguages: async ({ signal } = {}) =>
      (await transport.json({ method: get, path: "/api/v1/languages", signal }, LanguageList)).languages,
    listEngines: async ({ signal } = {}) =>
      (await transport.json({ method: get, path: "/api/v1/engines", signal }, EngineList)).engines,
    getSelfcheck: ({ signal } = {}) =>
      transport.json({ method: get, path: "/api/v1/selfcheck", signal }, SelfcheckReport),
    startSelfcheck: (request = {}, { signal } = {}) =>
      transport.json({ method: post, path: "/api/v1/selfcheck", body: request, signal }, SelfcheckProgress),
    getSelfcheckProgress: ({ signal } = {}) =>
      transport.json({ method: get, path: "/api/v1/selfcheck/progress", signal }, SelfcheckProgress),
    health: ({ signal } = {}) => transport.json({ method: get, path: "/healthz", signal }, Health),
    readiness: ({ signal } = {}) => transport.json({ method: get, path: "/readyz", signal, accept: [503] }, Readiness),
  };
  return client;
}
