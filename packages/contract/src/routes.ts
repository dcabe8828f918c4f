import type { z } from "zod";
import {
  ChatCompletionRequest,
  CompletionRequest,
  EmbeddingRequest,
  Model,
  ModelList,
  ModelParams,
  ModelReply,
  OpenAiError,
  ResponseRequest,
} from "./openai.ts";
import { PistonError, PistonExecuteRequest, PistonExecuteResponse, PistonRuntimeList } from "./piston.ts";
import { EngineList, Health, LanguageList, LoginRequest, LoginResponse, Readiness } from "./platform.ts";
import {
  BatchRequest,
  BatchResponse,
  CreateRunQuery,
  ListRunsQuery,
  Run,
  RunIdParams,
  RunPage,
  RunRequest,
} from "./runs.ts";
import { SelfcheckReport } from "./selfcheck.ts";
import type { ErrorCode } from "./errors.ts";

/** One HTTP route: the server registers it, the client calls it, openapi.json describes it. */
export interface RouteSpec {
  readonly method: "GET" | "POST";
  /** Fastify form: `/api/v1/runs/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: "runs" | "platform" | "piston" | "openai" | "operations";
  /** False only for health, readiness and login. */
  readonly auth: boolean;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** By status; a string is a media type without a schema. */
  readonly responses: Readonly<
    Record<
      number,
      z.ZodType | "text/event-stream" | "text/plain" | "text/html" | "application/yaml" | "application/json"
    >
  >;
  readonly errors: readonly ErrorCode[];
}

const common = ["unauthorized", "internal", "database_unavailable"] as const satisfies ErrorCode[];
const submitErrors = [
  ...common,
  "invalid_request",
  "malformed_json",
  "unknown_language",
  "language_not_installed",
  "invalid_path",
  "limit_too_high",
  "payload_too_large",
  "unsupported_media_type",
  "queue_full",
  "engine_unavailable",
  "isolation_unavailable",
  "shutting_down",
] as const satisfies ErrorCode[];

const modelReplies = {
  200: ModelReply,
  400: OpenAiError,
  401: OpenAiError,
  404: OpenAiError,
  413: OpenAiError,
  429: OpenAiError,
  502: OpenAiError,
  503: OpenAiError,
  504: OpenAiError,
} as const;

