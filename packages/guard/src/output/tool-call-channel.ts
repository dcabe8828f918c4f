import { inspectInParts } from "./in-parts.ts";
import { type Found, type Inspection, replacementOf } from "./inspect.ts";
import { meaningsOf } from "./meanings.ts";
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
  /** Lets others work, and ends with the request. */
  readonly giveWay: () => Promise<void>;
}

/**
 * Screens the arguments of a tool call as a whole: half of a call is of no use to a client. They are read as they
 * stand and as what they mean (`meaningsOf`); what is found in a meaning alone has no place to be replaced in, so that
 * it blocks the answer.
 */
export function createToolCallChannel(parts: ToolCallChannelParts): Channel {
  const { place, inspection, askGuard, holds, tally, reserve, giveWay } = parts;
  const inspect = (text: string): Promise<Found[]> =>
    inspectInParts(text, (part) => [...inspection.wide(part), ...inspection.secrets(part)], giveWay);
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
      const text = redact(place, given, await inspect(given), tally);
      const meanings = meaningsOf(text);
      for (const meant of meanings) {
        for (const found of await inspect(meant)) {
          const action = found.action === "redact" ? "block" : found.action;
          tally.add(place, { ...found, action, start: null, end: null });
        }
      }
      for (const meant of askGuard === null ? [] : asked(text, meanings)) {
        if (meant.trim() !== "" && !tally.stopped) await askGuard?.(meant.toWellFormed());
      }
      return holds && !tally.stopped ? text : "";
    },
  };
}

/** Letters or quotes that are escaped; a line break that is, as in the text of a program, hides nothing. */
const HIDES = /\\(?:u[0-9a-fA-F]{4}|")/;

/** What the guard is asked about: the strings, and what has no escapes any more where the strings can hide something. */
function asked(text: string, meanings: readonly string[]): string[] {
  const first = meanings[0] ?? text;
  const last = meanings.at(-1) ?? text;
  return last !== first && HIDES.test(first) ? [first, last] : [first];
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
