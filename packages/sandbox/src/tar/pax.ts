import { TarError } from "./types.ts";

/** What an extended header may say about the next member; other keywords are of no concern here. */
export interface PaxRecords {
  readonly path?: Uint8Array;
  readonly linkpath?: Uint8Array;
  readonly size?: number;
  readonly mtime?: number;
}

/**
 * Reads `LENGTH KEYWORD=VALUE\n` records (POSIX.1-2024, "pax Extended Header").
 * @throws TarError `bad_header` for records that do not fit together, `forbidden_kind` for sparse files.
 */
export function readPax(bytes: Uint8Array): PaxRecords {
  const records: { -readonly [Key in keyof PaxRecords]: PaxRecords[Key] } = {};
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bad = (why: string): TarError => new TarError("bad_header", `an extended header ${why}`);
  for (let at = 0; at < buffer.length;) {
    const space = buffer.indexOf(0x20, at);
    const digits = space === -1 ? "" : buffer.toString("latin1", at, space);
    if (!/^[1-9]\d{0,8}$/.test(digits)) throw bad("has a record without a length");
    const end = at + Number(digits);
    const equals = buffer.indexOf(0x3d, space);
    if (end > buffer.length || buffer[end - 1] !== 0x0a || equals === -1 || equals >= end) {
      throw bad("has a record of a wrong length");
    }
    const keyword = buffer.toString("utf8", space + 1, equals);
    const value = buffer.subarray(equals + 1, end - 1);
    const number = (): number => {
      const text = value.toString("latin1");
      if (!/^\d{1,16}(\.\d*)?$/.test(text)) throw bad(`has ${keyword} that is no number`);
      return Math.floor(Number(text));
    };
    if (keyword === "path") records.path = value;
    else if (keyword === "linkpath") records.linkpath = value;
    else if (keyword === "size") {
      if (!/^\d{1,15}$/.test(value.toString("latin1"))) throw bad("has a size that is no number");
      records.size = number();
    }
    // Times before 1970 and beyond are legal; they are of no use here.
    else if (keyword === "mtime") records.mtime = value[0] === 0x2d ? 0 : number();
    else if (keyword.startsWith("GNU.sparse.")) throw new TarError("forbidden_kind", "sparse files are not taken");
    at = end;
  }
  return records;
}

/** One record; its length counts its own digits. */
function record(keyword: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${keyword}=`), value, Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** The content of an extended header. */
export function writePax(records: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.concat(Object.entries(records).map(([keyword, value]) => record(keyword, Buffer.from(value))));
}
