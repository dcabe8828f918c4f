import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { Log } from "../../log.ts";
import type { ScreeningRow } from "../../store/screening-writer.ts";
import { createRecorderMetrics } from "./metrics.ts";
import { createRecorder, DEFAULT_RECORDER, type RecorderSettings } from "./recorder.ts";
import { createHashText, MAX_TEXT } from "./row.ts";
import type { NewScreening, ScreeningRecorder } from "./types.ts";

const away = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });

/** A table that can be away, slow, or refuse a row. */
function table() {
  const state = {
    rows: [] as ScreeningRow[],
    batches: [] as number[],
    isAway: false,
    refuses: (_row: ScreeningRow): boolean => false,
    /** Inserts wait for it where there is one. */
    gate: null as Promise<void> | null,
    insert: async (rows: readonly ScreeningRow[]): Promise<void> => {
      await state.gate;
      if (state.isAway) throw away;
      if (rows.some(state.refuses)) throw new Error("value too long");
      state.batches.push(rows.length);
      state.rows.push(...rows);
    },
  };
  return state;
}

function open(change: Partial<RecorderSettings> = {}, storeText = false) {
  const store = table();
  const registry = new Registry();
  const lines: string[] = [];
  const line = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: line, info: line, warn: line, error: line };
  const recorder = createRecorder({
    insert: store.insert,
    hash: createHashText("key"),
    storeText,
    metrics: createRecorderMetrics(registry),
    log,
    settings: { ...DEFAULT_RECORDER, gatherMs: 0, retryMs: 1, roomMs: 20, closeMs: 200, ...change },
  });
  const metric = async (name: string): Promise<number> => {
    const values = (await registry.getSingleMetric(name)?.get())?.values ?? [];
    return values.reduce((sum, { value }) => sum + value, 0);
  };
  return { store, recorder, lines, metric };
}

const screening = (recorder: ScreeningRecorder, change: Partial<NewScreening> = {}): NewScreening => ({
  id: recorder.nextId(),
  source: "gateway",
  direction: "input",
  decision: "allow",
  admitted: true,
  stage: "bayes",
  score: 0.01,
  reason: "below_allow",
  cached: false,
  latencyMs: 0.2,
  model: "m",
  keyId: "key_1",
  requestId: "r",
  evidence: [],
  failures: [],
  perStage: [{ stage: "bayes", probability: 0.01, latencyMs: 0.1 }],
  findings: [],
  text: "hello",
  ...change,
});

