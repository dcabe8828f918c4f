import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** One command of a check. */
export interface Step {
  readonly name: string;
  /** Program and arguments, looked up in node_modules/.bin first; `node` is the pinned one. */
  readonly command: readonly [string, ...string[]];
}

/** How a step ended. */
export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  /** Standard output and error, as they came. */
  readonly output: string;
  readonly ms: number;
}

/** The environment in which the repository's own tools are found. */
export function toolEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return { ...environment, PATH: `${join(ROOT, "node_modules", ".bin")}${delimiter}${environment.PATH ?? ""}` };
}

/** Runs one step in the root of the repository. A command that cannot start is a failed step, never an error. */
export function runStep(step: Step): Promise<StepResult> {
  const { promise, resolve } = Promise.withResolvers<StepResult>();
  const started = performance.now();
  const [program, ...args] = step.command;
  const output: string[] = [];
  const end = (ok: boolean) =>
    resolve({ name: step.name, ok, output: output.join("").trim(), ms: performance.now() - started });
  const child = spawn(program, args, { cwd: ROOT, env: toolEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => output.push(text));
  child.once("error", (error) => {
    output.push(`${program} did not start: ${error.message}`);
    end(false);
  });
  child.once("close", (code) => end(code === 0));
  return promise;
}

/** Runs all steps, `width` at a time, and tells each result as it comes. Results are in the order of the steps. */
export async function runSteps(
  steps: readonly Step[],
  options: { readonly width: number; readonly onResult: (result: StepResult) => void },
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  const waiting = steps.entries();
  async function lane() {
    for (const [index, step] of waiting) {
      const result = await runStep(step);
      results[index] = result;
      options.onResult(result);
    }
  }
  await Promise.all(Array.from({ length: options.width }, lane));
  return results;
}
