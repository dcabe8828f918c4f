/** The ways to hide text that the normaliser undoes, in the order of their place in a model's feature vector. */
export const TRICKS = [
  "compatibility",
  "invisible",
  "bidi",
  "tag",
  "homoglyph",
  "combining",
  "leetspeak",
  "spaced",
  "base64",
  "hex",
  "url",
  "rot13",
  "reversed",
  "html",
  "escape",
] as const;

/** One way to hide text. */
export type Trick = (typeof TRICKS)[number];

/** How often each trick was undone, in characters or pieces; every trick is present, 0 when it was not met. */
export type Undone = Record<Trick, number>;

/** A text that was found inside another one. */
export interface Hidden {
  /** Normalised like the text around it. */
  readonly text: string;
  /** What had to be undone to read it, outermost first. */
  readonly via: readonly Trick[];
}

/** What the normaliser makes of a text. */
export interface Normalised {
  /** Lower case, one form per character, escapes resolved, invisible characters gone. */
  readonly text: string;
  /** Texts that were encoded inside; at most `MAX_HIDDEN`, together at most four times the input. */
  readonly hidden: readonly Hidden[];
  readonly undone: Undone;
}

/** All counts at zero. */
export function nothingUndone(): Undone {
  return {
    compatibility: 0,
    invisible: 0,
    bidi: 0,
    tag: 0,
    homoglyph: 0,
    combining: 0,
    leetspeak: 0,
    spaced: 0,
    base64: 0,
    hex: 0,
    url: 0,
    rot13: 0,
    reversed: 0,
    html: 0,
    escape: 0,
  };
}
