import type { z } from "zod";
import { ClientError, errorOfReply } from "./error.ts";

/** The part of `fetch` that the client uses: the global one, or a test's. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

/** Where the server is and how to talk to it. */
export interface ClientOptions {
  /** Such as `http://127.0.0.1:4180`; a path prefix is kept. */
  readonly baseUrl: string;
  /** Left out in a browser with a login session, which may read only. */
  readonly apiKey?: string | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: FetchFunction | undefined;
  /** For one call without `wait`, milliseconds; default 30 000. */
  readonly timeoutMs?: number | undefined;
}

/** Options of any call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** One request. */
export interface Call extends CallOptions {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: unknown;
  /** Instead of `body`: sent as they are. */
  readonly bytes?: { readonly type: string; readonly content: Uint8Array } | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until the reply's head has come; null waits for ever. */
  readonly timeoutMs?: number | null;
  /** Statuses besides 2xx that are a reply and no error. */
  readonly accept?: readonly number[];
}

/** Sends calls to one server. Rejects with `ClientError`, or with the abort reason of the caller's own signal. */
export interface Transport {
  send(call: Call): Promise<Response>;
  bytes(call: Call): Promise<Uint8Array>;
  json<T>(call: Call, schema: z.ZodType<T>): Promise<T>;
}

function queryString(query: Call["query"]): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** A `Transport` over `fetch`. */
export function createTransport(options: ClientOptions): Transport {
  const base = options.baseUrl.replace(/\/+$/, "");
  const doFetch: FetchFunction = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const keyHeader: Record<string, string> =
    options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` };

  const failure = (cause: unknown, call: Call, timeout: AbortSignal | null): unknown => {
    if (call.signal?.aborted) return call.signal.reason;
    if (timeout?.aborted) return new ClientError("timed_out", `${base} did not answer in time`, { cause });
    const detail =
      cause instanceof Error ? ((cause.cause as Error | undefined)?.message ?? cause.message) : String(cause);
    return new ClientError("unreachable", `cannot reach ${base}: ${detail}`, { cause });
  };

  async function exchange<T>(call: Call, read: (reply: Response) => Promise<T>): Promise<T> {
    const timeoutMs = call.timeoutMs === undefined ? (options.timeoutMs ?? 30_000) : call.timeoutMs;
    const timeout = timeoutMs === null ? null : AbortSignal.timeout(timeoutMs);
    const signals = [call.signal, timeout].filter((signal) => signal !== undefined && signal !== null);
    let reply: Response;
    try {
      reply = await doFetch(`${base}${call.path}${queryString(call.query)}`, {
        method: call.method,
        headers: {
          accept: "application/json",
          ...keyHeader,
          ...(call.body === undefined ? {} : { "content-type": "application/json" }),
          ...(call.bytes === undefined ? {} : { "content-type": call.bytes.type }),
          ...call.headers,
        },
        redirect: "error",
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        ...(call.bytes === undefined ? {} : { body: call.bytes.content as Uint8Array<ArrayBuffer> }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
      });
      if (!reply.ok && !(call.accept ?? []).includes(reply.status)) throw await errorOfReply(reply);
      return await read(reply);
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw failure(error, call, timeout);
    }
  }

  return {
    send: (call) => exchange(call, async (reply) => reply),
    bytes: (call) => exchange(call, async (reply) => new Uint8Array(await reply.arrayBuffer())),
    json: (call, schema) =>
      exchange(call, async (reply) => {
        const text = await reply.text();
        const details = { status: reply.status, requestId: reply.headers.get("x-request-id") ?? undefined };
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch (cause) {
          throw new ClientError("unexpected_reply", `${call.path} did not answer with JSON`, { ...details, cause });
        }
        const parsed = schema.safeParse(value);
        if (parsed.success) return parsed.data;
        throw new ClientError("unexpected_reply", `the reply of ${call.path} is not of this contract`, {
          ...details,
          cause: parsed.error,
        });
      }),
  };
}
