import { createByteSource } from "./blocks.ts";
import type { ByteSource } from "./blocks.ts";
import { BLOCK_BYTES, isZeroBlock, readHeader } from "./header.ts";
import type { RawHeader } from "./header.ts";
import { cleanPath, decodeName } from "./path.ts";
import { readPax } from "./pax.ts";
import type { PaxRecords } from "./pax.ts";
import { DEFAULT_TAR_LIMITS, TAR_KINDS, TarError } from "./types.ts";
import type { TarEntry, TarKind, TarLimits } from "./types.ts";

export interface ReadTarOptions {
  readonly limits?: Partial<TarLimits>;
  /** Kinds that may occur; default: all four. Anything else refuses the archive. */
  readonly kinds?: readonly TarKind[];
  /** Leave devices and FIFOs out instead of refusing the archive: images may hold some. Default: false. */
  readonly skipsDevices?: boolean;
  /** Takes a member with a bad path, or a device or FIFO, that is then left out instead of refusing the archive. */
  readonly onUnwanted?: (name: string, reason: string) => void;
}

/** Type flags (ustar): file, the same for contiguous files, hard link, symbolic link, directory. */
const KIND_OF: Readonly<Record<string, TarKind>> = {
  "0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
};
/** Character device, block device, FIFO. */
const DEVICES = "346";
const lossy = new TextDecoder();
/** One extended header; 16 records of the longest path would fit. */
const EXTENSION_BYTES = 64 * 1024;

/** What extension members in front have said about the next one. */
interface Pending {
  pax: PaxRecords | null;
  longName: Uint8Array | null;
  longLink: Uint8Array | null;
}

const padding = (size: number): number => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;

const withoutNul = (bytes: Uint8Array): Uint8Array => (bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);

async function extension(source: ByteSource, { size }: RawHeader): Promise<Uint8Array> {
  if (size > EXTENSION_BYTES) throw new TarError("too_large", `an extended header has over ${EXTENSION_BYTES} bytes`);
  const bytes = await source.take(size);
  await source.take(padding(size));
  return bytes;
}

/** What the end is compared with: byte by byte in JavaScript, endless zeros would keep a core busy for seconds. */
const ZEROS = Buffer.alloc(64 * 1024);

/** The rest of an archive is zeros: another archive behind the end mark is seen by some programs and not by others. */
async function expectEnd(source: ByteSource): Promise<void> {
  for (let piece = await source.some(ZEROS.length); piece !== null; piece = await source.some(ZEROS.length)) {
    if (!ZEROS.subarray(0, piece.length).equals(piece))
      throw new TarError("trailing_data", "something follows the end of the archive");
  }
}

async function skip(source: ByteSource, bytes: number): Promise<void> {
  for (let left = bytes; left > 0;) {
    const piece = await source.some(left);
    if (piece === null) throw new TarError("truncated", "the archive ends in a file");
    left -= piece.length;
  }
}

type Described = ReturnType<typeof describe>;

/** The member, or how many bytes of it to pass over where the reader lets it be left out. */
function unlessUnwanted(
  header: RawHeader,
  pending: Pending,
  limits: TarLimits,
  { skipsDevices, onUnwanted }: ReadTarOptions,
): Described | { readonly skippedBytes: number } {
  const name = (): string => lossy.decode(pending.pax?.path ?? pending.longName ?? header.name);
  if (DEVICES.includes(header.type) && header.size === 0 && (skipsDevices === true || onUnwanted !== undefined)) {
    onUnwanted?.(name(), "a device or a named pipe");
    return { skippedBytes: 0 };
  }
  try {
    return describe(header, pending, limits);
  } catch (error) {
    if (onUnwanted === undefined || !(error instanceof TarError) || error.fault !== "bad_path") throw error;
    onUnwanted(name(), error.message);
    // Data follows a file alone; where a liar says otherwise, the next header is none and the archive is refused.
    return { skippedBytes: KIND_OF[header.type] === "file" ? (pending.pax?.size ?? header.size) : 0 };
  }
}

