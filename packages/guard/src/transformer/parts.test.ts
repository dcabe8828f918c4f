import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attackLogit, logitOf, sigmoid } from "./logit.ts";
import { type Job, takeBatch } from "./queue.ts";
import { batchesOf, spansOf } from "./windows.ts";

const size = fc.integer({ min: 1, max: 600 });

describe("windows", () => {
  it("cover every token, overlap, and are as long as they may be but for the last", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), size, size, (tokens, length, stride) => {
        fc.pre(stride <= length);
        const spans = spansOf(tokens, length, stride);
        let covered = 0;
        for (const [i, span] of spans.entries()) {
          expect(span.offset).toBe(i * stride);
          expect(span.offset).toBeLessThanOrEqual(covered);
          if (i < spans.length - 1) expect(span.length).toBe(length);
          covered = span.offset + span.length;
        }
        expect(covered).toBe(tokens);
      }),
    );
  });

  it("come in batches of like length that hold each once and are not too large", () => {
    fc.assert(
      fc.property(fc.array(size, { maxLength: 60 }), (lengths) => {
        const windows = lengths.map((length, i) => ({ i, span: { offset: 0, length } }));
        const batches = batchesOf(windows, 1_024);
        expect(
          batches
            .flat()
            .map(({ i }) => i)
            .toSorted((a, b) => a - b),
        ).toEqual(windows.map(({ i }) => i));
        for (const batch of batches) {
          const all = batch.map(({ span }) => span.length);
          expect(Math.max(...all) * batch.length).toBeLessThanOrEqual(1_024);
          expect(Math.min(...all) * 2).toBeGreaterThanOrEqual(Math.max(...all));
        }
      }),
    );
  });
});

describe("logits", () => {
  const two = { labels: ["SAFE", "INJECTION"], attacks: [1], activation: "softmax" } as const;

  it("become log-odds: the difference of two, whatever is added to both", () => {
    expect(attackLogit([1, 3], two)).toBeCloseTo(2);
    expect(attackLogit([1_001, 1_003], two)).toBeCloseTo(2);
  });

  it("are no number when one is none or missing", () => {
    for (const row of [[Number.NaN, 1], [1, Number.POSITIVE_INFINITY], [1]]) expect(attackLogit(row, two)).toBeNaN();
  });

  it("are undone by the sigmoid", () => {
    for (const probability of [0.001, 0.5, 0.999]) expect(sigmoid(logitOf(probability))).toBeCloseTo(probability);
  });
});

describe("the queue", () => {
  const job = (length: number, isAlone = false): Job => ({
    text: "x".repeat(length),
    startedAt: 0,
    endsAt: 1,
    isAlone,
    resolve: () => {},
    reject: () => {},
  });
  const lengths = (jobs: readonly Job[]): number[] => jobs.map(({ text }) => text.length);

  it("gives the first, and others only of about its length", () => {
    const queue = [job(300), job(9_000), job(310), job(20), job(500)];
    expect(lengths(takeBatch(queue, 8))).toEqual([300, 310, 500]);
    expect(lengths(queue)).toEqual([9_000, 20]);
  });

  it("gives a text alone over which a thread was lost", () => {
    expect(lengths(takeBatch([job(9, true), job(9)], 8))).toEqual([9]);
    expect(lengths(takeBatch([job(8), job(9, true), job(7)], 8))).toEqual([8, 7]);
  });

  it("gives no more than wanted, than eight, or than a batch may hold", () => {
    expect(
      takeBatch(
        Array.from({ length: 20 }, () => job(9)),
        3,
      ),
    ).toHaveLength(3);
    expect(
      takeBatch(
        Array.from({ length: 20 }, () => job(9)),
        20,
      ),
    ).toHaveLength(8);
    expect(
      takeBatch(
        Array.from({ length: 20 }, () => job(2_000)),
        20,
      ),
    ).toHaveLength(2);
  });
});
