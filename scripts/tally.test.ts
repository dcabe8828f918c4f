import { describe, expect, it } from "vitest";
import { tally } from "./tally.ts";

const report = (changes: object = {}) =>
  JSON.stringify({
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 1,
    numTodoTests: 1,
    testResults: [{ name: "a.test.ts", status: "passed", message: "", assertionResults: [{}] }],
    ...changes,
  });

describe("tally", () => {
  it("counts what the runner reports", () => {
    expect(tally(report(), 0)).toEqual({ passed: 3, failed: 0, skipped: 2, problems: [] });
    expect(tally(report({ numFailedTests: 2 }), 1)).toMatchObject({ failed: 2, problems: [] });
  });

  it.each([
    ["no report", null],
    ["a report cut off", report().slice(0, 40)],
    ["a report of another shape", "{}"],
  ])("counts %s as a failure, whatever the exit code", (_what, text) => {
    expect(tally(text, 0)).toMatchObject({ failed: 1 });
    expect(tally(text, null)).toMatchObject({ failed: 1 });
  });

  it("counts a file that could not be loaded", () => {
    const testResults = [{ name: "b.test.ts", status: "failed", message: "no such module", assertionResults: [] }];
    expect(tally(report({ testResults }), 1)).toMatchObject({ passed: 3, failed: 1 });
  });

  it("counts an error outside any test", () => {
    expect(tally(report(), 1)).toMatchObject({ passed: 3, failed: 1 });
  });

  it("counts a run in which nothing ran", () => {
    expect(tally(report({ numPassedTests: 0 }), 0)).toMatchObject({ failed: 1 });
  });
});
