import type { StageFailure } from "./types.ts";

/** Messages that are not in the OpenAI chat format, so that nobody can say what a model would read. */
export class InvalidMessagesError extends Error {
  readonly code = "invalid_messages";
  /** Such as `messages[2].content`. */
  readonly field: string;
  /** What would be right. */
  readonly fix: string;
  constructor(field: string, problem: string, fix: string) {
    super(`${field} ${problem}`);
    this.name = "InvalidMessagesError";
    this.field = field;
    this.fix = fix;
  }
}

/** A pipeline that cannot be built: the policy names a stage that was not given. */
export class PipelineConfigError extends Error {
  readonly code = "invalid_pipeline";
  readonly fix: string;
  constructor(message: string, fix: string) {
    super(message);
    this.name = "PipelineConfigError";
    this.fix = fix;
  }
}

/** Why a stage's signal was aborted when its time was over, and not by the caller. */
export class StageTimeoutError extends Error {
  constructor() {
    super("the stage ran out of time");
    this.name = "TimeoutError";
  }
}

/** What a stage throws when it knows why it has no answer; the message is of the stage, not of the text. */
export class StageError extends Error {
  readonly reason: StageFailure["reason"];
  constructor(reason: StageFailure["reason"], message: string) {
    super(message);
    this.name = "StageError";
    this.reason = reason;
  }
}
