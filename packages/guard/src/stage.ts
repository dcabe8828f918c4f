/** A piece of the text that weighed for or against an attack. */
export interface Evidence {
  /** The n-gram as the stage saw it, after normalising. */
  readonly text: string;
  /** Its share of the score in log-odds; positive speaks for an attack. */
  readonly weight: number;
  /** What had to be undone before it could be read, outermost first; empty when it stood there openly. */
  readonly via: readonly string[];
}

/** What one stage says about one text. */
export interface StageScore {
  /** Calibrated probability, 0 to 1, that the text tries to override, escape or extract the model's instructions. */
  readonly probability: number;
  /** What weighed most, heaviest first; empty when it was not asked for. */
  readonly evidence: readonly Evidence[];
}

/** What a caller may ask of a stage. */
export interface ScreenOptions {
  /** How many pieces of evidence to collect; 0 (the default) is the fastest. */
  readonly evidence?: number;
  /** Collect evidence only from this probability on, because it costs more than the score; default 0. */
  readonly evidenceFrom?: number;
  /** What the stages before this one gave for the same text; null where one failed. */
  readonly earlier?: readonly { readonly stage: string; readonly probability: number | null }[];
  /** When nobody waits for the answer any more, from now on; a stage that queues need not start what is late. */
  readonly timeoutMs?: number;
  /** Ends a stage that can take long; the Bayes stage answers before it could be heard. */
  readonly signal?: AbortSignal;
}

/** One step of the cascade: text in, probability and evidence out. */
export interface Stage {
  /** As it stands in policies, metrics and records, such as `bayes`. */
  readonly name: string;
  /** Name and hash of the model, part of every cache key: another model gives another verdict. */
  readonly version: string;
  screen(text: string, options?: ScreenOptions): StageScore | Promise<StageScore>;
}
