import type { OutputStream } from "@crucible/sandbox";

/** Output that waits to be passed on, by stream; the order within each is kept. */
export interface OutputGather {
  add(stream: OutputStream, bytes: Uint8Array): void;
  /** All that waits, in one piece for each stream that has any. */
  take(): { readonly stream: OutputStream; readonly bytes: Uint8Array }[];
}

/** So that what a program writes a byte at a time costs one message, and not one for every byte. */
export function createOutputGather(): OutputGather {
  const parts: Record<OutputStream, Uint8Array[]> = { stdout: [], stderr: [] };
  return {
    add: (stream, bytes) => {
      const waiting = parts[stream];
      let last = bytes;
      // Joined by equals, as digits are carried: however many pieces come, few are kept, and each byte is copied
      // as often as the total can be halved.
      for (let before = waiting.at(-1); before !== undefined && before.length <= last.length; before = waiting.at(-1)) {
        waiting.pop();
        last = Buffer.concat([before, last]);
      }
      waiting.push(last);
    },
    take: () =>
      (["stdout", "stderr"] as const).flatMap((stream) => {
        const waiting = parts[stream].splice(0);
        return waiting.length === 0 ? [] : [{ stream, bytes: Buffer.concat(waiting) }];
      }),
  };
}
