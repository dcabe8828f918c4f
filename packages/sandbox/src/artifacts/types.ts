/** What a run may give back from its directory `out` at most. */
export interface ArtifactLimits {
  /** Files. */
  readonly files: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of all files together. */
  readonly totalBytes: number;
}

/** One regular file that a program left below `out`. */
export interface Artifact {
  /** Below `out`: relative, with `/` between names, no `.`, no `..`, no NUL, valid UTF-8. */
  readonly path: string;
  readonly content: Uint8Array;
  /** SHA-256 of the content, hexadecimal. */
  readonly sha256: string;
}

/** Something below `out` that is not given back. */
export interface LeftOut {
  /** As far as it can be written; for people. */
  readonly path: string;
  readonly reason: string;
}

/** What a run gave back. */
export interface Artifacts {
  readonly files: readonly Artifact[];
  readonly leftOut: readonly LeftOut[];
  /** Why not all of `out` was looked at; null when it was. */
  readonly incomplete: string | null;
}
