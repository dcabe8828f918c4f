import { expect, it } from "vitest";
import type { Engine } from "../types.ts";
import { type KnownReports, type Looks, seen } from "./looks.ts";

const LOOKS: Looks = { prelude: "", expressions: { one: "1", two: "2" } };

/** Says what it was asked to look at; a program that looks at `broken` does not come to its end. */
function engineThatSays(broken?: string): { engine: Engine; programs: string[][] } {
  const programs: string[][] = [];
  const run = async ({ files }: Parameters<Engine["run"]>[0]): Promise<object> => {
    const source = Buffer.from(files[0]?.content ?? []).toString();
    const names = Object.keys(LOOKS.expressions).filter((name) => source.includes(`"${name}"`));
    programs.push(names);
    const stdout = Buffer.from(JSON.stringify(Object.fromEntries(names.map((name) => [name, name.length]))));
    const isBroken = broken !== undefined && names.includes(broken);
    return {
      status: "exited",
      exitCode: isBroken ? 1 : 0,
      stdout,
      stderr: stdout,
      limitsHit: [],
      compile: null,
      reason: null,
    };
  };
  return { engine: { run } as unknown as Engine, programs };
}

it("looks at everything with one program where reports are remembered, and with one each where not", async () => {
  const { engine, programs } = engineThatSays();
  const create = async (): Promise<Engine> => engine;
  const reports: KnownReports = new Map();
  expect(
    await Promise.all([
      seen({ engine, create, reports }, LOOKS, "one"),
      seen({ engine, create, reports }, LOOKS, "two"),
    ]),
  ).toEqual([3, 3]);
  expect(programs).toEqual([["one", "two"]]);
  expect(await seen({ engine, create }, LOOKS, "two")).toBe(3);
  expect(programs.at(-1)).toEqual(["two"]);
});

it("lets no look that breaks decide about the others", async () => {
  const { engine, programs } = engineThatSays("two");
  const target = { engine, create: async (): Promise<Engine> => engine, reports: new Map() };
  expect(await seen(target, LOOKS, "one")).toBe(3);
  await expect(seen(target, LOOKS, "two")).rejects.toMatchObject({ code: "check_inconclusive" });
  expect(programs).toEqual([["one", "two"], ["one"], ["two"]]);
});
