import { Counter, Gauge, type Registry } from "prom-client";

/** Why a screening is not on record. */
export type LossReason = "buffer_full" | "refused" | "closed" | "shutdown";

/** What the record tells whoever counts. */
export interface RecorderMetrics {
  stored(count: number): void;
  lost(reason: LossReason, count: number): void;
  removed(count: number): void;
  /** How many wait now. */
  buffered(count: number): void;
}

/** Metrics of the record in the registry of the server. */
export function createRecorderMetrics(registry: Registry): RecorderMetrics {
  const registers = [registry];
  const stored = new Counter({
    name: "crucible_screenings_stored_total",
    help: "Screenings written to the database.",
    registers,
  });
  const lost = new Counter({
    name: "crucible_screenings_lost_total",
    help: "Screenings that are not on record: no room in time, refused by the database, after or at shutdown.",
    labelNames: ["reason"],
    registers,
  });
  const removed = new Counter({
    name: "crucible_screenings_removed_total",
    help: "Screenings removed for their age or number.",
    registers,
  });
  const buffered = new Gauge({
    name: "crucible_screenings_buffered",
    help: "Screenings that wait to be written.",
    registers,
  });
  return {
    stored: (count) => stored.inc(count),
    lost: (reason, count) => lost.inc({ reason }, count),
    removed: (count) => removed.inc(count),
    buffered: (count) => buffered.set(count),
  };
}
