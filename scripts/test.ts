import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { check } from "./check.ts";
import { SKIP_FILE_VARIABLE, type SkippedTest } from "./skip-reporter.ts";
import { ROOT, toolEnvironment } from "./steps.ts";
import { tally } from "./tally.ts";

/** A run that takes longer hangs; it is ended and counted as failed. */
const DEADLINE_MS = 28 * 60_000;

const results = join(ROOT, "test-results");
const reportFile = join(results, "vitest.json");
const skipFile = join(results, "skipped.json");

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
      `--reporter=${join(ROOT, "scripts", "skip-reporter.ts")}`,
      ...filters,
    ],
    {
      cwd: ROOT,
      env: { ...toolEnvironment(), [SKIP_FILE_VARIABLE]: skipFile },
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
for (const path of [reportFile, skipFile]) rmSync(path, { force: true });

const failedChecks = (await check((line) => console.log(line))).filter((result) => !result.ok);
const exit = await runVitest(process.argv.slice(2));
const { passed, failed, skipped, problems } = tally(read(reportFile), exit);

const skippedTests = JSON.parse(read(skipFile) ?? "[]") as SkippedTest[];
const byReason = Map.groupBy(skippedTests, (test) => `${test.file}: ${test.reason ?? "no reason given"}`);
if (skippedTests.length > 0) console.log("\nSkipped:");
for (const [reason, tests] of byReason) {
  console.log(`  ${reason}`);
  for (const { name } of tests) console.log(`    ${name}`);
}
for (const problem of problems) console.log(`\nFAILED: ${problem}`);
for (const { name } of failedChecks) console.log(`\nFAILED: check "${name}" (its output is above)`);

const allFailed = failed + failedChecks.length;
process.exitCode = allFailed === 0 ? 0 : 1;
console.log(`\n${passed} passed, ${allFailed} failed, ${skipped} skipped`);
