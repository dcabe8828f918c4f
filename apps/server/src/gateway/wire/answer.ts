/** A call of a function that a model asks for. */
export interface AnswerCall {
  readonly id: string;
  readonly name: string;
  /** JSON as text, as the model wrote it. */
  readonly arguments: string;
}

/** What a model answers, whatever the format. */
export interface Answer {
  /** Null where there are only calls. */
  readonly text: string | null;
  readonly calls: readonly AnswerCall[];
  readonly finish: "stop" | "tool_calls" | "length" | "content_filter";
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What a format needs beside the answer. */
export interface AnswerHead {
  /** Letters and digits; formats put their own prefix before it. */
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  /** As the client asked for it. */
  readonly model: string;
  /** How often the answer is given; from 1. */
  readonly choices: number;
  /** Whether a stream ends with a chunk of usage. */
  readonly includeUsage: boolean;
}

/** The pieces in which a text streams: words with the space before them. */
export function piecesOf(text: string): readonly string[] {
  return text.match(/\s*\S+(?:\s+$)?/g) ?? (text === "" ? [] : [text]);
}

/** A body and a stream of the same answer. */
export interface AnswerFormat {
  body(head: AnswerHead, answer: Answer): object;
  /** Frames of Server-Sent Events, whole. */
  frames(head: AnswerHead, answer: Answer): Iterable<string>;
}
