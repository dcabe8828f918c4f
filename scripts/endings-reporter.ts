import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** A test that did not run, and why (`ctx.skip(reason)`); null where no reason was given. */
export interface SkippedTest {
  readonly file: string;
  readonly name: string;
  readonly reason: string | null;
}

/** A test, a group of tests or a file that failed; `message` is the first error's. */
export interface Failure {
  readonly file: string;
  /** Empty for the file itself. */
  readonly name: string;
  readonly message: string;
}

/** What is kept of a run beside Vitest's own report. */
export interface Endings {
  /** Passed, but not the first time; `message` is that of the first. */
  readonly flaky: readonly Failure[];
  readonly skipped: readonly SkippedTest[];
  readonly failures: readonly Failure[];
}

/** Environment variable with the file that the endings are written to, as JSON. */
export const ENDINGS_FILE_VARIABLE = "CRUCIBLE_TEST_ENDINGS_FILE";

const messageOf = (errors: readonly SerializedError[]): string => errors[0]?.message ?? "no message";

function failuresOf(module: TestModule): Failure[] {
  const file = module.relativeModuleId;
  const tests = [...module.children.allTests("failed")].map((test): Failure => {
    const { errors } = test.result();
    return { file, name: test.fullName, message: messageOf(errors ?? []) };
  });
  // A hook before or after all tests, or the file's own code.
  const groups = [...module.children.allSuites()]
    .filter((suite) => suite.errors().length > 0)
    .map((suite): Failure => ({ file, name: suite.fullName, message: messageOf(suite.errors()) }));
  const own = module.errors();
  return [...(own.length === 0 ? [] : [{ file, name: "", message: messageOf(own) }]), ...groups, ...tests];
}

/** Vitest's JSON report has no reasons for skips, and no errors of hooks: this one keeps them. */
export default class EndingsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[] = []): void {
    const skipped = modules.flatMap((module) =>
      [...module.children.allTests("skipped")].map((test): SkippedTest => {
        const result = test.result();
        return {
          file: module.relativeModuleId,
          name: test.fullName,
          reason: (result.state === "skipped" ? result.note : undefined) ?? null,
        };
      }),
    );
    const flaky = modules.flatMap((module) =>
      [...module.children.allTests("passed")]
        .filter((test) => test.diagnostic()?.flaky === true)
        .map((test): Failure => {
          const { errors } = test.result();
          return { file: module.relativeModuleId, name: test.fullName, message: messageOf(errors ?? []) };
        }),
    );
    const outside = errors.map((error): Failure => ({ file: "outside any test", name: "", message: error.message }));
    const endings: Endings = { skipped, flaky, failures: [...modules.flatMap(failuresOf), ...outside] };
    const path = process.env[ENDINGS_FILE_VARIABLE];
    if (path !== undefined) writeFileSync(path, JSON.stringify(endings));
  }
}
