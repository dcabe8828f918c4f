import { EXPANSION, RARELY_HONEST, obfuscate } from "../obfuscate.ts";
import type { Obfuscation } from "../obfuscate.ts";
import { speak, usesSpaces } from "../speaker.ts";
import { neutral, sentencesFor } from "./shape.ts";
import type { Context, Shaped } from "./shape.ts";

/** One message as it is. */
export function directMessage(context: Context): Shaped {
  const { random, plan, label, cast } = context;
  const speaker = cast.direct(random, label, plan.language);
  const company = plan.company === "alone" ? 0 : 0.3 + random.next() * 0.4;
  const text = speak(random, speaker, plan.style, plan.target * (1 - company));
  const whole = company === 0 ? text : beside(context, text, plan.target * company);
  return {
    text: whole,
    technique: speaker.technique,
    language: speaker.language,
    wrapper: "plain",
    obfuscation: "none",
  };
}

// An ordinary message before, around or after the one that decides: nobody writes attacks only by themselves.
function beside(context: Context, text: string, room: number): string {
  const { random, plan, cast } = context;
  const other = speak(random, cast.direct(random, 0, plan.language), plan.style, Math.max(12, room));
  const gap = random.pick([" ", " ", "\n", "\n\n"]);
  switch (plan.company) {
    case "before":
      return other + gap + text;
    case "after":
      return text + gap + other;
    case "around": {
      const words = other.split(" ");
      const at = random.int(words.length + 1);
      return [...words.slice(0, at), text, ...words.slice(at)].join(" ");
    }
    case "alone":
      return text;
  }
}

/** A message whose decisive part is encoded, with or without a word about the code. */
export function encodedMessage(context: Context, kind: Obfuscation): Shaped {
  const { random, plan, label, words, cast } = context;
  const speaker = cast.direct(random, label, plan.language);
  const room = Math.min(plan.target / EXPANSION[kind], 60 + random.next() * 260);
  const secret = speak(random, speaker, { ...plan.style, quirk: "none" }, Math.max(24, room));
  const bindings = { CODE: codeName(kind) };
  const frame = framing(random.next(), label, ["doDecoded", "readDecoded"], "decodeAsk");
  const spared = label === 0 && RARELY_HONEST.has(kind) && random.chance(0.5);
  const payload = spared ? secret : obfuscate(random, kind, secret);
  const parts = [words.expand(random, frame, bindings), payload];
  const missing = plan.target - parts.join(" ").length;
  const padding = neutral(context, speaker, sentencesFor(missing, plan.language));
  const at = random.int(padding.length + 1);
  const text = [
    ...padding.slice(0, at),
    parts.filter((part) => part !== "").join(random.pick([" ", "\n", "\n\n"])),
    ...padding.slice(at),
  ].join(" ");
  return {
    text,
    technique: label === 1 ? "obfuscation" : "encoded_text",
    language: plan.language,
    wrapper: "encoded",
    obfuscation: spared ? "none" : kind,
  };
}

/** A frame in another language than the text it introduces. */
export function foreignMessage(context: Context): Shaped {
  const { random, plan, label, words, cast } = context;
  const frame = words.expand(random, framing(random.next(), label, ["obeyForeign", "readForeign"], "translateAsk"));
  const speaker = cast.direct(random, label, plan.language);
  const text = speak(random, speaker, plan.style, Math.max(15, plan.target - frame.length));
  const gap = random.pick([" ", "\n", "\n\n"]);
  const whole = random.chance(0.85) ? frame + gap + text : `${text}${gap}${frame.replace(/:$/, ".")}`;
  return {
    text: whole.trim(),
    technique: label === 1 ? "translation" : "translate_request",
    language: "mixed",
    wrapper: "foreign",
    obfuscation: "none",
  };
}

