import { TarError } from "./types.ts";

/** POSIX.1-2024, pax, "ustar Interchange Format": everything comes in blocks of this size. */
export const BLOCK_BYTES = 512;

/** A header block as it is written, before pax and GNU extensions are applied. */
export interface RawHeader {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly size: number;
  readonly modifiedS: number;
  /** One character; NUL, of the oldest format, is given as `0`. */
  readonly type: string;
  readonly linkName: Uint8Array;
}

/** Offset and length of each field. */
const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

const POSIX_MAGIC = "ustar\x0000";
const GNU_MAGIC = "ustar  \0";

const field = (block: Uint8Array, name: keyof typeof FIELDS): Uint8Array =>
  block.subarray(FIELDS[name][0], FIELDS[name][0] + FIELDS[name][1]);

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** Octal digits, or GNU's base 256 where the first bit is set. @throws TarError `bad_header`. */
function readNumber(block: Uint8Array, name: keyof typeof FIELDS): number {
  const bytes = field(block, name);
  const first = bytes[0] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = BigInt(first & 0x7f);
    for (const byte of bytes.subarray(1)) value = (value << 8n) | BigInt(byte);
    // 0xff begins a negative number, which nothing here may be.
    if (first === 0xff || value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new TarError("bad_header", `${name} is negative or too large`);
    }
    return Number(value);
  }
  const text = latin1(bytes);
  const digits = /^ *([0-7]*)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) throw new TarError("bad_header", `${name} is no octal number`);
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** The sum of all bytes, with blanks in place of the sum itself. */
export function checksumOf(block: Uint8Array): number {
  const [offset, length] = FIELDS.checksum;
  let sum = 32 * length;
  for (const [index, byte] of block.entries()) if (index < offset || index >= offset + length) sum += byte;
  return sum;
}

export const isZeroBlock = (block: Uint8Array): boolean => block.every((byte) => byte === 0);

/** @throws TarError `bad_header` for a block that is not a header. */
export function readHeader(block: Uint8Array): RawHeader {
  if (readNumber(block, "checksum") !== checksumOf(block)) {
    throw new TarError("bad_header", "the checksum of a header is wrong");
  }
  const magic = latin1(field(block, "magic"));
  // The oldest format has no magic; anything else in its place is a format that is not known here.
  if (magic !== POSIX_MAGIC && magic !== GNU_MAGIC && !/^\0*$/.test(magic)) {
    throw new TarError("bad_header", "the format of the archive is unknown");
  }
  const prefix = magic === POSIX_MAGIC ? untilNul(field(block, "prefix")) : new Uint8Array();
  const name = untilNul(field(block, "name"));
  const type = latin1(field(block, "type"));
  return {
    name: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from("/"), name]),
    mode: readNumber(block, "mode"),
    size: readNumber(block, "size"),
    modifiedS: readNumber(block, "mtime"),
    type: type === "\0" ? "0" : type,
    linkName: untilNul(field(block, "linkName")),
  };
}

/** What a written header says; `name` and `linkName` must fit their fields (100 bytes). */
export interface WrittenHeader {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly size: number;
  readonly modifiedS: number;
  readonly type: string;
  /** Default: 0. */
  readonly ownerId?: number;
  readonly linkName: Uint8Array;
}

/** One ustar header. @throws RangeError for what does not fit. */
export function writeHeader(header: WrittenHeader): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  const put = (name: keyof typeof FIELDS, bytes: Uint8Array): void => {
    const [offset, length] = FIELDS[name];
    if (bytes.length > length) throw new RangeError(`${name} has over ${length} bytes`);
    block.set(bytes, offset);
  };
  const octal = (name: keyof typeof FIELDS, value: number): void => {
    put(name, Buffer.from(`${value.toString(8).padStart(FIELDS[name][1] - 1, "0")}\0`));
  };
  put("name", header.name);
  octal("mode", header.mode);
  octal("uid", header.ownerId ?? 0);
  octal("gid", header.ownerId ?? 0);
  octal("size", header.size);
  octal("mtime", header.modifiedS);
  put("type", Buffer.from(header.type));
  put("linkName", header.linkName);
  put("magic", Buffer.from(POSIX_MAGIC, "latin1"));
  put("checksum", Buffer.from(`${checksumOf(block).toString(8).padStart(6, "0")}\0 `));
  return block;
}