export const ROUTES = {
  createRun: {
    method: "POST",
    path: "/api/v1/runs",
    tag: "runs",
    auth: true,
    summary: "Accept a program to run; with `wait=true` answer when it has finished (60 s at most)",
    query: CreateRunQuery,
    body: RunRequest,
    responses: { 201: Run },
    errors: submitErrors,
  },
  createBatch: {
    method: "POST",
    path: "/api/v1/runs/batch",
    tag: "runs",
    auth: true,
    summary: "Accept up to 1000 programs, all or none",
    body: BatchRequest,
    responses: { 201: BatchResponse },
    errors: submitErrors,
  },
  listRuns: {
    method: "GET",
    path: "/api/v1/runs",
    tag: "runs",
    auth: true,
    summary: "List runs, newest first",
    query: ListRunsQuery,
    responses: { 200: RunPage },
    errors: [...common, "invalid_request", "invalid_cursor"],
  },
  getRun: {
    method: "GET",
    path: "/api/v1/runs/:id",
    tag: "runs",
    auth: true,
    summary: "One run with its outcome",
    params: RunIdParams,
    responses: { 200: Run },
    errors: [...common, "invalid_request", "not_found"],
  },
  cancelRun: {
    method: "POST",
    path: "/api/v1/runs/:id/cancel",
    tag: "runs",
    auth: true,
    summary: "Stop a run that has not finished",
    params: RunIdParams,
    responses: { 202: Run },
    errors: [...common, "invalid_request", "not_found", "run_not_cancellable"],
  },
  runEvents: {
    method: "GET",
    path: "/api/v1/runs/:id/events",
    tag: "runs",
    auth: true,
    summary: "Server-Sent Events of a run, from the beginning or after Last-Event-ID; ends after `run.finished`",
    params: RunIdParams,
    responses: { 200: "text/event-stream" },
    errors: [...common, "invalid_request", "not_found"],
  },
  listLanguages: {
    method: "GET",
    path: "/api/v1/languages",
    tag: "platform",
    auth: true,
    summary: "Installed languages",
    responses: { 200: LanguageList },
    errors: common,
  },
  listEngines: {
    method: "GET",
    path: "/api/v1/engines",
    tag: "platform",
    auth: true,
    summary: "Engines and what each can do on this host",
    responses: { 200: EngineList },
    errors: common,
  },
  getSelfcheck: {
    method: "GET",
    path: "/api/v1/selfcheck",
    tag: "platform",
    auth: true,
    summary: "The latest report of `crucible selfcheck` in this server's data directory",
    responses: { 200: SelfcheckReport },
    errors: ["unauthorized", "internal", "not_found"],
  },
  health: {
    method: "GET",
    path: "/healthz",
    tag: "operations",
    auth: false,
    summary: "The process answers",
    responses: { 200: Health },
    errors: [],
  },
  readiness: {
    method: "GET",
    path: "/readyz",
    tag: "operations",
    auth: false,
    summary: "Database, queue and engine work",
    responses: { 200: Readiness, 503: Readiness },
    errors: [],
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    tag: "operations",
    auth: true,
    summary: "Prometheus metrics",
    responses: { 200: "text/plain" },
    errors: ["unauthorized"],
  },
  openapiJson: {
    method: "GET",
    path: "/openapi.json",
    tag: "operations",
    auth: true,
    summary: "This description as JSON",
    responses: { 200: "application/json" },
    errors: ["unauthorized"],
  },
  openapiYaml: {
    method: "GET",
    path: "/openapi.yaml",
    tag: "operations",
    auth: true,
    summary: "This description as YAML",
    responses: { 200: "application/yaml" },
    errors: ["unauthorized"],
  },
  spec: {
    method: "GET",
    path: "/spec",
    tag: "operations",
    auth: true,
    summary: "The same document as /openapi.json",
    responses: { 200: "application/json" },
    errors: ["unauthorized"],
  },
  docs: {
    method: "GET",
    path: "/docs",
    tag: "operations",
    auth: true,
    summary: "The API reference as a page for people",
    responses: { 200: "text/html" },
    errors: ["unauthorized"],
  },
  loginPage: {
    method: "GET",
    path: "/login",
    tag: "operations",
    auth: false,
    summary: "Page that trades the key in its fragment (`/login#key=…`) for a reading session",
    responses: { 200: "text/html" },
    errors: [],
  },
  login: {
    method: "POST",
    path: "/login",
    tag: "operations",
    auth: false,
    summary: "Trade a key for a session cookie that is good for GET and HEAD only",
    body: LoginRequest,
    responses: { 200: LoginResponse },
    errors: [
      "unauthorized",
      "invalid_request",
      "malformed_json",
      "unsupported_media_type",
      "internal",
      "database_unavailable",
    ],
  },
  pistonExecute: {
    method: "POST",
    path: "/api/v2/execute",
    tag: "piston",
    auth: true,
    summary: "Run a program, Piston v2 format (also at /api/v2/piston/execute)",
    body: PistonExecuteRequest,
    responses: {
      200: PistonExecuteResponse,
      400: PistonError,
      401: PistonError,
      413: PistonError,
      415: PistonError,
      429: PistonError,
      503: PistonError,
    },
    errors: [],
  },
  pistonRuntimes: {
    method: "GET",
    path: "/api/v2/runtimes",
    tag: "piston",
    auth: true,
    summary: "Installed languages, Piston v2 format (also at /api/v2/piston/runtimes)",
    responses: { 200: PistonRuntimeList, 401: PistonError },
    errors: [],
  },
  chatCompletions: {
    method: "POST",
    path: "/v1/chat/completions",
    tag: "openai",
    auth: true,
    summary: "Screen a conversation and pass it to its model; with `stream: true` the answer is Server-Sent Events",
    body: ChatCompletionRequest,
    responses: modelReplies,
    errors: [],
  },
  completions: {
    method: "POST",
    path: "/v1/completions",
    tag: "openai",
    auth: true,
    summary: "The same for a bare prompt",
    body: CompletionRequest,
    responses: modelReplies,
    errors: [],
  },
  responses: {
    method: "POST",
    path: "/v1/responses",
    tag: "openai",
    auth: true,
    summary: "The same in the format of the Responses API, for text",
    body: ResponseRequest,
    responses: modelReplies,
    errors: [],
  },
  embeddings: {
    method: "POST",
    path: "/v1/embeddings",
    tag: "openai",
    auth: true,
    summary: "Screen texts and pass them to an embedding model",
    body: EmbeddingRequest,
    responses: modelReplies,
    errors: [],
  },
  listModels: {
    method: "GET",
    path: "/v1/models",
    tag: "openai",
    auth: true,
    summary: "Models that can be asked for by name",
    responses: { 200: ModelList, 401: OpenAiError },
    errors: [],
  },
  getModel: {
    method: "GET",
    path: "/v1/models/:model",
    tag: "openai",
    auth: true,
    summary: "One of them; its name may have slashes",
    params: ModelParams,
    responses: { 200: Model, 401: OpenAiError, 404: OpenAiError },
    errors: [],
  },
} as const satisfies Record<string, RouteSpec>;

export type RouteName = keyof typeof ROUTES;
