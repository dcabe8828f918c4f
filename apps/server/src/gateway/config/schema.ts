import { DEFAULT_BREAKER } from "@crucible/guard";
import { z } from "zod";

/** What a file may leave out of an upstream. */
export const DEFAULT_UPSTREAM = {
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  timeoutMs: 600_000,
  retries: 2,
  maxRetryAfterMs: 20_000,
  maxConnections: 1_024,
  maxResponseBytes: 64 * 1024 * 1024,
} as const;

/** What a file may leave out of the rest. */
export const DEFAULT_GATEWAY = {
  onBlock: "error_400",
  refusal: "I cannot help with that.",
  recordAnswers: "all",
  maxTextLength: 2_000_000,
} as const;

/** Headers that the gateway sets itself, or that say how a message is framed. */
const OWN_HEADERS = new Set(
  "host content-length content-type transfer-encoding connection keep-alive te trailer upgrade expect accept accept-encoding authorization".split(
    " ",
  ),
);

/** A mapping with these keys and no others. */
function mapping<Shape extends z.core.$ZodShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code, keys: unknown }) =>
      code === "unrecognized_keys"
        ? `unknown key ${JSON.stringify(unknown[0])}; there is: ${keys}`
        : `must be a mapping of: ${keys}`,
  });
}

function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function text(max: number, what = "text") {
  const error = `must be ${what} of 1 to ${max} characters`;
  return z.string({ error }).min(1, { error }).max(max, { error });
}

const MAX_MS = 86_400_000;
const milliseconds = () => whole(1, MAX_MS);
const once = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** A base URL that says where to go and nothing else. */
const baseUrl = text(2_048, "a URL").transform((given, context) => {
  const url = URL.parse(given);
  const problem =
    url === null || !["http:", "https:"].includes(url.protocol)
      ? "must be a URL such as https://api.example.com/v1"
      : url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== ""
        ? "must have no user, password, query or fragment; the key has its own setting"
        : null;
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
  return given.replace(/\/+$/, "");
});

const keySource = mapping({
  env: z
    .string()
    .regex(/^[A-Za-z_]\w{0,127}$/, "must be the name of an environment variable")
    .optional(),
  file: text(4_096, "a path").optional(),
}).refine(({ env, file }) => (env === undefined) !== (file === undefined), {
  error: "must have exactly one of env and file; a key itself does not belong here",
});

const headers = z
  .record(
    z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, "must be a header's name in lower case")
      .refine((name) => !OWN_HEADERS.has(name), { error: "is a header that the gateway sets itself" }),
    z.string().regex(/^[\x20-\x7e]{0,1024}$/, "must be printable ASCII"),
    {
      error: ({ code, issues }) =>
        code === "invalid_key" ? (issues as { message: string }[])[0]?.message : "must be a mapping of headers",
    },
  )
  .default({});

const upstream = mapping({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, "must be a short name such as openai or local-vllm"),
  baseUrl,
  key: keySource.optional(),
  keyHeader: z
    .enum(["authorization", "api-key", "x-api-key"], { error: "must be authorization, api-key or x-api-key" })
    .default("authorization"),
  allowPlainHttp: z.boolean({ error: "must be true or false" }).default(false),
  headers,
  models: z.array(text(256, "a name"), { error: "must be a list of names" }).default([]),
  aliases: z.record(text(256, "a name"), text(256, "a name"), { error: "must be a mapping of names" }).default({}),
  connectTimeoutMs: milliseconds().default(DEFAULT_UPSTREAM.connectTimeoutMs),
  idleTimeoutMs: milliseconds().default(DEFAULT_UPSTREAM.idleTimeoutMs),
  timeoutMs: milliseconds().default(DEFAULT_UPSTREAM.timeoutMs),
  retries: whole(0, 10).default(DEFAULT_UPSTREAM.retries),
  maxRetryAfterMs: whole(0, MAX_MS).default(DEFAULT_UPSTREAM.maxRetryAfterMs),
  maxConnections: whole(1, 65_535).default(DEFAULT_UPSTREAM.maxConnections),
  maxResponseBytes: whole(1_024, 1024 ** 3).default(DEFAULT_UPSTREAM.maxResponseBytes),
  breaker: mapping({
    failures: whole(1, 1_000).default(DEFAULT_BREAKER.failures),
    openMs: milliseconds().default(DEFAULT_BREAKER.openMs),
    maxOpenMs: milliseconds().default(DEFAULT_BREAKER.maxOpenMs),
  }).prefault({}),
}).refine((one) => one.allowPlainHttp || one.key === undefined || isSafeForKeys(one.baseUrl), {
  path: ["baseUrl"],
  error: "must be https: it would carry the key in the open; allowPlainHttp: true allows it on a network of your own",
});

/** Encrypted, or it does not leave this machine. */
function isSafeForKeys(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
}

const stub = mapping({
  latencyMs: whole(0, 3_600_000).default(0),
  answers: z
    .array(mapping({ contains: text(1_000), text: z.string({ error: "must be text" }) }), { error: "must be a list" })
    .default([]),
  replayFile: text(4_096, "a path").optional(),
});

/** The format of a gateway's file. */
export const GatewayFile = mapping({
  version: z.literal(1, { error: "must be 1, the version of the format" }),
  upstreams: z
    .array(upstream, { error: "must be a list of upstreams" })
    .refine((all) => once(all.map(({ name }) => name)), { error: "must have a name each" })
    .refine((all) => once(all.flatMap(({ models, aliases }) => [...models, ...Object.keys(aliases)])), {
      error: "must not claim the same model twice",
    })
    .default([]),
  default: text(32, "a name").optional(),
  stub: z
    .union([z.boolean(), stub], { error: "must be true, false or a mapping of: latencyMs, answers, replayFile" })
    .default(true),
  onBlock: z
    .enum(["error_400", "refusal_200", "status_446"], { error: "must be error_400, refusal_200 or status_446" })
    .default(DEFAULT_GATEWAY.onBlock),
  refusal: text(2_000).default(DEFAULT_GATEWAY.refusal),
  recordAnswers: z.enum(["all", "found"], { error: "must be all or found" }).default(DEFAULT_GATEWAY.recordAnswers),
  maxTextLength: whole(1, 100_000_000).default(DEFAULT_GATEWAY.maxTextLength),
}).refine(({ default: name, upstreams }) => name === undefined || upstreams.some((one) => one.name === name), {
  path: ["default"],
  error: "must be the name of one of the upstreams",
});

/** A file of the gateway as it stands. */
export type GatewayFile = z.output<typeof GatewayFile>;
