import { z } from "zod";

/** A mapping with these keys and no others. What is wrong with a key of it is told at the key. */
export function mapping<Shape extends z.core.$ZodShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code, keys: unknown }) =>
      code === "unrecognized_keys"
        ? `unknown key ${quoted(unknown)}; there is: ${keys}`
        : `must be a mapping of: ${keys}`,
  });
}

/** Values as JSON, for messages. */
export function quoted(values: unknown): string {
  return (Array.isArray(values) ? values : [values]).map((value) => JSON.stringify(value)).join(", ");
}

/** A number from 0 to 1. */
export function share() {
  const error = "must be a number from 0 to 1";
  return z.number({ error }).min(0, { error }).max(1, { error });
}

/** A whole number. */
export function whole(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** True or false. */
export function yesNo() {
  return z.boolean({ error: "must be true or false" });
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]]) {
  return z.enum(words, { error: `must be one of: ${words.join(", ")}` });
}
