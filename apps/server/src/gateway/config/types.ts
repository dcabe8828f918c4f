import type { BreakerSettings } from "@crucible/guard";

/** What a client gets whose prompt was blocked. */
export type BlockAnswer = "error_400" | "refusal_200" | "status_446";

/** A server of models that speaks the OpenAI API. Times in milliseconds, sizes in bytes. */
export interface UpstreamSettings {
  /** As it stands in metrics and logs. */
  readonly name: string;
  /** Such as `https://api.openai.com/v1`; no slash at its end. */
  readonly baseUrl: string;
  /** Sent to it alone; null where it wants none. */
  readonly key: string | null;
  /** The header that carries the key; `authorization` gets `Bearer` before it. */
  readonly keyHeader: "authorization" | "api-key" | "x-api-key";
  /** Headers that every call carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names that it serves; `*` stands for any characters. */
  readonly models: readonly string[];
  /** Names that clients use, and what it calls them. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  /** Silence after which an answer that has begun counts as broken. */
  readonly idleTimeoutMs: number;
  /** From the first attempt to the last byte. */
  readonly timeoutMs: number;
  /** Attempts after the first, only where nothing of an answer has come. */
  readonly retries: number;
  /** How long to wait at most because it says so; when it asks for more, the client hears of it instead. */
  readonly maxRetryAfterMs: number;
  readonly maxConnections: number;
  readonly maxResponseBytes: number;
  readonly breaker: BreakerSettings;
}

/** The model that this program itself plays. */
export interface StubSettings {
  /** Before the answer begins. */
  readonly latencyMs: number;
  /** Answers by what a prompt contains; the first that fits counts. */
  readonly answers: readonly { readonly contains: string; readonly text: string }[];
  /** Recorded conversations, JSON Lines; null for none. */
  readonly replayFile: string | null;
}

/** Everything an operator decides about the gateway, keys read. */
export interface GatewayConfig {
  readonly upstreams: readonly UpstreamSettings[];
  /** Takes the models that no other does; null: they are unknown. */
  readonly defaultUpstream: string | null;
  /** Null turns it off. */
  readonly stub: StubSettings | null;
  readonly onBlock: BlockAnswer;
  /** What a model would say in place of an answer, where `onBlock` is `refusal_200`. */
  readonly refusal: string;
  /** Whether clean answers are put on record one by one, too; they are counted either way. */
  readonly recordAnswers: "all" | "found";
  /** UTF-16 code units that are screened of one request, at most; more is refused. */
  readonly maxTextLength: number;
}
