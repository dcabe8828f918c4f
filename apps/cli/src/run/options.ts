import type { IsolationRequest, RunRequestInput } from "@crucible/contract";
import { IsolationLevel } from "@crucible/contract";
import { nearest } from "../nearest.ts";
import { CliProblem } from "../problem.ts";

/**
 * `NAME=VALUE` texts as an object; a name given twice keeps the last.
 * @throws CliProblem where there is no `=` or the name is none that a shell could use.
 */
export function parseEnv(texts: readonly string[]): NonNullable<RunRequestInput["env"]> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at === -1) {
        throw new CliProblem(
          `--env wants NAME=VALUE, not ${JSON.stringify(text)}`,
          "nothing of your own environment gets into the sandbox: give the value",
        );
      }
      const name = text.slice(0, at);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
        throw new CliProblem(
          `${JSON.stringify(name)} is no name for a variable`,
          "use letters, digits and underscores",
        );
      }
      return [name, text.slice(at + 1)];
    }),
  );
}

/** From `--engine` and `--at-least`: what the request asks for, or nothing. */
export function parseIsolation(engine: string | undefined, atLeast: string | undefined): IsolationRequest | undefined {
  if (engine !== undefined && atLeast !== undefined) {
    throw new CliProblem(
      "--engine and --at-least cannot both be given",
      "an engine has one level: name the engine alone",
    );
  }
  if (engine !== undefined) return { engine };
  if (atLeast === undefined) return undefined;
  const level = IsolationLevel.safeParse(atLeast);
  if (level.success) return { atLeast: level.data };
  const near = nearest(atLeast, IsolationLevel.options);
  throw new CliProblem(
    `there is no isolation level ${JSON.stringify(atLeast)}`,
    near === null ? `the levels are ${IsolationLevel.options.join(", ")}` : `did you mean ${near}?`,
  );
}
