import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS } from "../src/index.ts";
import type { Engine } from "../src/index.ts";
import { decode, PROGRAMS, specOf, visible, WAS_STARTED_BEFORE } from "./fixtures/python-programs.ts";

const languages = await detectLanguages(["python"]);

/** Forked runs need a control group to be held in; without one every run starts afresh. */
async function whyNone(): Promise<string | null> {
  await using engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 });
  const { available, reason, belts } = await engine.probe();
  if (!available) return reason;
  return belts.some((belt) => belt.name === "cgroup-memory" && belt.on) ? null : "no control groups here";
}
const why = await whyNone();
describe.skipIf(why !== null)(`a forked Python program${why === null ? "" : ` (skipped: ${why})`}`, () => {
  let forked: Engine;
  let afresh: Engine;
  const create = (warm: boolean): Engine =>
    createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1, warm });
  beforeAll(async () => {
    forked = create(true);
    afresh = create(false);
    await vi.waitUntil(async () => decode((await forked.run(specOf(WAS_STARTED_BEFORE))).stdout) === "True\n", {
      timeout: 20_000,
    });
  });
  afterAll(async () => {
    await forked.close();
    await afresh.close();
  });

  for (const [name, code] of Object.entries(PROGRAMS)) {
    it(`does as one that was started afresh: ${name}`, async () => {
      const expected = visible(await afresh.run(specOf(code)));
      expect(visible(await forked.run(specOf(code)))).toEqual(expected);
      expect(decode((await forked.run(specOf(WAS_STARTED_BEFORE))).stdout)).toBe("True\n");
    });
  }

  it("keeps nothing from one run to the next", async () => {
    const leave = `
import builtins, json, os, sys
builtins.left = json.left = sys.left = os.environ["LEFT"] = "behind"
sys.modules["left"] = sys; sys.path.append("/left"); open("/tmp/left", "w").write("left"); open("/dev/shm/left", "w").close()`;
    const look = `
import builtins, json, os, sys
print([hasattr(thing, "left") for thing in (builtins, json, sys)], "LEFT" in os.environ, "left" in sys.modules, "/left" in sys.path)
print(os.listdir("/tmp"), os.listdir("/dev/shm"), sys._getframe().f_back is not None)`;
    await forked.run(specOf(leave));
    const { stdout } = await forked.run(specOf(look));
    expect(decode(stdout)).toBe("[False, False, False] False False False\n[] [] True\n");
  });

  it("is started afresh when it brings variables, which could change how Python starts", async () => {
    const spec = { ...specOf("import sys; print(hash('x'), sys._getframe().f_back)"), env: { PYTHONHASHSEED: "1" } };
    const [first, second] = [await forked.run(spec), await forked.run(spec)];
    expect(decode(first.stdout)).toContain("None");
    expect(decode(second.stdout)).toBe(decode(first.stdout));
  });

  it("still runs after a run that had to be stopped", async () => {
    const stopped = await forked.run({ ...specOf("while True: pass"), limits: { wallTimeMs: 200 } });
    expect(stopped.status).toBe("timed_out");
    expect(decode((await forked.run(specOf("print('next')"))).stdout)).toBe("next\n");
  });
});
