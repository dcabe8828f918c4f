import { type Found, type Inspection, replacementOf } from "./inspect.ts";
import type { Hold } from "./policy.ts";
import type { Tally } from "./tally.ts";
import type { OutputPlace } from "./types.ts";
import { endOfWord, startOfLastWord } from "./words.ts";

/** A private key or a token may be longer than the window: it is held back whole up to this, UTF-16 code units. */
const MAX_OPEN = 16_384;
/** Windows that the guard's own stages read at once. */
const GUARD_WINDOWS = 4;
/** Words are screened when at least so much has come, UTF-16 code units: a look costs some 5 us. */
const WORDS = 32;
/** What a secret can depend on before it, such as the name that it is assigned to. */
const CONTEXT = 128;
/** Begins what is a secret in spite of its blanks. */
const PEM = "-----BEGIN";

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
  readonly inspection: Inspection;
  /** Asks the guard's own stages; null where the policy does not. It notes what they say. */
  readonly askGuard: ((text: string) => Promise<void>) | null;
  /** What waits for its verdict; the rest goes out at once and is screened all the same. */
  readonly hold: Hold;
  /** UTF-16 code units. */
  readonly window: number;
  readonly tally: Tally;
  /** Lets others work, and ends with the request. */
  readonly giveWay: () => Promise<void>;
}

/**
 * Screens text at points that the text alone decides, so that how the stream is cut changes nothing: at every half
 * window, and where words are held back at ends of words. At such a point it looks at all that is held back and some of
 * the past, and then lets go what is older than the window, or all whole words. What fits into the window is found
 * before its first character leaves: until the point at or after its end, at most what is a window older is out.
 */
export function createTextChannel(parts: TextChannelParts): Channel {
  const { place, inspection, askGuard, hold, window, tally, giveWay } = parts;
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
  let nextWords = WORDS;

  const screenTo = async (point: number, isEnd: boolean): Promise<string> => {
    await giveWay();
    if (askGuard !== null && (isEnd || (point / step) % 2 === 0)) {
      const from = Math.max(base, point - GUARD_WINDOWS * window);
      const text = buffer.slice(from - base, point - base);
      if (text.trim() !== "") await askGuard(text.toWellFormed());
      guarded = point;
      if (tally.stopped) return "";
    }
    const text = buffer.slice(0, point - base);
    const wide = inspection.wide(text).map((found) => placed(found, base));
    if (hold === "word") return act(wide, point, isEnd, done) + screenWords(point, isEnd);
    const secrets = inspection.secrets(text).map((found) => placed(found, base));
    const safe = isEnd ? point : (askGuard === null ? point : guarded) - window;
    return act([...wide, ...secrets], point, isEnd, safe);
  };

  const screenWords = (point: number, isEnd: boolean): string => {
    const from = Math.max(base, done - CONTEXT);
    const found = inspection.secrets(buffer.slice(from - base, point - base)).map((one) => placed(one, from));
    return act(found, point, isEnd, isEnd ? point : wholeWords(point));
  };

  /** Where the word that is being written begins, or a private key; a window back where that is further. */
  const wholeWords = (point: number): number => {
    const word = base + startOfLastWord(buffer, done - base, point - base);
    const pem = base + buffer.indexOf(PEM, done - base);
    return Math.max(pem >= done ? Math.min(word, pem) : word, point - window);
  };

  /** Notes what was found up to a point, and lets text go up to `limit` where nothing found forbids it. */
  const act = (all: readonly Placed[], point: number, isEnd: boolean, limit: number): string => {
    let safe = Math.max(done, limit);
    const redactions: Located[] = [];
    for (const { found, start, end } of all) {
      const isSecret = found.check === "secrets";
      if (start === null || end === null || start < done) {
        // A secret that began in what has its verdict was seen before, or is cut off on the left.
        if (isSecret) continue;
        tally.add(place, { ...found, action: found.action === "redact" ? "block" : found.action, start, end });
      } else if (isSecret && end === point && !isEnd && point - start < MAX_OPEN) {
        // It may go on.
        safe = Math.min(safe, start);
      } else if (found.action === "redact") redactions.push({ found, start, end });
      else tally.add(place, { ...found, start, end });
    }
    return tally.stopped ? "" : letGo(safe, redactions, isEnd);
  };

  const letGo = (limit: number, redactions: Located[], isEnd: boolean): string => {
    const safe = limit > done && !isEnd && isInPair(buffer, limit - base) ? limit - 1 : limit;
    let out = "";
    for (const { found, start, end } of redactions.sort((one, other) => one.start - other.start)) {
      if (start >= safe) break;
      if (start >= done) out += buffer.slice(done - base, start - base) + replacementOf(found);
      tally.add(place, { ...found, start, end });
      // It must not be found again, nor be read as part of what comes next.
      buffer = buffer.slice(0, start - base) + " ".repeat(end - start) + buffer.slice(end - base);
      done = Math.max(done, end);
    }
    if (safe > done) {
      out += buffer.slice(done - base, safe - base);
      done = safe;
    }
    return out;
  };

  const forget = (): void => {
    const past = Math.min(done - step, nextPoint - (askGuard === null ? 2 : GUARD_WINDOWS) * window);
    if (past <= base) return;
    buffer = buffer.slice(past - base);
    base = past;
  };

  /** The next point, as far as this text shows it. */
  const pointIn = (text: string, from: number): number => {
    if (hold !== "word") return nextPoint;
    const end = endOfWord(text, from + Math.max(0, nextWords - received - 1));
    return end < 0 ? nextPoint : Math.min(nextPoint, received + end - from);
  };

  return {
    push: async (text) => {
      let out = "";
      for (let taken = 0; taken < text.length && !tally.stopped;) {
        const point = pointIn(text, taken);
        const piece = text.slice(taken, taken + point - received);
        buffer += piece;
        taken += piece.length;
        received += piece.length;
        if (received < point) break;
        nextWords = point + WORDS;
        if (point < nextPoint) {
          out += screenWords(point, false);
          continue;
        }
        out += await screenTo(point, false);
        nextPoint += step;
        forget();
      }
      return hold === "nothing" ? text : out;
    },
    end: async () => {
      const out = received === 0 || tally.stopped ? "" : await screenTo(received, true);
      return hold === "nothing" ? "" : out;
    },
  };
}

/** A finding with its place in all of the text. */
interface Placed {
  readonly found: Found;
  readonly start: number | null;
  readonly end: number | null;
}

interface Located extends Placed {
  readonly start: number;
  readonly end: number;
}

function placed(found: Found, from: number): Placed {
  const { start, end } = found;
  return start === null || end === null
    ? { found, start: null, end: null }
    : { found, start: from + start, end: from + end };
}

/** Whether a cut here would part two halves of one character, the second of which may be still to come. */
function isInPair(text: string, index: number): boolean {
  const isFirst = index > 0 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
  return isFirst && (index === text.length || (text.charCodeAt(index) & 0xfc00) === 0xdc00);
}
