import { z } from "zod";

/** What is read of Vitest's own JSON report. */
const Report = z.object({
  numPassedTests: z.number().int(),
  numFailedTests: z.number().int(),
  numPendingTests: z.number().int(),
  numTodoTests: z.number().int(),
  testResults: z.array(
    z.object({ name: z.string(), status: z.string(), message: z.string(), assertionResults: z.array(z.unknown()) }),
  ),
});

/** How many tests ended how; `problems` says what failed besides tests. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly problems: readonly string[];
}

/**
 * Counts a test run. A test file that could not be loaded, a run that ended badly with no test failed (an error
 * outside any test), and a run without a readable report each count as one failure: nothing red becomes green.
 * @param report content of the JSON report, or null when there is none
 * @param exit exit code of the runner, null when a signal ended it
 */
export function tally(report: string | null, exit: number | null): Tally {
  const parsed = Report.safeParse(report === null ? null : parseJson(report));
  if (!parsed.success) {
    return { passed: 0, failed: 1, skipped: 0, problems: [`the runner left no report (exit code ${exit ?? "none"})`] };
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = parsed.data;
  const problems = testResults
    .filter((file) => file.status === "failed" && file.assertionResults.length === 0)
    .map((file) => `${file.name} could not be loaded: ${file.message}`);
  if (numPassedTests + numFailedTests === 0) problems.push("no test ran");
  if (exit !== 0 && numFailedTests + problems.length === 0) {
    problems.push(`the runner ended with exit code ${exit ?? "none"} though no test failed`);
  }
  return {
    passed: numPassedTests,
    failed: numFailedTests + problems.length,
    skipped: numPendingTests + numTodoTests,
    problems,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
