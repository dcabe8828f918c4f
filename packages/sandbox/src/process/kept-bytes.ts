/** The first bytes of a stream, in one piece of memory. */
export interface KeptBytes {
  /** Keeps what there is room for, and gives back that part of it. */
  add(bytes: Uint8Array): Uint8Array;
  bytes(): Buffer;
  readonly size: number;
}

const FIRST_BYTES = 4_096;

/**
 * Copies: a program that writes a byte at a time would else hold some 200 bytes of ours with each of them, which
 * makes 3 GB of a limit of 16 MiB.
 */
export function createKeptBytes(limitBytes: number): KeptBytes {
  let kept = Buffer.alloc(0);
  let size = 0;
  return {
    add: (bytes) => {
      const part = bytes.subarray(0, limitBytes - size);
      if (size + part.length > kept.length) {
        const room = Math.min(limitBytes, Math.max(FIRST_BYTES, 2 * kept.length, size + part.length));
        const grown = Buffer.allocUnsafeSlow(room);
        kept.copy(grown, 0, 0, size);
        kept = grown;
      }
      kept.set(part, size);
      size += part.length;
      return part;
    },
    bytes: () => kept.subarray(0, size),
    get size() {
      return size;
    },
  };
}
