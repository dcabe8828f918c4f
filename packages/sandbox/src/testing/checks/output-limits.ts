/** Output is cut exactly at its limit, at the source. */
import assert from "node:assert/strict";
import type { Check, CheckDefinition } from "../check.ts";
import { checksOf } from "../check.ts";
import { assertExit, assertStatus, bash, code, describeOutcome, python } from "../programs.ts";

const LIMIT = 10_000;

const perStream = (["stdout", "stderr"] as const).flatMap((stream): CheckDefinition[] => [
  {
    name: `output-exceeded-${stream}`,
    title: `cuts ${stream} exactly at its limit, says so, and stops the program`,
    async run({ engine }) {
      const flood = `import sys, time\nsys.${stream}.write("x" * 1_000_000)\nsys.${stream}.flush()\ntime.sleep(60)`;
      const spec = python(flood, { limits: { [`${stream}Bytes`]: LIMIT, wallTimeMs: 8_000 } });
      const outcome = await engine.run(spec);
      assertStatus(outcome, "output_exceeded");
      assert.equal(outcome[stream].length, LIMIT);
      assert.equal(outcome.stdoutTruncated, stream === "stdout");
      assert.equal(outcome.stderrTruncated, stream === "stderr");
      assert.ok(outcome.limitsHit.includes(`${stream}Bytes`), describeOutcome(outcome));
      assert.ok(outcome.wallMs < 5_000, `stopped only after ${outcome.wallMs} ms`);
    },
  },
  {
    name: `output-exact-${stream}`,
    title: `keeps ${stream} that just fits, and calls it whole`,
    async run({ engine }) {
      const fill = `import sys; sys.${stream}.write("x" * ${LIMIT})`;
      const outcome = await engine.run(python(fill, { limits: { [`${stream}Bytes`]: LIMIT } }));
      assertExit(outcome, 0);
      assert.equal(outcome[stream].length, LIMIT);
      assert.equal(outcome.stdoutTruncated || outcome.stderrTruncated, false);
    },
  },
  {
    name: `output-none-${stream}`,
    title: `accepts a limit of 0 bytes for ${stream}: silence passes, one byte does not`,
    async run({ engine }) {
      const limits = { [`${stream}Bytes`]: 0 };
      assertExit(await engine.run(bash("true", { limits })), 0);
      const redirect = stream === "stdout" ? "" : " >&2";
      const outcome = await engine.run(
        bash(`printf x${redirect}; sleep 30`, { limits: { ...limits, wallTimeMs: 8_000 } }),
      );
      assertStatus(outcome, "output_exceeded");
      assert.equal(outcome[stream].length, 0);
    },
  },
]);

const together: CheckDefinition = {
  name: "output-exceeded-last-words",
  title: "reports output over the limit also when the program exits right after writing it",
  incident: "a program that exits before the reader drained its pipe",
  async run({ engine }) {
    const burst = code`
      import os
      os.write(1, b"x" * ${LIMIT + 1})
      os._exit(0)
    `;
    const outcome = await engine.run(python(burst, { limits: { stdoutBytes: LIMIT } }));
    assertStatus(outcome, "output_exceeded");
    assert.equal(outcome.stdout.length, LIMIT);
    assert.equal(outcome.stdoutTruncated, true);
  },
};

/** Group `outcomes`: output limits. */
export const outputLimitChecks: readonly Check[] = checksOf("outcomes", [...perStream, together]);
