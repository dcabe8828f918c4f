import type { Normalised } from "./types.ts";

/** What a model reads that was trained on normalised texts: the plain text, then a line for each text found inside. */
export function modelInput({ text, hidden }: Normalised): string {
  return [text, ...hidden.map((inside) => inside.text)].join("\n");
}
