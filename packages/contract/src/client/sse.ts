/** One parsed block of a Server-Sent Events stream. */
export interface SseBlock {
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** What the stream asks of its reader, and its blocks. Heartbeat comments give a block of their own kind. */
export type SseItem = { readonly block: SseBlock } | { readonly retryMs: number } | { readonly comment: true };

/**
 * Parses Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream).
 * Feed it text in any pieces; an unfinished block at the end of the stream is dropped, as the standard says.
 */
export function createSseParser(): (text: string) => SseItem[] {
  let rest = "";
  let id: string | null = null;
  let event = "";
  let data: string[] = [];

  function takeLine(line: string, items: SseItem[]): void {
    if (line === "") {
      if (data.length > 0)
        items.push({ block: { id, event: event === "" ? "message" : event, data: data.join("\n") } });
      id = null;
      event = "";
      data = [];
      return;
    }
    if (line.startsWith(":")) {
      items.push({ comment: true });
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "retry" && /^\d+$/.test(value)) items.push({ retryMs: Number(value) });
  }

  return (text) => {
    const items: SseItem[] = [];
    rest += text;
    // A carriage return at the very end may be half of a line end: wait for what follows.
    const complete = rest.endsWith("\r") ? rest.slice(0, -1) : rest;
    const lines = complete.split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? "") + rest.slice(complete.length);
    for (const line of lines) takeLine(line, items);
    return items;
  };
}
