/** One frame of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export interface SseEvent {
  /** Null where none is named. */
  readonly event: string | null;
  readonly data: string;
}

/** What ends a stream of the chat and completions API. */
export const DONE = "[DONE]";

/** An event as text. `data` has no line break, as JSON without spaces has none. */
export function frame(data: string, event: string | null = null): string {
  return event === null ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}

/** Takes a stream of bytes apart. */
export interface SseReader {
  /** The events that are complete with these bytes. @throws RangeError when one is longer than allowed. */
  push(bytes: Buffer): readonly SseEvent[];
  /** Whether something has come that is no whole event yet. */
  hasRest(): boolean;
}

/** Reads events; comments and unknown fields are passed over. Takes line ends of all three kinds. */
export function createSseReader(maxEventLength: number): SseReader {
  const decoder = new TextDecoder("utf-8", { fatal: false });
  let rest = "";
  return {
    push: (bytes) => {
      rest += decoder.decode(bytes, { stream: true });
      if (rest.includes("\r")) {
        // The last one may be the first half of a line end.
        const cut = rest.endsWith("\r") ? rest.length - 1 : rest.length;
        rest = rest.slice(0, cut).replaceAll(/\r\n?/g, "\n") + rest.slice(cut);
      }
      const events: SseEvent[] = [];
      let from = 0;
      for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n", from)) {
        const event = readEvent(rest.slice(from, end));
        if (event !== null) events.push(event);
        from = end + 2;
      }
      rest = rest.slice(from);
      if (rest.length > maxEventLength) throw new RangeError(`an event is longer than ${maxEventLength} characters`);
      return events;
    },
    hasRest: () => rest.trim() !== "",
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
