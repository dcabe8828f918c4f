import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** A test that did not run, and why (`ctx.skip(reason)`); null where no reason was given. */
export interface SkippedTest {
  readonly file: string;
  readonly name: string;
  readonly reason: string | null;
}

/** Environment variable with the file that the list of skipped tests is written to, as JSON. */
export const SKIP_FILE_VARIABLE = "CRUCIBLE_TEST_SKIP_FILE";

/** Vitest's JSON report has no reasons for skips: this one keeps them. */
export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
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
    const path = process.env[SKIP_FILE_VARIABLE];
    if (path !== undefined) writeFileSync(path, JSON.stringify(skipped));
  }
}
