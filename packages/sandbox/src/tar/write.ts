import { BLOCK_BYTES, writeHeader } from "./header.ts";
import { writePax } from "./pax.ts";

/** One member of an archive that is being written. */
export type TarMember =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly content: Uint8Array;
      /** Default: 0o644. */ readonly mode?: number;
      readonly modifiedS?: number;
    }
  | { readonly kind: "directory"; readonly path: string; readonly mode?: number; readonly modifiedS?: number }
  | { readonly kind: "symlink" | "hardlink"; readonly path: string; readonly linkPath: string };

const TYPE_OF = { file: "0", directory: "5", symlink: "2", hardlink: "1" } as const;
/** The largest number that eleven octal digits hold. */
const LARGEST_OCTAL = 0o77777777777;

const pad = (bytes: Uint8Array): Uint8Array[] => {
  const over = bytes.length % BLOCK_BYTES;
  return over === 0 ? [bytes] : [bytes, new Uint8Array(BLOCK_BYTES - over)];
};

/** Fits the header's field as it is: short ASCII. Anything else also gets a pax record. */
const isPlain = (text: string): boolean => text.length <= 100 && /^[\x21-\x7e ]*$/.test(text);

function pieces(member: TarMember, ownerId: number): Uint8Array[] {
  const path = member.kind === "directory" ? `${member.path}/` : member.path;
  const linkPath = "linkPath" in member ? member.linkPath : "";
  const content = member.kind === "file" ? member.content : new Uint8Array();
  const records: Record<string, string> = {};
  if (!isPlain(path)) records["path"] = path;
  if (!isPlain(linkPath)) records["linkpath"] = linkPath;
  const modifiedS = "modifiedS" in member ? (member.modifiedS ?? 0) : 0;
  const header = (type: string, name: string, size: number): Uint8Array =>
    writeHeader({
      name: Buffer.from(name).subarray(0, 100),
      mode: ("mode" in member ? member.mode : undefined) ?? (member.kind === "directory" ? 0o755 : 0o644),
      size,
      modifiedS: Math.min(Math.max(0, Math.floor(modifiedS)), LARGEST_OCTAL),
      type,
      ownerId,
      linkName: Buffer.from(type === "x" ? "" : linkPath).subarray(0, 100),
    });
  const extended = writePax(records);
  return [
    ...(extended.length === 0 ? [] : [header("x", "pax", extended.length), ...pad(extended)]),
    header(TYPE_OF[member.kind], path, content.length),
    ...pad(content),
  ];
}

/**
 * An archive in pax format; the same members give the same bytes. Paths are written as given.
 * @param ownerId user and group of all members.
 * @throws RangeError for a file of 8 GiB or more.
 */
export function writeTar(members: readonly TarMember[], ownerId = 0): Uint8Array<ArrayBuffer> {
  return Buffer.concat([...members.flatMap((member) => pieces(member, ownerId)), new Uint8Array(2 * BLOCK_BYTES)]);
}
