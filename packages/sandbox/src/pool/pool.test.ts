import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createPool } from "./pool.ts";
import type { PoolOptions, Prepared } from "./pool.ts";

interface Thing extends Prepared {
  readonly key: string;
  isHealthy: boolean;
  isDestroyed: boolean;
}

function factory(options: Partial<PoolOptions<Thing>> = {}) {
  const made: Thing[] = [];
  let making = 0;
  let mostMaking = 0;
  const pool = createPool<Thing>({
    most: 4,
    settleMs: 0,
    prepare: async (key) => {
      making += 1;
      mostMaking = Math.max(mostMaking, making);
      await delay(1);
      making -= 1;
      const thing: Thing = {
        key,
        isHealthy: true,
        isDestroyed: false,
        destroy: async () => {
          thing.isDestroyed = true;
        },
      };
      made.push(thing);
      return thing;
    },
    ...options,
  });
  const alive = (): Thing[] => made.filter(({ isDestroyed }) => !isDestroyed);
  return { pool, made, alive, mostMaking: () => mostMaking };
}

async function until(condition: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 5_000; !condition(); await delay(1)) {
    if (performance.now() > deadline) throw new Error("never");
  }
}

describe("a pool", () => {
  it("has nothing for the first, prepares for the next, and hands each out once", async () => {
    const { pool, made } = factory();
    expect(pool.take("a")).toBeNull();
    await until(() => pool.ready === 1);
    const first = pool.take("a");
    expect(first).toBe(made[0]);
    await until(() => pool.ready === 1);
    expect(pool.take("a")).not.toBe(first);
    await pool.close();
  });

  it("keeps classes apart", async () => {
    const { pool } = factory();
    pool.take("a");
    await until(() => pool.ready === 1);
    expect(pool.take("b")).toBeNull();
    expect(pool.take("a")?.key).toBe("a");
    await pool.close();
  });

  it("grows with demand, and never beyond its most", async () => {
    const { pool, alive } = factory({ most: 3 });
    for (let n = 0; n < 10; n += 1) pool.take("a");
    await until(() => pool.ready === 3);
    for (let n = 0; n < 10; n += 1) pool.take("b");
    await until(() => pool.ready === 3 && alive().every(({ key }) => key === "b"));
    expect(alive()).toHaveLength(3);
    await pool.close();
  });

  it("prepares one at a time unless told otherwise", async () => {
    const { pool, mostMaking } = factory();
    for (let n = 0; n < 4; n += 1) pool.take("a");
    await until(() => pool.ready === 4);
    expect(mostMaking()).toBe(1);
    await pool.close();
  });

  it("never hands out what is not healthy any more", async () => {
    const { pool, made } = factory();
    pool.take("a");
    await until(() => pool.ready === 1);
    (made[0] as Thing).isHealthy = false;
    expect(pool.take("a")).toBeNull();
    await until(() => made[0]?.isDestroyed === true && pool.ready > 0);
    expect(pool.take("a")).toBe(made[1]);
    await pool.close();
  });

  it("hands nothing out after failed preparations, and stops trying for a while", async () => {
    let tries = 0;
    const { pool } = factory({
      prepare: async () => {
        tries += 1;
        throw new Error("no");
      },
    });
    for (let n = 0; n < 20; n += 1) {
      expect(pool.take("a")).toBeNull();
      await delay(1);
    }
    expect(tries).toBe(3);
    await pool.close();
  });

  it("gives up what nobody asks for", async () => {
    const { pool, alive } = factory({ idleMs: 40 });
    pool.take("a");
    await until(() => pool.ready === 1);
    await until(() => alive().length === 0);
    expect(pool.ready).toBe(0);
    await pool.close();
  });

  it("destroys all when it is closed, also what is just being made", async () => {
    const { pool, made, alive } = factory({ parallel: 2 });
    for (let n = 0; n < 4; n += 1) pool.take("a");
    await until(() => pool.ready >= 1);
    await pool.close();
    expect(alive()).toEqual([]);
    const total = made.length;
    expect(pool.take("a")).toBeNull();
    await delay(5);
    expect(made).toHaveLength(total);
  });

  it("is off with a most of 0", async () => {
    const { pool, made } = factory({ most: 0 });
    expect(pool.take("a")).toBeNull();
    await delay(3);
    expect(made).toEqual([]);
    await pool.close();
  });
});
