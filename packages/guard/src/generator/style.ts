import type { Random } from "./random.ts";

/** How a message is typed, apart from what it says. Drawn without looking at the label. */
export type Style = {
  casing: "as-is" | "lower" | "upper" | "no-capitals-first";
  typos: number;
  ending: "as-is" | "none" | "doubled" | "dots";
  breaks: "as-is" | "lines" | "paragraphs" | "one-line";
  quirk: "none" | "emoji" | "prefix-mark" | "quotes" | "thanks";
};

/** Draws a style; most messages stay as they were written. */
export function drawStyle(random: Random): Style {
  return {
    casing: random.weighted({ "as-is": 76, lower: 15, upper: 4, "no-capitals-first": 5 }),
    typos: drawTypos(random),
    ending: random.weighted({ "as-is": 78, none: 14, doubled: 4, dots: 4 }),
    breaks: random.weighted({ "as-is": 74, lines: 12, paragraphs: 6, "one-line": 8 }),
    quirk: random.weighted({ none: 88, emoji: 3, "prefix-mark": 3, quotes: 3, thanks: 3 }),
  };
}

// Most type well, some slip now and then, and a few spell everything wrong on purpose.
function drawTypos(random: Random): number {
  const careless = random.chance(0.14);
  if (careless) return 0.01 + random.next() * 0.03;
  return random.chance(0.02) ? 0.15 + random.next() * 0.3 : 0;
}

const EMOJI = ["🙂", "😅", "🙏", "😂", "🔥", "🤖", "👀", "✨", "😈", "👍", "❤️", "🎉"];
const MARKS = ["> ", "- ", "* ", "# ", "1. ", "-> ", "### ", "Q: ", "=> "];

/** The text in that style. Text with code in it keeps its lines and its casing. */
export function applyStyle(random: Random, style: Style, text: string): string {
  let styled = text;
  if (style.typos > 0) styled = misspell(random, styled, style.typos);
  if (style.breaks === "lines") styled = styled.replace(/(?<=[.!?]) (?=\p{Lu})/gu, "\n");
  if (style.breaks === "paragraphs")
    styled = styled.replace(/(?<=[.!?]) (?=\p{Lu})/gu, () => (random.chance(0.3) ? "\n\n" : " "));
  if (style.breaks === "one-line") styled = styled.replace(/\s*\n\s*/g, " ");
  if (style.casing === "lower") styled = styled.toLowerCase();
  if (style.casing === "upper" && styled.length < 400) styled = styled.toUpperCase();
  if (style.casing === "no-capitals-first") styled = styled.charAt(0).toLowerCase() + styled.slice(1);
  if (style.ending === "none") styled = styled.replace(/[.!?。！？।]+$/u, "");
  if (style.ending === "doubled")
    styled = styled.replace(/([.!?])$/, (mark) => (mark === "." ? "!!" : mark + mark + mark));
  if (style.ending === "dots") styled = styled.replace(/[.!?]$/, "...");
  return addQuirk(random, style.quirk, styled);
}

function addQuirk(random: Random, quirk: Style["quirk"], text: string): string {
  switch (quirk) {
    case "emoji":
      return `${text} ${random.pick(EMOJI)}`;
    case "prefix-mark":
      return random.pick(MARKS) + text;
    case "quotes":
      return `"${text}"`;
    case "thanks":
      return `${text} ${random.pick(["thx", "Thanks!", "ty", "Cheers", "pls", "asap"])}`;
    case "none":
      return text;
  }
}

// Addresses and paths: a slip in one would name another host.
const ADDRESS = /[@/\\]|\.\w/;

// Swapped, dropped and doubled letters inside the words of the text.
function misspell(random: Random, text: string, rate: number): string {
  return text.replace(/\S+/g, (word) => (ADDRESS.test(word) ? word : misspellWord(random, word, rate)));
}

function misspellWord(random: Random, word: string, rate: number): string {
  const chars = Array.from(word);
  for (let at = 0; at < chars.length - 1; at += 1) {
    const here = chars[at];
    const next = chars[at + 1];
    if (here === undefined || next === undefined || !/\p{L}/u.test(here) || !/\p{L}/u.test(next)) continue;
    if (!random.chance(rate)) continue;
    const kind = random.int(3);
    if (kind === 0) {
      chars[at] = next;
      chars[at + 1] = here;
    } else {
      chars[at] = kind === 1 ? "" : here + here;
    }
    at += 1;
  }
  return chars.join("");
}
