import { TarError } from "./types.ts";

/** Exact amounts out of a stream of pieces of any size. */
export interface ByteSource {
  /** Exactly `bytes` bytes. @throws TarError `truncated` when the stream ends before. */
  take(bytes: number): Promise<Uint8Array>;
  /** At most `bytes` bytes, at least one; null at the end. */
  some(bytes: number): Promise<Uint8Array | null>;
  close(): Promise<void>;
}

export function createByteSource(source: AsyncIterable<Uint8Array>): ByteSource {
  const pieces = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  const some = async (bytes: number): Promise<Uint8Array | null> => {
    while (rest.length === 0) {
      const next = await pieces.next();
      if (next.done === true) return null;
      rest = next.value;
    }
    const given = rest.subarray(0, bytes);
    rest = rest.subarray(given.length);
    return given;
  };
  return {
    some,
    take: async (bytes) => {
      const taken: Uint8Array[] = [];
      for (let missing = bytes; missing > 0;) {
        const piece = await some(missing);
        if (piece === null) throw new TarError("truncated", "the archive ends in the middle");
        missing -= piece.length;
        taken.push(piece);
      }
      return taken.length === 1 ? (taken[0] as Uint8Array) : Buffer.concat(taken);
    },
    close: async () => {
      await pieces.return?.();
    },
  };
}
