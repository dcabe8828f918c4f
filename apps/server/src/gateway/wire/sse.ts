/** One frame of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface SseEvent {
  /** Null where none is named. */
  readonly event: string | null;
  readonly data: string;
}

/** What ends a stream of the chat and completions API. */
export const DONE = "[DONE]";

/** An event as text. */
export function frame(data: string, event: string | null = null): string {
  const lines = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
  return event === null ? `data: ${lines}\n\n` : `event: ${event}\ndata: ${lines}\n\n`;
}

/** Takes a stream of bytes apart. */
export interface SseReader {
  /** The events that are complete with these bytes. @throws RangeError when one is longer than allowed. */
  push(bytes: Buffer): readonly SseEvent[];
  /** The stream has ended: the last event, where its end was cut after the first half. */
  end(): readonly SseEvent[];
}

/** Reads events; comments and unknown fields are passed over. Takes line ends of all three kinds. */
export function createSseReader(maxEventLength: number): SseReader {
  const decoder = new TextDecoder("utf-8", { fatal: false });
  /** What has come of the next event; joined once its end is there, or a long one would be copied with each piece. */
  let pieces: string[] = [];
  let length = 0;
  let last = "";
  /** The first half of a line end, perhaps. */
  let held = "";

  const take = (text: string): SseEvent[] => {
    const piece = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
    const events: SseEvent[] = [];
    const isWhole = piece.includes("\n\n") || (last === "\n" && piece.startsWith("\n"));
    pieces.push(piece);
    length += piece.length;
    last = piece.at(-1) ?? last;
    if (isWhole) {
      const all = pieces.join("");
      let from = 0;
      for (let end = all.indexOf("\n\n"); end >= 0; end = all.indexOf("\n\n", from)) {
        const event = readEvent(all.slice(from, end));
        if (event !== null) events.push(event);
        from = end + 2;
      }
      pieces = [all.slice(from)];
      length = all.length - from;
    }
    if (length > maxEventLength) throw new RangeError(`an event is longer than ${maxEventLength} characters`);
    return events;
  };

  return {
    push: (bytes) => {
      const text = held + decoder.decode(bytes, { stream: true });
      held = text.endsWith("\r") ? "\r" : "";
      return take(held === "" ? text : text.slice(0, -1));
    },
    end: () => take(held),
  };
}

function readEvent(block: string): SseEvent | null {
  // Nearly all are this one line.
  if (block.startsWith("data: ") && !block.includes("\n")) return { event: null, data: block.slice(6) };
  let event: string | null = null;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
  }
  return data.length === 0 ? null : { event, data: data.join("\n") };
}