/** A text cut into named or numbered pieces. */
export function splitMessage(context: Context): Shaped {
  const { random, plan, label, words, cast } = context;
  const speaker = cast.direct(random, label, plan.language);
  const whole = speak(
    random,
    speaker,
    { ...plan.style, breaks: "one-line" },
    Math.min(Math.max(30, plan.target * 0.5), 300),
  );
  const pieces = cut(random.between(2, 6), whole);
  const write = random.pick([
    (piece: string, at: number) => `${"abcdefgh"[at] ?? "x"} = "${piece}"`,
    (piece: string, at: number) => `Part ${at + 1}: ${piece}`,
    (piece: string, at: number) => `${at + 1}. "${piece}"`,
    (piece: string, at: number) => `let s${at} = '${piece}';`,
    (piece: string, at: number) => `[${at + 1}/${pieces.length}] ${piece}`,
    (piece: string) => `- ${piece}`,
  ]);
  const order = random.chance(0.2)
    ? pieces.map((piece, at) => write(piece, at)).toReversed()
    : pieces.map((piece, at) => write(piece, at));
  const join = words.expand(random, "joinAsk");
  const then = random.chance(0.45) ? ` ${words.expand(random, label === 1 ? "obeyJoined" : "readJoined")}` : "";
  const body = `${order.join(random.pick(["\n", "\n", "; "]))}\n${join}${then}`;
  const padding = neutral(context, speaker, sentencesFor(plan.target - body.length, plan.language)).join(" ");
  const text = random.chance(0.5) ? `${padding}\n${body}` : `${body}\n${padding}`;
  return {
    text: text.trim(),
    technique: label === 1 ? "payload_splitting" : "string_puzzle",
    language: plan.language,
    wrapper: "split",
    obfuscation: "none",
  };
}

/** A message that ends, or begins, in noise: hashes and keys for both labels, optimised gibberish mostly in attacks. */
export function noisyMessage(context: Context, noise: (gibberish: boolean) => string): Shaped {
  const { random, plan, label, cast } = context;
  const speaker = cast.direct(random, label, plan.language);
  const tail = noise(random.chance(label === 1 ? 0.85 : 0.12));
  const text = speak(random, speaker, plan.style, Math.max(20, plan.target - tail.length));
  const joined = random.chance(0.85) ? `${text} ${tail}` : `${tail} ${text}`;
  return {
    text: joined,
    technique: label === 1 ? "adversarial_suffix" : "with_identifiers",
    language: speaker.language,
    wrapper: "noise",
    obfuscation: "none",
  };
}

/** A short message far inside, before or after a lot of other text. */
export function paddedMessage(context: Context, padding: (chars: number) => string): Shaped {
  const { random, plan, label, cast } = context;
  const speaker = cast.direct(random, label, plan.language);
  const message = speak(random, speaker, plan.style, 30 + random.next() * 150);
  const room = Math.max(40, plan.target - message.length);
  const gap = usesSpaces(speaker.language) ? "\n" : "";
  const share = random.pick([1, 1, 1, 0, 0.5, random.next()]);
  const text = [padding(room * share), message, padding(room * (1 - share))].filter((part) => part !== "").join(gap);
  return {
    text,
    technique: label === 1 ? "context_exhaustion" : "long_document",
    language: speaker.language,
    wrapper: "padded",
    obfuscation: "none",
  };
}

// Most frames are the same for both labels; the rest says what to do with the text.
function framing(draw: number, label: 0 | 1, own: readonly [string, string], shared: string): string {
  if (draw < 0.6) return shared;
  return label === 1 ? own[0] : own[1];
}

function cut(count: number, whole: string): string[] {
  const chars = Array.from(whole);
  const size = Math.ceil(chars.length / count);
  return Array.from({ length: Math.ceil(chars.length / size) }, (_, at) =>
    chars.slice(at * size, (at + 1) * size).join(""),
  );
}

function codeName(kind: Obfuscation): string {
  const names: Readonly<Partial<Record<Obfuscation, string>>> = {
    base64url: "base64",
    hex: "hexadecimal",
    url: "URL encoding",
    rot13: "ROT13",
    reversed: "backwards",
    reversed_words: "reversed words",
    leetspeak: "leetspeak",
    homoglyph: "Cyrillic letters",
    zero_width: "odd characters",
    bidi: "right-to-left text",
    tags: "invisible characters",
    spaced: "spaced letters",
    html_entities: "HTML entities",
    unicode_escapes: "Unicode escapes",
    fullwidth: "fullwidth letters",
    letterlike: "fancy letters",
    combining: "glitch text",
    small_capitals: "small capitals",
  };
  return names[kind] ?? kind;
}
