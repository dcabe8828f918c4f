import { createNormaliser } from "../normalise/normalise.ts";
import { modelInput } from "../normalise/model-input.ts";
import type { Encoder } from "./encoder.ts";
import { firstLine } from "./errors.ts";
import { MAX_BATCH_TOKENS, MAX_TEXT_LENGTH, MAX_WINDOWS } from "./limits.ts";
import { attackLogit } from "./logit.ts";
import type { WorkRequest, WorkResult } from "./protocol.ts";
import type { TransformerSettings } from "./types.ts";
import { batchesOf, type Span, spansOf } from "./windows.ts";

/** Logits of windows of ids, one row each. */
export type RunWindows = (windows: readonly (readonly number[])[]) => Promise<Float32Array[]>;

interface Window {
  readonly item: number;
  readonly span: Span;
  readonly ids: readonly number[];
}

/** Scores texts: cut into windows, run in batches of like length, the worst window counts. */
export function createScorer(settings: TransformerSettings, encoder: Encoder, runWindows: RunWindows) {
  const normalise = settings.input === "normalised" ? createNormaliser() : null;
  const room = settings.windowTokens - encoder.before.length - encoder.behind.length;

  const windowsOf = (text: string, item: number): Window[] | WorkResult => {
    if (text.length > MAX_TEXT_LENGTH) return tooLong(`${text.length} characters; ${MAX_TEXT_LENGTH} are allowed`);
    const tokens = encoder.encode(normalise === null ? text : modelInput(normalise(text)));
    const spans = spansOf(tokens.length, room, Math.min(settings.strideTokens, room));
    if (spans.length > MAX_WINDOWS) return tooLong(`${spans.length} windows; ${MAX_WINDOWS} are allowed`);
    return spans.map((span) => {
      const inside = tokens.slice(span.offset, span.offset + span.length);
      const ids = [...encoder.before, ...inside, ...encoder.behind];
      return { item, span, ids: ids.length === 0 ? [settings.padTokenId] : ids };
    });
  };

  return async (items: WorkRequest["items"], now: () => number): Promise<WorkResult[]> => {
    const results: (WorkResult | undefined)[] = items.map(() => undefined);
    const windows: Window[] = [];
    for (const [item, { text, endsAt }] of items.entries()) {
      if (now() >= endsAt) continue;
      const found = attempt(() => windowsOf(text, item));
      if (Array.isArray(found)) windows.push(...found);
      else results[item] = found;
    }
    const total = new Map<number, { tokens: number; windows: number }>();
    for (const { item, span } of windows) {
      const { windows: before = 0 } = total.get(item) ?? {};
      total.set(item, { tokens: span.offset + span.length, windows: before + 1 });
    }
    const missing = items.map((_, item) => total.get(item)?.windows ?? 0);
    for (const batch of batchesOf(windows, MAX_BATCH_TOKENS)) {
      const wanted = batch.filter(({ item }) => isOpen(results[item]) && now() < (items[item]?.endsAt ?? 0));
      if (wanted.length === 0) continue;
      let rows: Float32Array[];
      try {
        rows = await runWindows(wanted.map(({ ids }) => ids));
      } catch (error) {
        for (const { item } of wanted) results[item] = failed(error);
        continue;
      }
      for (const [i, { item, span }] of wanted.entries()) {
        const logit = attackLogit(rows[i] ?? [], settings);
        const before = results[item];
        const about = total.get(item);
        if (about === undefined || !isOpen(before)) continue;
        missing[item] = (missing[item] ?? 0) - 1;
        if (Number.isNaN(logit)) results[item] = failed("the model gave no number");
        else if (before?.score === undefined || before.score === null || logit > before.score.logit) {
          results[item] = { score: { logit, window: span, ...about } };
        }
      }
    }
    // A text is scored when all of it was read.
    return results.map((result, item) =>
      result === undefined || (result.score !== null && missing[item] !== 0) ? LATE : result,
    );
  };
}

const LATE: WorkResult = { score: null, code: "late", message: "not all of the text was read in time" };

/** Whether more windows may still change the result. */
const isOpen = (result: WorkResult | undefined): boolean => result === undefined || result.score !== null;

function tooLong(what: string): WorkResult {
  return { score: null, code: "text_too_long", message: `the text has ${what}` };
}

function failed(error: unknown): WorkResult {
  return { score: null, code: "model_failed", message: firstLine(error) };
}

function attempt<T>(run: () => T | WorkResult): T | WorkResult {
  try {
    return run();
  } catch (error) {
    return failed(error);
  }
}
