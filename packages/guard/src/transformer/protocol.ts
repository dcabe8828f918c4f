import type { TransformerErrorCode } from "./errors.ts";
import type { TransformerScore, TransformerSettings } from "./types.ts";

/** What a worker is started with. */
export interface WorkerStart {
  /** Absolute. */
  readonly folder: string;
  readonly onnxFile: string;
  readonly settings: TransformerSettings;
  /** One 32-bit word: where the thread is, see `gate.ts`. */
  readonly gate: SharedArrayBuffer;
}

/** Texts to score. */
export interface WorkRequest {
  readonly id: number;
  readonly items: readonly {
    readonly text: string;
    /** Milliseconds since the epoch; work on this text stops then. */
    readonly endsAt: number;
  }[];
}

/** A score, or why there is none. */
export type WorkResult =
  | { readonly score: TransformerScore }
  | { readonly score: null; readonly code: TransformerErrorCode; readonly message: string };

/** What a worker says: once whether it can work, then one answer per request, results in the order of its items. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "unusable"; readonly file: string; readonly reason: string }
  | { readonly type: "done"; readonly id: number; readonly results: readonly WorkResult[] };
