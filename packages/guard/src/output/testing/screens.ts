import type { Verdict } from "../../pipeline/types.ts";
import { DEFAULT_OUTPUT } from "../policy.ts";
import type { OutputPlace, OutputPolicy, OutputRequest, OutputScreen, OutputVerdict } from "../types.ts";

/** A guard that blocks what holds `IGNORE`, flags what holds `HMM`, fails closed at `BREAK` and open at `CRACK`. */
export async function wordGuard(text: string): Promise<Verdict> {
  const decision = text.includes("IGNORE") ? "block" : text.includes("HMM") ? "flag" : "allow";
  const fail = text.includes("BREAK") ? "closed" : text.includes("CRACK") ? "open" : null;
  const failure = { stage: "words", reason: "stage_threw", message: "words failed", fail: fail ?? "closed" } as const;
  return {
    decision: fail === null ? decision : "error",
    admitted: fail === null ? decision !== "block" : fail === "open",
    stage: "words",
    probability: decision === "allow" ? 0 : 0.9,
    reason: fail === null ? "between_thresholds" : "stage_threw",
    evidence: [],
    failures: fail === null ? [] : [failure],
    perStage: [{ stage: "words", probability: 0.5, latencyMs: 1 }],
    path: "text",
    cached: false,
    perMessage: [],
    joined: null,
    unscreened: [],
  };
}

/** The default with these changes. */
export function policyWith(change: Partial<OutputPolicy>): OutputPolicy {
  return { ...DEFAULT_OUTPUT, ...change };
}

/** A request without a system prompt. */
export const NO_PROMPT: OutputRequest = { systemPrompt: "", canary: null };
/** The text of the first choice. */
export const CONTENT: OutputPlace = { kind: "text", choice: 0, field: "content" };

/** What one place of an answer came to. */
export interface Streamed {
  readonly text: string;
  readonly verdict: Omit<OutputVerdict, "latencyMs">;
}

/** Feeds pieces to one place and ends. */
export async function stream(screen: OutputScreen, pieces: readonly string[], place = CONTENT): Promise<Streamed> {
  let text = "";
  for (const piece of pieces) {
    const { released, stopped } = await screen.push(place, piece);
    for (const one of released) text += one.text;
    if (stopped !== null) break;
  }
  for (const one of (await screen.end()).released) text += one.text;
  const { latencyMs: _, ...verdict } = screen.verdict();
  return { text, verdict };
}
