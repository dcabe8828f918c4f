import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ROOT, runSteps, type Step, type StepResult } from "./steps.ts";

/** Every check that needs no test run, longest first. */
export const CHECKS: readonly Step[] = [
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "types", command: ["tsc", "-p", "tsconfig.json"] },
  { name: "unused code", command: ["knip", "--no-progress", "--no-config-hints"] },
  { name: "format", command: ["oxfmt", "--list-different", "."] },
  { name: "openapi.json", command: ["node", "scripts/openapi.ts", "--check"] },
  { name: "import rule", command: ["node", "scripts/import-rule.ts"] },
  { name: "safety", command: ["node", "scripts/safety.ts"] },
  { name: "docs", command: ["node", "scripts/check-docs.ts"] },
];

/** Runs every check and prints a line for each, then the output of those that failed. */
export async function check(print: (line: string) => void): Promise<StepResult[]> {
  const results = await runSteps(CHECKS, {
    width: Math.min(2, availableParallelism()),
    onResult: ({ name, ok, ms }) => print(`${ok ? "ok  " : "FAIL"} ${name} (${(ms / 1000).toFixed(1)} s)`),
  });
  for (const { name, output } of results.filter((result) => !result.ok)) {
    print(`\n--- ${name}\n${output || "(no output)"}`);
  }
  const passed = results.filter((result) => result.ok).length;
  print(`\ncheck: ${passed} of ${results.length} passed`);
  return results;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  if (!existsSync(join(ROOT, "node_modules"))) throw new Error("run `npm test` or `npm start` once: it installs");
  const results = await check((line) => console.log(line));
  process.exitCode = results.every((result) => result.ok) ? 0 : 1;
}