/** Header and extensions as one; `path` is null for the root, which is not given out. */
function describe(
  header: RawHeader,
  pending: Pending,
  limits: TarLimits,
): Omit<TarEntry, "content" | "path"> & { path: string | null } {
  const { pax, longName, longLink } = pending;
  const rawName = decodeName(pax?.path ?? longName ?? header.name);
  // The oldest programs mark a directory by the slash alone.
  const type = header.type === "0" && rawName.endsWith("/") ? "5" : header.type;
  const kind = KIND_OF[type];
  if (kind === undefined) {
    throw new TarError("forbidden_kind", `${JSON.stringify(rawName.slice(0, 200))} is of kind ${JSON.stringify(type)}`);
  }
  const path = cleanPath(rawName, limits.pathBytes);
  const size = pax?.size ?? header.size;
  let linkPath: string | null = null;
  if (kind === "symlink" || kind === "hardlink") {
    linkPath = decodeName(pax?.linkpath ?? longLink ?? header.linkName);
    if (kind === "hardlink") linkPath = cleanPath(linkPath, limits.pathBytes);
    if (linkPath === null || linkPath === "" || linkPath.includes("\0")) {
      throw new TarError("bad_path", `${JSON.stringify(rawName.slice(0, 200))} is a link to nothing`);
    }
    if (Buffer.byteLength(linkPath) > limits.pathBytes)
      throw new TarError("bad_path", "the target of a link is too long");
  }
  // Some programs give links and directories a size, and disagree on whether data follows.
  if (kind !== "file" && size !== 0) throw new TarError("bad_header", `a ${kind} has a size`);
  if (path === null && kind !== "directory") throw new TarError("bad_path", "the root of the archive is no directory");
  return {
    path,
    kind,
    mode: header.mode & 0o777,
    sizeBytes: size,
    linkPath,
    modifiedS: pax?.mtime ?? header.modifiedS,
  };
}

/**
 * Reads an archive that an enemy may have made: ustar, pax and GNU's long names. Nothing is buffered but one
 * header, and nothing is trusted: see `TarFault` for what is refused. Two members may have the same path, and a
 * path may lead through a link that came before: who unpacks must look.
 * @throws TarError while the entries are asked for.
 */
export async function* readTar(
  archive: AsyncIterable<Uint8Array>,
  options: ReadTarOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const limits: TarLimits = { ...DEFAULT_TAR_LIMITS, ...options.limits };
  const kinds = options.kinds ?? TAR_KINDS;
  const source = createByteSource(archive);
  let pending: Pending = { pax: null, longName: null, longLink: null };
  let extensions = 0;
  let entries = 0;
  let total = 0;
  try {
    for (;;) {
      const block = await source.take(BLOCK_BYTES);
      if (isZeroBlock(block)) {
        if (extensions > 0) throw new TarError("truncated", "an extended header without a member");
        return await expectEnd(source);
      }
      const header = readHeader(block);
      if ("xgLK".includes(header.type)) {
        // A member has at most one of each; a chain of them is a way to keep a reader busy.
        extensions += 1;
        if (extensions > 4) throw new TarError("bad_header", "too many extended headers for one member");
        const bytes = await extension(source, header);
        if (header.type === "x") pending = { ...pending, pax: readPax(bytes) };
        else if (header.type === "L") pending = { ...pending, longName: withoutNul(bytes) };
        else if (header.type === "K") pending = { ...pending, longLink: withoutNul(bytes) };
        else if (Object.keys(readPax(bytes)).some((key) => key !== "mtime")) {
          throw new TarError("bad_header", "a global header names or sizes members");
        }
        continue;
      }
      const described = unlessUnwanted(header, pending, limits, options);
      pending = { pax: null, longName: null, longLink: null };
      extensions = 0;
      entries += 1;
      if (entries > limits.entries) throw new TarError("too_many_entries", `over ${limits.entries} members`);
      if ("skippedBytes" in described) {
        await skip(source, described.skippedBytes + padding(described.skippedBytes));
        continue;
      }
      const { path, ...rest } = described;
      if (!kinds.includes(rest.kind)) throw new TarError("forbidden_kind", `a ${rest.kind} is not wanted here`);
      total += rest.sizeBytes;
      if (rest.sizeBytes > limits.fileBytes)
        throw new TarError("too_large", `a file has over ${limits.fileBytes} bytes`);
      if (total > limits.totalBytes) throw new TarError("too_large", `all files have over ${limits.totalBytes} bytes`);
      let left = rest.sizeBytes;
      const content = (async function* () {
        while (left > 0) {
          const piece = await source.some(left);
          if (piece === null) throw new TarError("truncated", "the archive ends in a file");
          left -= piece.length;
          yield piece;
        }
      })();
      if (path !== null) yield { path, ...rest, content };
      await skip(source, left);
      await source.take(padding(rest.sizeBytes));
    }
  } finally {
    await source.close();
  }
}
