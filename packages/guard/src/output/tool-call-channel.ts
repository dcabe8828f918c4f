import { argumentText } from "../pipeline/strings.ts";
import { type Found, type Inspection, replacementOf } from "./inspect.ts";
import type { Tally } from "./tally.ts";
import type { Channel } from "./text-channel.ts";
import type { OutputPlace } from "./types.ts";

/** What a channel for the arguments of a tool call needs. */
export interface ToolCallChannelParts {
  readonly place: OutputPlace;
  readonly inspection: Inspection;
  readonly askGuard: ((text: string) => Promise<void>) | null;
  readonly holds: boolean;
  readonly tally: Tally;
  /** Takes so many UTF-16 code units off what the answer may hold; false where there is no room. */
  readonly reserve: (length: number) => boolean;
}

/**
 * Screens the arguments of a tool call as a whole: half of a call is of no use to a client. They are read as they
 * stand and as the strings that the JSON means; what is found in the strings alone has no place to be replaced in, so
 * that it blocks the answer.
 */
export function createToolCallChannel(parts: ToolCallChannelParts): Channel {
  const { place, inspection, askGuard, holds, tally, reserve } = parts;
  const inspect = (text: string): Found[] => [...inspection.wide(text), ...inspection.secrets(text)];
  const pieces: string[] = [];
  let fits = true;
  return {
    push: (text) => {
      fits &&= reserve(text.length);
      if (fits) pieces.push(text);
      else tally.add(place, tooLong(holds));
      return Promise.resolve(holds ? "" : text);
    },
    end: async () => {
      const given = pieces.join("");
      if (given === "" || tally.stopped) return "";
      const text = redact(place, given, inspect(given), tally);
      const meant = argumentText(text);
      if (meant !== text) {
        for (const found of inspect(meant)) {
          const action = found.action === "redact" ? "block" : found.action;
          tally.add(place, { ...found, action, start: null, end: null });
        }
      }
      if (askGuard !== null && meant.trim() !== "" && !tally.stopped) await askGuard(meant.toWellFormed());
      return holds && !tally.stopped ? text : "";
    },
  };
}

function tooLong(holds: boolean): Found {
  const action = holds ? "block" : "flag";
  return { check: "toolCalls", kind: "too_long", action, start: null, end: null, via: [] };
}

/** Notes what was found, and gives the text with what is to be redacted replaced. */
function redact(place: OutputPlace, text: string, found: readonly Found[], tally: Tally): string {
  const out: string[] = [];
  let done = 0;
  for (const one of [...found].sort((a, b) => (a.start ?? 0) - (b.start ?? 0))) {
    const { action, start, end } = one;
    if (action === "redact" && (start === null || end === null)) tally.add(place, { ...one, action: "block" });
    else tally.add(place, one);
    if (action !== "redact" || start === null || end === null) continue;
    if (start >= done) out.push(text.slice(done, start), replacementOf(one));
    done = Math.max(done, end);
  }
  return out.length === 0 ? text : out.join("") + text.slice(done);
}
