import { randomBytes } from "node:crypto";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_BITS = 80n;

/** An id and the time inside it. */
export interface TimedId {
  readonly id: string;
  readonly createdAt: Date;
}

/**
 * Makes ULIDs (github.com/ulid/spec) with a prefix that only grow within one process, also when the clock
 * steps back or a millisecond gives many: order by id is order of creation.
 */
export function createIdSource(prefix: string, now: () => number = Date.now): () => TimedId {
  let lastMs = 0;
  let random = 0n;
  return () => {
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      random = BigInt(`0x${randomBytes(10).toString("hex")}`);
    } else {
      random += 1n;
      if (random >> RANDOM_BITS !== 0n) {
        lastMs += 1;
        random = 0n;
      }
    }
    return { id: `${prefix}_${encode((BigInt(lastMs) << RANDOM_BITS) | random)}`, createdAt: new Date(lastMs) };
  };
}

/** The lowest id that something made at `ms` or later can have. */
export function lowestIdAt(prefix: string, ms: number): string {
  return `${prefix}_${encode(BigInt(Math.max(0, ms)) << RANDOM_BITS)}`;
}

/** The time inside an id. */
export function timeOf(id: string): Date {
  let ms = 0;
  for (const letter of id.slice(id.indexOf("_") + 1).slice(0, 10)) ms = ms * 32 + ALPHABET.indexOf(letter);
  return new Date(ms);
}

/** The 128 bits of a ULID as a uuid, for the queue's uuid key; `uuidToId` is the way back. */
export function idToUuid(id: string): string {
  let bits = 0n;
  for (const letter of id.slice(id.indexOf("_") + 1)) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(letter));
  const hex = bits.toString(16).padStart(32, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export function uuidToId(prefix: string, uuid: string): string {
  return `${prefix}_${encode(BigInt(`0x${uuid.replaceAll("-", "")}`))}`;
}

function encode(bits: bigint): string {
  let text = "";
  for (let shift = 125n; shift >= 0n; shift -= 5n) text += ALPHABET[Number((bits >> shift) & 31n)];
  return text;
}
