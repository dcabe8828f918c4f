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
