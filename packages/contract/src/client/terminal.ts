import { TerminalEvent, TerminalInputTaken, TerminalSize } from "../sandboxes.ts";
import type { ExecResult, TerminalRequestInput } from "../sandboxes.ts";
import { ClientError } from "./error.ts";
import { createSseParser } from "./sse.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Who follows a terminal. `signal` ends it. */
export interface TerminalFollower extends CallOptions {
  /** The next output is read when this has resolved: a slow reader makes the program wait. */
  readonly onOutput: (bytes: Uint8Array) => void | Promise<void>;
}

/** A terminal on a server. */
export interface RemoteTerminal {
  readonly id: string;
  /** At most 64 KiB. Resolves when it takes more: wait for that, or what follows may be refused or come in another order. */
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
  /** Ends its program and all that it started. */
  kill(): void;
  /** Rejects with `ClientError` where the program could not be started, or the connection broke. */
  readonly ended: Promise<Pick<ExecResult, "status" | "exitCode" | "signal">>;
}

/** Three of the server's heartbeats: after that silence the connection has broken. */
const SILENCE_MS = 45_000;

function bytesOf({ text, encoding }: Extract<TerminalEvent, { type: "output" }>): Uint8Array {
  if (encoding === "utf8") return new TextEncoder().encode(text);
  const letters = atob(text);
  return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
}

/** The events of a stream. Rejects when it falls silent. */
async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onSilence: (error: ClientError) => void,
): AsyncGenerator<TerminalEvent, void, undefined> {
  const decoder = new TextDecoder();
  const parse = createSseParser();
  const reader = body.getReader();
  for (;;) {
    const late = setTimeout(() => onSilence(new ClientError("timed_out", "the terminal went silent")), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(late));
    if (done) return;
    for (const item of parse(decoder.decode(value, { stream: true }))) {
      if (!("block" in item)) continue;
      const event = TerminalEvent.safeParse(JSON.parse(item.block.data));
      if (event.success) yield event.data;
      else throw new ClientError("unexpected_reply", "the stream holds an event that is not of this contract");
    }
  }
}

/** Opens a terminal at `path` and follows it. Rejects with `ClientError`. */
export async function openTerminal(
  transport: Transport,
  path: string,
  request: TerminalRequestInput,
  { signal, onOutput }: TerminalFollower,
): Promise<RemoteTerminal> {
  const leaving = new AbortController();
  const both = signal === undefined ? leaving.signal : AbortSignal.any([signal, leaving.signal]);
  const reply = await transport.send({
    method: "POST",
    path,
    body: request,
    headers: { accept: "text/event-stream" },
    timeoutMs: null,
    signal: both,
  });
  const broken = (cause?: unknown): ClientError =>
    new ClientError("unreachable", "the connection to the terminal broke", { cause });
  if (reply.body === null) throw broken();
  const events = readEvents(reply.body as ReadableStream<Uint8Array>, (error) => leaving.abort(error));
  const follow = async (): RemoteTerminal["ended"] => {
    try {
      for await (const event of events) {
        if (event.type === "output") await onOutput(bytesOf(event));
        else if (event.type === "result") return event;
        else if (event.type === "error") throw new ClientError(event.code, event.message, { status: event.status });
      }
    } catch (error) {
      if (error instanceof ClientError) throw error;
      if (both.aborted) throw both.reason;
      throw broken(error);
    }
    throw broken();
  };
  const first = await events.next();
  if (first.done === true || first.value.type !== "opened") {
    leaving.abort();
    throw new ClientError("unexpected_reply", "the stream does not begin as that of a terminal");
  }
  const { terminal: id } = first.value;
  const ended = follow().finally(() => leaving.abort(new ClientError("unreachable", "the terminal has ended")));
  ended.catch(() => undefined);
  const at = `${path}/${id}`;
  return {
    id,
    write: async (content) => {
      const bytes = { type: "application/octet-stream", content };
      // Answered when the program has read: however long that takes.
      await transport.json(
        { method: "POST", path: `${at}/input`, bytes, timeoutMs: null, signal: both },
        TerminalInputTaken,
      );
    },
    resize: async (body) => {
      await transport.json({ method: "PUT", path: `${at}/size`, body, signal: both }, TerminalSize);
    },
    kill: () => leaving.abort(new ClientError("unreachable", "the terminal was left")),
    ended,
  };
}
