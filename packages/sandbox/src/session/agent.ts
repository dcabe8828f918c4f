import type { Duplex } from "node:stream";
import { createKeptBytes } from "../process/kept-bytes.ts";
import { faultOf, SessionError } from "./errors.ts";
import { CHUNK_BYTES, encodeFrame, FROM_AGENT, readFrames, TO_AGENT } from "./frames.ts";
import type { Frame } from "./frames.ts";
import type { DirectoryEntry, TerminalSize } from "./types.ts";

/** One program, as the agent starts it. */
export interface StartRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** RLIMIT name to soft and hard value. */
  readonly rlimits: Readonly<Record<string, readonly [number, number]>>;
  readonly terminal?: TerminalSize;
}

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A program that the agent runs. */
export interface Program {
  input(bytes: Uint8Array): void;
  endInput(): void;
  resize(size: TerminalSize): void;
  /** Whether its output is left where it is for now. */
  hold(isHeld: boolean): void;
  kill(): void;
  /** Rejects with SessionError when it could not be started, or the session ended. */
  readonly ended: Promise<ProgramEnd>;
}

/** The host's end of the socket to a session's process 1. Nothing that comes from there is believed. */
export interface Agent {
  /** @param onTaken told how many bytes of input a terminal took. */
  start(
    request: StartRequest,
    onOutput: (stream: "stdout" | "stderr", bytes: Buffer) => void,
    onTaken?: (bytes: number) => void,
  ): Program;
  write(path: string, content: Uint8Array, mode: number): Promise<void>;
  read(path: string, maxBytes: number): Promise<Buffer>;
  list(path: string): Promise<{ entries: DirectoryEntry[]; truncated: boolean }>;
}

interface Channel {
  readonly subject: string;
  onFrame(frame: Frame): void;
  fail(error: SessionError): void;
}

const MAX_ENTRIES = 10_000;
const KINDS = ["file", "directory", "symlink", "other"] as const;

/** What a JSON payload of the agent says; an empty object for what is none. */
function parse(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const count = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : 0;

function toEntry(raw: unknown): DirectoryEntry {
  const entry = (typeof raw === "object" && raw !== null ? raw : {}) as Record<string, unknown>;
  return {
    name: typeof entry["name"] === "string" ? entry["name"].slice(0, 255) : "",
    kind: KINDS.find((kind) => kind === entry["kind"]) ?? "other",
    sizeBytes: count(entry["sizeBytes"]),
    mode: count(entry["mode"]) & 0o7777,
    modifiedMs: count(entry["modifiedMs"]),
  };
}

/**
 * Speaks to the agent.
 * @param onBroken the agent said what ours never says: the sandbox is to be ended.
 * @returns the agent once it is ready; rejects when the socket ends before.
 */
export function connectAgent(socket: Duplex, onBroken: (reason: string) => void): Promise<Agent> {
  const channels = new Map<number, Channel>();
  const { promise, resolve, reject } = Promise.withResolvers<Agent>();
  let lastChannel = 0;
  let isOver = false;

  const send = (kind: number, channel: number, payload: Uint8Array | object = Buffer.alloc(0)): void => {
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
    if (!isOver) socket.write(encodeFrame(kind, channel, bytes));
  };
  const open = (channel: Channel): number => {
    if (isOver) throw new SessionError("session_ended", "the session has ended");
    lastChannel += 1;
    channels.set(lastChannel, channel);
    return lastChannel;
  };
  const over = (): void => {
    isOver = true;
    reject(new Error("the sandbox ended before it was ready"));
    for (const channel of channels.values()) channel.fail(new SessionError("session_ended", "the session has ended"));
    channels.clear();
  };
  const request = <T>(
    kind: number,
    subject: string,
    body: object,
    take: (answer: Record<string, unknown>, data: Buffer) => T,
    maxBytes = 0,
    after?: (channel: number) => void,
  ): Promise<T> =>
    new Promise<T>((fulfil, fail) => {
      const data = createKeptBytes(maxBytes);
      const channel = open({
        subject,
        fail,
        onFrame: (frame) => {
          if (frame.kind === FROM_AGENT.data) {
            if (data.add(frame.payload).length < frame.payload.length) onBroken("it sent more than it was asked for");
          } else if (frame.kind === FROM_AGENT.done) {
            channels.delete(channel);
            fulfil(take(parse(frame.payload), data.bytes()));
          }
        },
      });
      send(kind, channel, body);
      after?.(channel);
    });
  const sendAll = (channel: number, bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
      send(TO_AGENT.input, channel, bytes.subarray(at, at + CHUNK_BYTES));
  };

  const agent: Agent = {
    start: (start, onOutput, onTaken) => {
      const { promise: ended, resolve: end, reject: fail } = Promise.withResolvers<ProgramEnd>();
      const channel = open({
        subject: start.argv[0] ?? "",
        fail,
        onFrame: (frame) => {
          if (frame.kind === FROM_AGENT.stdout) onOutput("stdout", frame.payload);
          else if (frame.kind === FROM_AGENT.stderr) onOutput("stderr", frame.payload);
          else if (frame.kind === FROM_AGENT.taken) onTaken?.(count(parse(frame.payload)["bytes"]));
          else if (frame.kind === FROM_AGENT.exited) {
            channels.delete(channel);
            const { exitCode, signal } = parse(frame.payload);
            end({
              exitCode: Number.isInteger(exitCode) ? (exitCode as number) : null,
              signal: typeof signal === "string" ? signal.slice(0, 16) : null,
            });
          }
        },
      });
      send(TO_AGENT.start, channel, start);
      return {
        input: (bytes) => sendAll(channel, bytes),
        endInput: () => send(TO_AGENT.inputEnd, channel),
        resize: (size) => send(TO_AGENT.resize, channel, size),
        hold: (isHeld) => send(isHeld ? TO_AGENT.hold : TO_AGENT.goOn, channel),
        kill: () => send(TO_AGENT.kill, channel),
        ended,
      };
    },
    write: (path, content, mode) =>
      request(
        TO_AGENT.write,
        path,
        { path, mode },
        () => undefined,
        0,
        (channel) => {
          sendAll(channel, content);
          send(TO_AGENT.inputEnd, channel);
        },
      ),
    read: (path, maxBytes) => request(TO_AGENT.read, path, { path, maxBytes }, (_answer, data) => data, maxBytes),
    list: (path) =>
      request(TO_AGENT.list, path, { path, maxEntries: MAX_ENTRIES }, ({ entries, truncated }) => ({
        entries: (Array.isArray(entries) ? entries : []).slice(0, MAX_ENTRIES).map(toEntry),
        truncated: truncated === true,
      })),
  };

  const take = (frame: Frame): void => {
    if (frame.kind === FROM_AGENT.ready) resolve(agent);
    const channel = channels.get(frame.channel);
    if (channel === undefined) return;
    if (frame.kind !== FROM_AGENT.failed) return channel.onFrame(frame);
    channels.delete(frame.channel);
    const { code, message } = parse(frame.payload);
    const subject = message === "cwd" ? `working directory of ${channel.subject}` : channel.subject;
    channel.fail(faultOf(typeof code === "string" ? code.slice(0, 16) : "EIO", subject));
  };
  readFrames(
    socket,
    (frame) => {
      try {
        take(frame);
      } catch (error) {
        // Thrown on, a fault of ours would end this process, and with it the sandboxes of everybody.
        onBroken(`a fault over what it said: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
    () => onBroken("it sent a frame that is none"),
  );
  socket.once("close", over);
  socket.once("end", over);
  return promise;
}
