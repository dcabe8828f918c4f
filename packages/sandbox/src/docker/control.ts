import { Duplex } from "node:stream";
import type { Readable, Writable } from "node:stream";

/**
 * The launcher's socket as `supervise` knows it, made of the container's streams: what is written goes to its input
 * once `settled` allows it; what the control parts of its output hold comes in line by line, but for the counters.
 */
export function createControl(
  input: Writable,
  parts: readonly Readable[],
  settled: () => Promise<void>,
  onUsage: (line: string) => void,
): Duplex {
  let rest = "";
  const control = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const pass = async (): Promise<void> => {
        await settled();
        if (!input.destroyed) input.write(chunk);
        done();
      };
      void pass();
    },
  });
  control.on("error", () => undefined);
  control.once("end", () => control.destroy());
  const onLine = (line: string): void => {
    if (line.startsWith("usage ")) onUsage(line);
    else control.push(`${line}\n`);
  };
  let open = parts.length;
  for (const part of parts) {
    part.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) onLine(line);
      // A launcher says little; a flood is for `readStatus` to see.
      if (rest.length > 64 * 1024) {
        control.push(rest);
        rest = "";
      }
    });
    part.once("end", () => {
      open -= 1;
      if (open > 0) return;
      control.push(null);
    });
  }
  return control;
}
