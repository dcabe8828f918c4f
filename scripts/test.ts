import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { check } from "./check.ts";
import { ENDINGS_FILE_VARIABLE, type Endings, type Failure } from "./endings-reporter.ts";
import { ROOT, toolEnvironment } from "./steps.ts";
import { tally } from "./tally.ts";

/** A run that takes longer hangs; it is ended and counted as failed. */
const DEADLINE_MS = 28 * 60_000;

const results = join(ROOT, "test-results");
const reportFile = join(results, "vitest.json");
const endingsFile = join(results, "endings.json");
/** Of a failure's message; the whole of it stands where the test ended. */
const MESSAGE_CHARACTERS = 1_200;

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Runs Vitest to its end, output straight to the terminal. Gives its exit code, null after a signal. */
function runVitest(filters: readonly string[]): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const child = spawn(
    "vitest",
    [
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${reportFile}`,
      `--reporter=${join(ROOT, "scripts", "endings-reporter.ts")}`,
      ...filters,
    ],
    {
      cwd: ROOT,
      env: { ...toolEnvironment(), [ENDINGS_FILE_VARIABLE]: endingsFile },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const deadline = setTimeout(() => {
    console.log(`the tests did not end within ${DEADLINE_MS / 60_000} minutes`);
    child.kill("SIGKILL");
  }, DEADLINE_MS);
  child.once("error", (error) => {
    console.log(`vitest did not start: ${error.message}`);
    resolve(null);
  });
  child.once("close", (code) => {
    clearTimeout(deadline);
    resolve(code);
  });
  return promise;
}

mkdirSync(results, { recursive: true });
for (const path of [reportFile, endingsFile]) rmSync(path, { force: true });

const failedChecks = (await check((line) => console.log(line))).filter((result) => !result.ok);
const exit = await runVitest(process.argv.slice(2));
const { passed, failed, skipped, problems } = tally(read(reportFile), exit);

const endings = JSON.parse(read(endingsFile) ?? '{"skipped":[],"flaky":[],"failures":[]}') as Endings;
const byReason = Map.groupBy(endings.skipped, (test) => `${test.file}: ${test.reason ?? "no reason given"}`);
if (endings.skipped.length > 0) console.log("\nSkipped:");
for (const [reason, tests] of byReason) {
  console.log(`  ${reason}`);
  for (const { name } of tests) console.log(`    ${name}`);
}
const show = (word: string, { file, name, message }: Failure): void =>
  console.log(`\n${word}: ${file}: ${name}\n  ${message.slice(0, MESSAGE_CHARACTERS).replaceAll("\n", "\n  ")}`);
// Last, where nobody overlooks them.
for (const test of endings.flaky) show("FLAKY, failed and then passed", test);
for (const failure of endings.failures) show("FAILED", failure);
for (const problem of problems) console.log(`\nFAILED: ${problem}`);
for (const { name } of failedChecks) console.log(`\nFAILED: check "${name}" (its output is above)`);

const allFailed = failed + failedChecks.length;
process.exitCode = allFailed === 0 ? 0 : 1;
console.log(`\n${passed} passed, ${allFailed} failed, ${skipped} skipped`);
