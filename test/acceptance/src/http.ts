import type { Run } from "@crucible/contract";
import type { Crucible } from "./crucible.ts";

/** One answer, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Plain HTTP, with no client of ours in between. */
export async function call(
  crucible: Crucible,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const body = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const reply = await fetch(`${crucible.url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${crucible.apiKey}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, text, json: jsonOf(text) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Submits a program and gives the accepted run. */
export async function submit(crucible: Crucible, body: unknown): Promise<Run> {
  const answer = await call(crucible, "POST", "/api/v1/runs", { body });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json as Run;
}

/** Submits a program and gives the finished run. */
export async function runToEnd(crucible: Crucible, body: unknown): Promise<Run> {
  const answer = await call(crucible, "POST", "/api/v1/runs?wait=true", { body });
  if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
  return answer.json as Run;
}

/** The run as it is now. */
export const getRun = async (crucible: Crucible, id: string): Promise<Run> =>
  (await call(crucible, "GET", `/api/v1/runs/${id}`)).json as Run;

/** One event of a stream. */
export interface SseEvent {
  readonly id: string | null;
  readonly event: string;
  readonly data: { readonly type: string; readonly [name: string]: unknown };
}

/** Events of a run until the stream ends, `signal` fires, or the reader stops. */
export async function* events(
  crucible: Crucible,
  id: string,
  options: { readonly lastEventId?: string; readonly signal?: AbortSignal } = {},
): AsyncGenerator<SseEvent> {
  const reply = await fetch(`${crucible.url}/api/v1/runs/${id}/events`, {
    headers: {
      authorization: `Bearer ${crucible.apiKey}`,
      ...(options.lastEventId === undefined ? {} : { "last-event-id": options.lastEventId }),
    },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  if (reply.status !== 200 || reply.body === null) throw new Error(`${reply.status} ${await reply.text()}`);
  let pending = "";
  for await (const chunk of reply.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (pending + chunk).split("\n\n");
    pending = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(
        block.split("\n").map((line) => [line.split(": ")[0] ?? "", line.slice(line.indexOf(": ") + 2)]),
      );
      const data = fields.get("data");
      if (data === undefined) continue;
      yield {
        id: fields.get("id") ?? null,
        event: fields.get("event") ?? "",
        data: JSON.parse(data) as SseEvent["data"],
      };
    }
  }
}

/** All events of a run until its stream ends. */
export async function allEvents(crucible: Crucible, id: string, lastEventId?: string): Promise<SseEvent[]> {
  const seen: SseEvent[] = [];
  for await (const event of events(crucible, id, lastEventId === undefined ? {} : { lastEventId })) seen.push(event);
  return seen;
}
