import { createBayesStage, decide } from "@crucible/guard";
import { type Io, readStdin, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { type ModelOptions, openModel } from "./model.ts";

/** The options of `crucible guard screen`, parsed. */
export interface ScreenOptions extends ModelOptions {
  readonly evidence: number;
  readonly json?: boolean;
}

const EXIT = { allow: 0, block: 1, flag: 3 } as const;

/** Screens one text. Exit codes: 0 allowed, 1 blocked, 3 flagged. */
export async function screenCommand(io: Io, text: string | undefined, options: ScreenOptions): Promise<number> {
  const input = text === undefined || text === "-" ? (await readStdin(io)).toString("utf8") : text;
  if (input === "") throw new CliProblem("no text to screen", "give it as an argument, or on standard input");
  const { model, thresholds } = await openModel(io, options);
  const stage = createBayesStage(model);
  const { probability, evidence } = stage.screen(input, { evidence: options.evidence });
  const decision = decide(probability, thresholds);
  if (options.json === true) {
    const result = { decision, stage: stage.name, score: probability, thresholds, model: stage.version, evidence };
    await write(io.stdout, `${JSON.stringify(result)}\n`);
    return EXIT[decision];
  }
  const lines = [`${decision}  ${probability.toFixed(3)}`];
  for (const { text: words, weight, via } of evidence) {
    const hidden = via.length === 0 ? "" : `  hidden by ${via.join(", ")}`;
    // JSON keeps control characters of the screened text off the terminal.
    lines.push(`  ${weight.toFixed(2).padStart(6)}  ${JSON.stringify(words)}${hidden}`);
  }
  await write(io.stdout, `${lines.join("\n")}\n`);
  return EXIT[decision];
}
