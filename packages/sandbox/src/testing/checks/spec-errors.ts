/** Wrong specs are refused by name before anything starts. */
import assert from "node:assert/strict";
import { SpecError } from "../../errors.ts";
import { MAX_LIMITS } from "../../limits.ts";
import type { Engine, RunSpec } from "../../types.ts";
import { type Check, type CheckDefinition, checksOf } from "../check.ts";
import { findMarked, newMarker } from "../host/marked-process.ts";
import { bytes, c, python } from "../programs.ts";

async function assertRefused(
  engine: Engine,
  spec: RunSpec,
  errorCode: SpecError["code"],
  field: RegExp,
): Promise<void> {
  const marker = newMarker();
  let output = 0;
  const run = engine.run(
    { ...spec, env: { ...spec.env, CONTRACT_MARK: marker } },
    { onOutput: () => void (output += 1) },
  );
  const error = await run.then(
    (outcome) => assert.fail(`ran and gave ${outcome.status}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof SpecError, `threw ${String(error)}`);
  assert.equal(error.code, errorCode, error.message);
  assert.match(error.field, field, error.message);
  assert.equal(output, 0, "there was output");
  assert.deepEqual(await findMarked(marker), [], "something was started");
}

const source = bytes("print('ran')");
const pythonWith = (...paths: readonly string[]): RunSpec => ({
  language: "python",
  files: paths.map((path) => ({ path, content: source })),
  entry: "main.py",
});

const CLIMBING = [
  "/etc/passwd",
  "../escape",
  "a/../../escape",
  "a/..",
  "..",
  ".",
  "",
  "a//b",
  "./a",
  "a/./b",
  "a/",
  "/",
  "nul\0byte",
];

const badLimits: readonly [string, RunSpec, SpecError["code"], RegExp][] = [
  [
    "memory above the maximum",
    python("", { limits: { memoryBytes: MAX_LIMITS.memoryBytes * 1024 } }),
    "limit_too_high",
    /^limits\.memoryBytes$/,
  ],
  [
    "wall time above the maximum",
    python("", { limits: { wallTimeMs: MAX_LIMITS.wallTimeMs * 1024 } }),
    "limit_too_high",
    /^limits\.wallTimeMs$/,
  ],
  [
    "compile limits above the maximum",
    c("", { compileLimits: { pids: MAX_LIMITS.pids * 1024 } }),
    "limit_too_high",
    /^compileLimits\.pids$/,
  ],
  ["negative", python("", { limits: { pids: -1 } }), "invalid_field", /^limits\.pids$/],
  ["not a number", python("", { limits: { wallTimeMs: Number.NaN } }), "invalid_field", /^limits\.wallTimeMs$/],
  ["infinite", python("", { limits: { diskBytes: Number.POSITIVE_INFINITY } }), "invalid_field", /^limits\.diskBytes$/],
  ["a fraction of a byte", python("", { limits: { stdoutBytes: 10.5 } }), "invalid_field", /^limits\.stdoutBytes$/],
];

const definitions: CheckDefinition[] = [
  {
    name: "unknown-language",
    title: "refuses a language that it does not know",
    run: ({ engine }) =>
      assertRefused(engine, { ...python(""), language: "klingon" }, "unknown_language", /^language$/),
  },
  {
    name: "language-of-prototype",
    title: "refuses languages named like properties that every object has",
    incident: "prototype lookup in a table",
    async run({ engine }) {
      for (const language of ["__proto__", "constructor", "toString", ""]) {
        await assertRefused(engine, { ...python(""), language }, "unknown_language", /^language$/);
      }
    },
  },
  {
    name: "no-files",
    title: "refuses a spec without files",
    run: ({ engine }) => assertRefused(engine, { language: "python", files: [] }, "invalid_field", /^files/),
  },
  {
    name: "entry-missing",
    title: "refuses an entry that is not among the files",
    async run({ engine }) {
      await assertRefused(engine, { ...python(""), entry: "other.py" }, "invalid_field", /^entry$/);
      await assertRefused(engine, { ...python(""), entry: "/etc/passwd" }, "invalid_field", /^entry$/);
    },
  },
  ...CLIMBING.map((path): CheckDefinition => ({
    name: `path-${JSON.stringify(path).slice(1, -1) || "empty"}`,
    title: `refuses the file name ${JSON.stringify(path)}`,
    incident: "Zip Slip: file names that climb out",
    run: ({ engine }) => assertRefused(engine, pythonWith("main.py", path), "invalid_field", /^files\[1\]/),
  })),
  {
    name: "path-duplicate",
    title: "refuses two files with one name",
    run: ({ engine }) => assertRefused(engine, pythonWith("main.py", "a", "a"), "invalid_field", /^files\[2\]/),
  },
  {
    name: "path-file-as-directory",
    title: "refuses a file that is a directory of another",
    async run({ engine }) {
      await assertRefused(engine, pythonWith("main.py", "a", "a/b"), "invalid_field", /^files\[[12]\]/);
      await assertRefused(engine, pythonWith("main.py", "a/b", "a"), "invalid_field", /^files\[[12]\]/);
    },
  },
  {
    name: "path-too-long",
    title: "refuses a file name longer than any file system takes",
    run: ({ engine }) => assertRefused(engine, pythonWith("main.py", "n".repeat(300)), "invalid_field", /^files\[1\]/),
  },
  {
    name: "nul-in-arguments",
    title: "refuses a NUL in an argument",
    run: ({ engine }) => assertRefused(engine, python("", { args: ["ok", "a\0b"] }), "invalid_field", /^args/),
  },
  {
    name: "bad-environment",
    title: "refuses variables with NUL, or with = in the name, or without a name",
    async run({ engine }) {
      for (const env of [{ A: "a\0b" }, { "A\0B": "a" }, { "A=B": "a" }, { "": "a" }]) {
        await assertRefused(engine, python("", { env }), "invalid_field", /^env/);
      }
    },
  },
  {
    name: "limits",
    title: "refuses limits that are too high, or no sensible number",
    async run({ engine }) {
      for (const [what, spec, errorCode, field] of badLimits) {
        await assertRefused(engine, spec, errorCode, field).catch((error: unknown) => {
          throw new assert.AssertionError({
            message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
          });
        });
      }
    },
  },
  {
    name: "argument-too-long",
    title: "refuses, or reports as an outcome, an argument that no system call takes",
    incident: "E2BIG thrown at the caller as an internal error",
    async run({ engine }) {
      const args = ["x".repeat(4 * 1024 * 1024)];
      const result = await engine.run(python("print('ran')", { args })).catch((error: unknown) => error);
      if (result instanceof Error) assert.ok(result instanceof SpecError, `threw ${String(result)}`);
    },
  },
];

/** Group `spec`. */
export const specErrorChecks: readonly Check[] = checksOf("spec", definitions);
