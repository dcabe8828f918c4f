import { describe, expect, it } from "vitest";
import { createSlots } from "./slots.ts";

describe("slots", () => {
  it("gives each slot to one at a time, and the next in line when it comes back", async () => {
    const slots = createSlots(2);
    const [first, second] = [await slots.take(), await slots.take()];
    expect(new Set([first, second])).toEqual(new Set([0, 1]));
    const order: string[] = [];
    const third = slots.take().then((slot) => (order.push("third"), slot));
    const fourth = slots.take().then((slot) => (order.push("fourth"), slot));
    slots.give(second);
    expect(await third).toBe(second);
    slots.give(first);
    expect(await fourth).toBe(first);
    expect(order).toEqual(["third", "fourth"]);
    expect(slots.busy).toBe(2);
  });

  it("lets a run begin in a spare slot while the one before is cleared away, and no more at once", async () => {
    const slots = createSlots(3, 2);
    const [first, second] = [await slots.take(), await slots.take()];
    const begun: number[] = [];
    const third = slots.take().then((slot) => begun.push(slot));
    await Promise.resolve();
    expect([begun, slots.busy]).toEqual([[], 2]);
    slots.leave(first);
    await third;
    expect(begun).toHaveLength(1);
    expect([first, second]).not.toContain(begun[0]);
    const fourth = slots.take();
    slots.leave(second);
    slots.give(first);
    expect(await fourth).toBe(first);
    expect(slots.busy).toBe(2);
  });

  it("takes the free slot that suits best, for who waits too", async () => {
    const slots = createSlots(3);
    const rank = (slot: number): number => (slot === 1 ? 1 : 0);
    expect(await slots.take(undefined, rank)).toBe(1);
    await slots.take();
    await slots.take();
    const waiter = slots.take(undefined, rank);
    slots.give(1);
    expect(await waiter).toBe(1);
  });

  it("forgets a waiter that has given up", async () => {
    const slots = createSlots(1);
    const taken = await slots.take();
    const leaving = new AbortController();
    const waiter = slots.take(leaving.signal);
    leaving.abort(new Error("left"));
    await expect(waiter).rejects.toThrow("left");
    slots.give(taken);
    expect(slots.busy).toBe(0);
    expect(await slots.take()).toBe(taken);
  });

  it("lets nobody wait for slots that will never come back", async () => {
    const slots = createSlots(2);
    const [first, second] = [await slots.take(), await slots.take()];
    const waiter = slots.take();
    slots.retire(first, new Error("first"));
    slots.retire(second, new Error("last"));
    await expect(waiter).rejects.toThrow("last");
    expect(() => slots.take()).toThrow("last");
    expect(slots.busy).toBe(0);
  });

  it("does not start to wait with a signal that is already aborted", () => {
    const slots = createSlots(1);
    expect(() => slots.take(AbortSignal.abort(new Error("late")))).toThrow("late");
    expect(slots.busy).toBe(0);
  });
});
