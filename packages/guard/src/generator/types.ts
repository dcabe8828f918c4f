/** One labelled text. */
export type GeneratedRow = {
  text: string;
  /** 1: tries to override, escape or extract the instructions of the model it is sent to; 0: does not. */
  label: 0 | 1;
  source: "generated";
  /** The attack technique, or the family of harmless texts. */
  technique: string;
  /** ISO 639-1 code; "mixed" when two languages share one text. */
  language: string;
  /** What stands around the text: "plain", "email", "json", "conversation", ... Both labels share the distribution. */
  wrapper: string;
  /** How the text or a part of it is encoded; "none" for most rows. */
  obfuscation: string;
};

/** What to generate. */
export type GenerateOptions = {
  /** Any whole number; the same seed gives the same rows, and row n does not depend on how many follow. */
  seed: number;
  /** How many attack rows; 10,000 when not given. */
  attacks?: number;
  /** How many harmless rows; as many as attacks when not given. */
  benign?: number;
};
