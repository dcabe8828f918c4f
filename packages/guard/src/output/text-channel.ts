import { type Found, type Inspect, replacementOf } from "./inspect.ts";
import type { Tally } from "./tally.ts";
import type { OutputPlace } from "./types.ts";

/** A private key or a token may be longer than the window: it is held back whole up to this, UTF-16 code units. */
const MAX_OPEN = 16_384;
/** Windows that the guard's own stages read at once. */
const GUARD_WINDOWS = 4;

/** One place of an answer: text in, what may go out. */
export interface Channel {
  /** The text that may go out now, or what went out before the tally said stop. */
  push(text: string): Promise<string>;
  /** Ends the place: the rest, screened. */
  end(): Promise<string>;
}

/** What a channel for text needs. */
export interface TextChannelParts {
  readonly place: OutputPlace;
  readonly inspect: Inspect;
  /** Asks the guard's own stages; null where the policy does not. It notes what they say. */
  readonly askGuard: ((text: string) => Promise<void>) | null;
  /** Whether text waits for its verdict; else it goes out at once and is screened all the same. */
  readonly holds: boolean;
  /** Text held back, UTF-16 code units. */
  readonly window: number;
  readonly tally: Tally;
  /** Lets others work, and ends with the request. */
  readonly giveWay: () => Promise<void>;
}

/**
 * Screens text at every half window of its length, counted from its beginning, so that how the stream is cut changes
 * nothing. At each of these points it looks at all that is held back and half a window before, and then lets go what is
 * older than the window. What fits into the window is found before its first character leaves: until the point at or
 * after its end, at most what is a window older than that point is out.
 */
export function createTextChannel(parts: TextChannelParts): Channel {
  const { place, inspect, askGuard, holds, window, tally, giveWay } = parts;
  const step = Math.floor(window / 2);
  /** Text from `base` on: held back, and what the checks still need to see of the past. */
  let buffer = "";
  let base = 0;
  /** Up to here everything has its verdict. */
  let done = 0;
  /** Up to here the guard's own stages have read. */
  let guarded = 0;
  let received = 0;
  let nextPoint = step;

  const screenTo = async (point: number, isEnd: boolean): Promise<string> => {
    await giveWay();
    if (askGuard !== null && (isEnd || (point / step) % 2 === 0)) {
      const from = Math.max(base, point - GUARD_WINDOWS * window);
      const text = buffer.slice(from - base, point - base);
      if (text.trim() !== "") await askGuard(text.toWellFormed());
      guarded = point;
      if (tally.stopped) return "";
    }
    let safe = isEnd ? point : Math.max(done, (askGuard === null ? point : guarded) - window);
    const redactions: Place[] = [];
    for (const found of inspect(buffer.slice(0, point - base))) {
      const at = placed(found, base);
      // Began in what has its verdict: seen before, or cut off on the left.
      if (at !== null && at.start < done && found.check === "secrets") continue;
      const mayGrow = at !== null && at.end === point && !isEnd && point - at.start < MAX_OPEN;
      if (found.check === "secrets" && mayGrow) {
        safe = Math.min(safe, at.start);
      } else if (found.action !== "redact")
        tally.add(place, { ...found, start: at?.start ?? null, end: at?.end ?? null });
      else if (at === null || at.start < done) tally.add(place, { ...found, action: "block", start: null, end: null });
      else redactions.push(at);
    }
    if (tally.stopped) return "";
    return letGo(safe, redactions);
  };

  const letGo = (limit: number, redactions: Place[]): string => {
    // A pair of surrogates stays together.
    const safe = limit > done && isPairAt(buffer, limit - base) ? limit - 1 : limit;
    let out = "";
    for (const at of redactions.sort((one, other) => one.start - other.start)) {
      if (at.start >= safe) break;
      if (at.start >= done) out += buffer.slice(done - base, at.start - base) + replacementOf(at.found);
      tally.add(place, { ...at.found, start: at.start, end: at.end });
      // It must not be found again, nor be read as part of what comes next.
      buffer = buffer.slice(0, at.start - base) + " ".repeat(at.end - at.start) + buffer.slice(at.end - base);
      done = Math.max(done, at.end);
    }
    if (safe > done) {
      out += buffer.slice(done - base, safe - base);
      done = safe;
    }
    return out;
  };

  const forget = (): void => {
    const past = Math.min(done - step, askGuard === null ? done : nextPoint - GUARD_WINDOWS * window);
    if (past <= base) return;
    buffer = buffer.slice(past - base);
    base = past;
  };

  return {
    push: async (text) => {
      let out = "";
      for (let taken = 0; taken < text.length && !tally.stopped;) {
        const piece = text.slice(taken, taken + nextPoint - received);
        buffer += piece;
        taken += piece.length;
        received += piece.length;
        if (received < nextPoint) break;
        out += await screenTo(nextPoint, false);
        nextPoint += step;
        forget();
      }
      return holds ? out : text;
    },
    end: async () => {
      const out = received === 0 || tally.stopped ? "" : await screenTo(received, true);
      return holds ? out : "";
    },
  };
}

interface Place {
  readonly start: number;
  readonly end: number;
  readonly found: Found;
}

function placed(found: Found, base: number): Place | null {
  const { start, end } = found;
  return start === null || end === null ? null : { start: base + start, end: base + end, found };
}

/** Whether a cut here would part two halves of one character. */
function isPairAt(text: string, index: number): boolean {
  return index > 0 && index < text.length && (text.codePointAt(index - 1) ?? 0) > 0xffff;
}
