/** Why a model could not be fetched, installed or found. */
export type ModelErrorCode =
  /** A name, revision, file name or setting that cannot be one. */
  | "model_invalid"
  | "model_not_installed"
  /** Another process works on the same model. */
  | "model_locked"
  /** What is installed, or lies in the folder to import, is not what its manifest says. */
  | "model_damaged"
  /** The repository has no file that the guard could load. */
  | "model_incomplete"
  | "disk_full"
  | "hub_unreachable"
  /** No or a wrong token, or a model whose terms were not accepted. */
  | "hub_refused"
  | "hub_not_found"
  /** The hub sent what no hub should: it is not trusted any further. */
  | "hub_reply_invalid"
  /** The bytes are not the ones that the hub announced. */
  | "hash_mismatch"
  | "cancelled";

/** An end of a model command that a person can act on. */
export class ModelStoreError extends Error {
  override readonly name = "ModelStoreError";
  readonly code: ModelErrorCode;
  /** What to do next. */
  readonly fix: string;
  constructor(code: ModelErrorCode, message: string, fix: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.fix = fix;
  }
}

/** Text of a stranger, for a message: printable ASCII, at most so many characters. It cannot drive a terminal. */
export function printable(text: string, most = 200): string {
  const clean = text.slice(0, most * 4).replaceAll(/[^\u0020-\u007e]+/g, "?");
  return clean.length > most ? `${clean.slice(0, most)}...` : clean;
}