describe("the record of screenings", () => {
  it("writes all that came while the database was busy in few statements, in order", async () => {
    const { store, recorder, metric } = open({ batch: 100 });
    const busy = Promise.withResolvers<void>();
    store.gate = busy.promise;
    const ids: string[] = [];
    for (let i = 0; i < 350; i++) {
      const one = screening(recorder);
      ids.push(one.id);
      expect(await recorder.record(one)).toBe(true);
    }
    busy.resolve();
    await recorder.close();
    expect(store.rows.map(({ id }) => id)).toEqual(ids);
    expect(store.batches.length).toBeLessThanOrEqual(5);
    expect(await metric("crucible_screenings_stored_total")).toBe(350);
    expect(await metric("crucible_screenings_lost_total")).toBe(0);
    expect(await metric("crucible_screenings_buffered")).toBe(0);
  });

  it("keeps the text only where the policy says so, and then no more than a bound", async () => {
    const long = `\0${"a".repeat(MAX_TEXT)}\ud800`;
    for (const storeText of [false, true]) {
      const { store, recorder } = open({}, storeText);
      await recorder.record(screening(recorder, { text: long }));
      await recorder.close();
      const [row] = store.rows;
      expect(row?.text_length).toBe(long.length);
      if (storeText) expect(JSON.parse(row?.text ?? "")).toBe(long.slice(0, MAX_TEXT));
      else expect(JSON.stringify(row)).not.toContain("aaaa");
    }
  });

  it("keeps no answer in which a secret was found, whatever the policy says", async () => {
    const { store, recorder } = open({}, true);
    const finding = { check: "secrets", kind: "jwt", action: "redact", path: "choices[0].content", via: [] };
    const findings = [{ ...finding, start: 0, length: 9 }];
    await recorder.record(screening(recorder, { direction: "output", text: "the token", findings }));
    await recorder.close();
    expect(JSON.stringify(store.rows)).not.toContain("the token");
    expect(store.rows[0]?.detail).toContain("jwt");
  });

  it("hashes with the key, so that a short prompt cannot be found by trying without it", () => {
    expect(createHashText("key")("hello")).toBe(createHashText("key")("hello"));
    expect(createHashText("key")("hello")).not.toBe(createHashText("other key")("hello"));
    expect(createHashText("key")("hello")).toMatch(/^[0-9a-f]{64}$/);
  });

  it("keeps what callers name from breaking the database", async () => {
    const { store, recorder } = open();
    await recorder.record(screening(recorder, { model: `\0m\ud800${"x".repeat(999)}` }));
    await recorder.close();
    expect(store.rows[0]?.model).toHaveLength(256);
    expect(store.rows[0]?.model?.startsWith("\ufffdm\ufffdx")).toBe(true);
  });

  it("waits for a database that is away, and then writes everything", async () => {
    const { store, recorder, lines, metric } = open();
    store.isAway = true;
    for (let i = 0; i < 10; i++) await recorder.record(screening(recorder));
    while (!lines.some((line) => line.startsWith("screenings wait"))) await setImmediate();
    store.isAway = false;
    await recorder.close();
    expect(store.rows).toHaveLength(10);
    expect(await metric("crucible_screenings_lost_total")).toBe(0);
  });

  it("makes requests wait while the buffer is full, and lets them go when there is room", async () => {
    const { store, recorder } = open({ maxRows: 5, batch: 5, roomMs: 60_000 });
    const busy = Promise.withResolvers<void>();
    store.gate = busy.promise;
    for (let i = 0; i < 5; i++) await recorder.record(screening(recorder));
    let isTaken = false;
    const waiting = recorder.record(screening(recorder)).then((taken) => (isTaken = taken));
    await setImmediate();
    expect(isTaken).toBe(false);
    busy.resolve();
    expect(await waiting).toBe(true);
    await recorder.close();
    expect(store.rows).toHaveLength(6);
  });

  it("counts and logs what finds no room in time", async () => {
    const { store, recorder, lines, metric } = open({ maxRows: 2 });
    store.isAway = true;
    const taken = await Promise.all(Array.from({ length: 6 }, () => recorder.record(screening(recorder))));
    expect(taken).toEqual([true, true, false, false, false, false]);
    expect(await metric("crucible_screenings_lost_total")).toBe(4);
    expect(lines.filter((line) => line.startsWith("screenings are not on record"))).toHaveLength(1);
    store.isAway = false;
    await recorder.close();
    expect(store.rows).toHaveLength(2);
  });

  it("bounds the buffer by its size as well", async () => {
    const { store, recorder } = open({ maxSize: 10_000 }, true);
    store.isAway = true;
    expect(await recorder.record(screening(recorder, { text: "a".repeat(20_000) }))).toBe(true);
    expect(await recorder.record(screening(recorder))).toBe(false);
  });

  it("loses one row that the database refuses, and not its neighbours", async () => {
    const { store, recorder, lines, metric } = open();
    const bad = screening(recorder, { reason: "bad" });
    store.refuses = ({ reason }) => reason === "bad";
    for (const one of [screening(recorder), bad, screening(recorder)]) await recorder.record(one);
    await recorder.close();
    expect(store.rows).toHaveLength(2);
    expect(await metric("crucible_screenings_lost_total")).toBe(1);
    expect(lines.join("\n")).toContain(bad.id);
  });

  it("ends in time when the database is away, and says what it has lost", async () => {
    const { store, recorder, lines, metric } = open({ closeMs: 20 });
    store.isAway = true;
    for (let i = 0; i < 3; i++) await recorder.record(screening(recorder));
    await recorder.close();
    expect(await metric("crucible_screenings_lost_total")).toBe(3);
    expect(lines.join("\n")).toContain('"reason":"shutdown"');
    expect(await recorder.record(screening(recorder))).toBe(false);
    expect(await metric("crucible_screenings_lost_total")).toBe(4);
  });

  it("ends in time when the database hangs", async () => {
    const { store, recorder, metric } = open({ closeMs: 20 });
    store.gate = new Promise(() => {});
    await recorder.record(screening(recorder));
    await recorder.close();
    expect(await metric("crucible_screenings_lost_total")).toBe(1);
  });

  it("writes no text of prompts to the log", async () => {
    const { store, recorder, lines } = open({ maxRows: 1 }, true);
    store.isAway = true;
    const text = "the prompt that nobody may read";
    await Promise.all([1, 2, 3].map(() => recorder.record(screening(recorder, { text }))));
    await recorder.close();
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join("\n")).not.toContain("nobody may read");
  });
});
