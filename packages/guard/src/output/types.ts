import type { StageFailure, StageRecord, Verdict } from "../pipeline/types.ts";
import type { Evidence } from "../stage.ts";

/** What a check does with what it finds. Only what has a place in the text can be redacted. */
export type OutputAction = "off" | "flag" | "redact" | "block";

/** The checks of an answer, by their key in a policy. */
export const OUTPUT_CHECKS = ["canary", "promptLeak", "secrets", "toolCalls", "text"] as const;

/** One of `OUTPUT_CHECKS`. */
export type OutputCheck = (typeof OUTPUT_CHECKS)[number];

/** What is looked for in answers of models; the section `output` of a policy file. */
export interface OutputPolicy {
  /** A random word is put into the system prompt; an answer that has it, in whatever form, repeats that prompt. */
  readonly canary: {
    readonly action: OutputAction;
    /** `request`: a new word each time. `key`: one for each API key, which keeps prompt caches of the model warm. */
    readonly scope: "request" | "key";
  };
  /** Long verbatim pieces of the system prompt. */
  readonly promptLeak: {
    readonly action: Exclude<OutputAction, "redact">;
    /** Letters and digits of the prompt that an answer may repeat within one window, less one. */
    readonly minChars: number;
  };
  /** Keys, tokens, passwords. */
  readonly secrets: { readonly action: OutputAction };
  /** The guard's own stages on the arguments of tool calls: an injection that the model passes on. */
  readonly toolCalls: { readonly action: Exclude<OutputAction, "redact"> };
  /** The guard's own stages on the text of the answer. */
  readonly text: { readonly action: Exclude<OutputAction, "redact"> };
  /** Text of a stream that is held back, UTF-16 code units; 0 is in force where no check redacts or blocks. */
  readonly window: number;
}

/** Where a piece of an answer belongs. Each place is screened by itself, tool calls as a whole. */
export type OutputPlace =
  | {
      readonly kind: "text";
      /** Position among the choices. */
      readonly choice: number;
      /** The field of the message, such as `content` or `refusal`. */
      readonly field: string;
    }
  | {
      readonly kind: "tool_call";
      readonly choice: number;
      /** Position among the tool calls of the choice. */
      readonly call: number;
    };

/** Something that a check found. Never holds the secret itself. */
export interface OutputFinding {
  readonly check: OutputCheck;
  /** Such as `github_token`; for the guard's own stages the name of the one that decided. */
  readonly kind: string;
  readonly action: Exclude<OutputAction, "off">;
  readonly place: OutputPlace;
  /** Where it begins in its place, UTF-16 code units; null where it has no one place, as in a decoded form. */
  readonly start: number | null;
  /** UTF-16 code units; null as `start` is. */
  readonly length: number | null;
  /** What had to be undone to read it, outermost first. */
  readonly via: readonly string[];
  /** Of the stage that decided; null for the other checks. */
  readonly probability: number | null;
  /** Of the stage that decided. */
  readonly evidence: readonly Evidence[];
}

/** Pass, pass with a mark, pass with parts replaced, refuse; or no answer because a stage failed. */
export type OutputDecision = "allow" | "flag" | "redact" | "block" | "error";

/** The verdict on an answer, or on as much of it as has come. */
export interface OutputVerdict {
  readonly decision: OutputDecision;
  /** Whether the answer may pass: no for `block`, for `error` as the policy of the stage says. */
  readonly admitted: boolean;
  /** In the order in which they were found, at most 32. */
  readonly findings: readonly OutputFinding[];
  /** Stages that failed, also where others decided. */
  readonly failures: readonly StageFailure[];
  /** Work of the guard's own stages. */
  readonly perStage: readonly StageRecord[];
  /** Time spent in screening, all places together. */
  readonly latencyMs: number;
}

/** Text that may go to the client now. */
export interface ReleasedText {
  readonly place: OutputPlace;
  /** Never empty. */
  readonly text: string;
}

/** What a piece of a stream led to. */
export interface OutputStep {
  /** In order. Text of tool calls comes out when their choice ends. */
  readonly released: readonly ReleasedText[];
  /** Set once the answer must not go on: nothing is released any more. */
  readonly stopped: OutputVerdict | null;
}

/** Screens one answer as it comes. What it gives does not depend on how the stream is cut. Calls must not overlap. */
export interface OutputScreen {
  /** Takes the next piece of a place. Rejects only with the reason of the request's signal. */
  push(place: OutputPlace, text: string): Promise<OutputStep>;
  /** Ends one choice, or all: what was held back is screened and comes out. */
  end(choice?: number): Promise<OutputStep>;
  /** As of now; final after `end()`. */
  verdict(): OutputVerdict;
}

/** What the screening of an answer must know of its request. */
export interface OutputRequest {
  /** The texts of the system and developer messages as the client sent them; empty where there are none. */
  readonly systemPrompt: string;
  /** The word that `plantCanary` put into it, or null. */
  readonly canary: string | null;
  readonly signal?: AbortSignal;
}

/** A whole answer after screening. */
export interface ScreenedOutput {
  readonly verdict: OutputVerdict;
  /**
   * The choices with what was redacted replaced; those given where nothing was. `logprobs` of a choice that changed
   * are null, because they spell its text. Not for the client where the verdict does not admit them.
   */
  readonly choices: readonly unknown[];
}

/** What the screening of answers is built from. */
export interface OutputParts {
  readonly policy: OutputPolicy;
  /** The guard's own stages, such as the `screen` of a pipeline. */
  readonly screenText: (text: string, options: { readonly signal?: AbortSignal }) => Promise<Verdict>;
}

/** Screens answers by one policy. */
export interface OutputScreening {
  readonly policy: OutputPolicy;
  /** For an answer that comes in pieces. */
  open(request: OutputRequest): OutputScreen;
  /** For a whole answer: the `choices` of a chat completion or completion. Unknown text fields are screened, too. */
  screenOutput(choices: readonly unknown[], request: OutputRequest): Promise<ScreenedOutput>;
}
