import type { StepResult } from "@crucible/contract";
import type { EventBus } from "../../events/types.ts";

/** Beyond this the order is no longer kept; bytes. */
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

/** The order in which a run wrote to its two outputs, which its outcome does not hold. */
export interface OutputOrder {
  /** Both outputs of a step as they came, or null where that is not known in full. */
  merged(step: "compile" | "run", result: StepResult): string | null;
  stop(): void;
}

/** Listens to a run's output. What comes before it listens, or is lost on the way, makes `merged` null and nothing else. */
export function followOutput(bus: EventBus, runId: string): OutputOrder {
  const kept = { compile: [] as Buffer[], run: [] as Buffer[] };
  let bytes = 0;
  const stop = bus.subscribe(runId, ({ event }) => {
    if (event.type !== "run.output" || bytes > MAX_KEPT_BYTES) return;
    const chunk = Buffer.from(event.data, "base64");
    bytes += chunk.length;
    kept[event.step].push(chunk);
  });
  return {
    merged(step, { stdout, stdoutEncoding, stderr, stderrEncoding }) {
      if (stdout === "" || stderr === "") return null;
      const expected = Buffer.byteLength(stdout, stdoutEncoding) + Buffer.byteLength(stderr, stderrEncoding);
      const all = Buffer.concat(kept[step]);
      return all.length === expected ? all.toString("utf8") : null;
    },
    stop,
  };
}
