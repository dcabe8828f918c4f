/** The spec itself is wrong; `field` is its path (`files[0].path`). Nothing was started. */
export class SpecError extends Error {
  readonly code:
    | "unknown_language"
    | "language_not_installed"
    | "invalid_field"
    | "limit_too_high"
    | "network_not_allowed";
  readonly field: string;
  constructor(code: SpecError["code"], field: string, message: string) {
    super(message);
    this.name = "SpecError";
    this.code = code;
    this.field = field;
  }
}

/** The engine cannot work on this host; `message` names what is missing, `fix` how to get it. */
export class EngineUnavailableError extends Error {
  readonly code = "engine_unavailable";
  readonly engine: string;
  readonly fix: string | null;
  constructor(engine: string, message: string, fix: string | null) {
    super(message);
    this.name = "EngineUnavailableError";
    this.engine = engine;
    this.fix = fix;
  }
}

/** The engine works, and has as many open sessions as it can have. Closing one makes room. */
export class TooManySessionsError extends EngineUnavailableError {
  constructor(engine: string, open: number) {
    super(engine, `${open} sandboxes are open, which is all there can be`, "close one");
    this.name = "TooManySessionsError";
  }
}
