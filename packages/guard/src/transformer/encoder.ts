import * as library from "@huggingface/tokenizers";

/** The part of the library that is used. Its own types are written for bundlers, and Node's resolution finds none. */
interface Library {
  readonly Tokenizer: new (
    tokenizerJson: object,
    tokenizerConfig: object,
  ) => {
    encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
    get_vocab(withAddedTokens: boolean): ReadonlyMap<string, number>;
  };
}
const { Tokenizer } = library as unknown as Library;

/** Turns texts into the ids that a model reads. */
export interface Encoder {
  /** Ids of the text alone. @throws RangeError for a token without an id. */
  encode(text: string): number[];
  /** What the tokenizer puts before and behind every text, such as [CLS] and [SEP]. */
  readonly before: readonly number[];
  readonly behind: readonly number[];
  /** The highest id that it can give. */
  readonly highestId: number;
}

/** Builds one from the parsed files. Throws what the library throws for what it cannot read. */
export function createEncoder(tokenizerJson: object, tokenizerConfig: object): Encoder {
  // Cutting and padding are done here, by windows.
  const tokenizer = new Tokenizer({ ...tokenizerJson, truncation: null, padding: null }, tokenizerConfig);
  const encode = (text: string, special: boolean): number[] => {
    const { ids } = tokenizer.encode(text, { add_special_tokens: special });
    if (!ids.every((id) => Number.isInteger(id) && id >= 0))
      throw new RangeError("the tokenizer gave no id for a token");
    return [...ids];
  };
  const { before, behind } = surroundings(encode);
  const highestId = [...tokenizer.get_vocab(true).values()].reduce((most, id) => Math.max(most, id), 0);
  return { encode: (text) => encode(text, false), before, behind, highestId };
}

/** Texts of which every tokenizer knows at least one. */
const PROBES = ["hello", "a", "1", "."];

/** Finds what is put around a text by looking at one with and without it. */
function surroundings(encode: (text: string, special: boolean) => number[]): Pick<Encoder, "before" | "behind"> {
  for (const probe of PROBES) {
    const bare = encode(probe, false);
    const whole = encode(probe, true);
    if (bare.length === 0) continue;
    for (let at = 0; at + bare.length <= whole.length; at++) {
      if (bare.every((id, i) => whole[at + i] === id)) {
        return { before: whole.slice(0, at), behind: whole.slice(at + bare.length) };
      }
    }
  }
  throw new Error("what the tokenizer puts around a text cannot be told from the text");
}
