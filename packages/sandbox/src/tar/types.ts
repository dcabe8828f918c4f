/** What a member of an archive is. Devices, FIFOs and everything else are refused while reading. */
export const TAR_KINDS = ["file", "directory", "symlink", "hardlink"] as const;
export type TarKind = (typeof TAR_KINDS)[number];

/** One member of an archive that is being read. */
export interface TarEntry {
  /** Relative, with `/` between names, never empty; no `.`, no `..`, no NUL, valid UTF-8. */
  readonly path: string;
  readonly kind: TarKind;
  /** The nine permission bits; set-user-id, set-group-id and sticky are dropped. */
  readonly mode: number;
  /** 0 unless `kind` is `file`. */
  readonly sizeBytes: number;
  /** `hardlink`: a path as `path` is. `symlink`: any text without NUL; where it leads is for the reader to judge. */
  readonly linkPath: string | null;
  /** Seconds since 1970; 0 where the archive has no sensible time. */
  readonly modifiedS: number;
  /** The bytes of a file; to be read before the next entry is asked for, or not at all. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** What an archive may hold at most, before it is refused. */
export interface TarLimits {
  /** Members, whatever their kind. */
  readonly entries: number;
  /** Bytes of one file. */
  readonly fileBytes: number;
  /** Bytes of all files together. */
  readonly totalBytes: number;
  /** UTF-8 bytes of one path. */
  readonly pathBytes: number;
}

/** For archives that a run or a session gives back; an image has its own. */
export const DEFAULT_TAR_LIMITS = {
  entries: 4_096,
  fileBytes: 64 * 1024 * 1024,
  totalBytes: 256 * 1024 * 1024,
  pathBytes: 1_024,
} as const satisfies TarLimits;

/** Why an archive was refused. */
export type TarFault =
  /** A header that no tar program writes, or a wrong checksum. */
  | "bad_header"
  /** A name that is absolute, climbs, is not UTF-8, holds NUL or is too long. */
  | "bad_path"
  /** A device, a FIFO, a sparse file, or a kind that the reader does not want. */
  | "forbidden_kind"
  | "too_many_entries"
  | "too_large"
  /** The archive ends before its end mark. */
  | "truncated"
  /** Something other than zeros follows the end mark. */
  | "trailing_data";

/** The archive is refused; what was read until then must not be used. */
export class TarError extends Error {
  readonly code = "bad_archive";
  readonly fault: TarFault;
  constructor(fault: TarFault, message: string) {
    super(message);
    this.name = "TarError";
    this.fault = fault;
  }
}
