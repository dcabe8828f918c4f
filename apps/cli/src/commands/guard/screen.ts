import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  createBayesStage,
  createPipeline,
  DEFAULT_POLICY,
  loadPolicy,
  type Policy,
  PolicyError,
  policyHash,
  type Thresholds,
  type Verdict,
} from "@crucible/guard";
import { type Io, readStdin, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { type ModelOptions, openModel } from "./model.ts";

/** The options of `crucible guard screen`, parsed. */
export interface ScreenOptions extends ModelOptions {
  readonly policy?: string;
  readonly messages?: string;
  readonly evidence?: number;
  readonly json?: boolean;
}

const EXIT = { allow: 0, block: 1, flag: 3, error: 4 } as const;

/** Screens one text or one conversation. Exit codes: 0 allowed, 1 blocked, 3 flagged, 4 a stage failed. */
export async function screenCommand(io: Io, text: string | undefined, options: ScreenOptions): Promise<number> {
  if (options.messages !== undefined && text !== undefined) {
    throw new CliProblem("a text and --messages at once", "give one of them");
  }
  // A policy that is wrong is told before a text is waited for.
  const fromFile = options.policy === undefined ? null : await openPolicy(io, options.policy, options);
  const { model, thresholds } = await openModel(io, options);
  const policy = withEvidence(fromFile ?? policyWith(thresholds), options.evidence);
  const stage = createBayesStage(model);
  const input =
    options.messages === undefined ? await readText(io, text) : await readConversation(io, options.messages);
  const verdict = await createPipeline({ policy, stages: [stage] }).screen(input);
  const output = options.json === true ? jsonOf(verdict, policy, stage.version) : textOf(verdict);
  await write(io.stdout, `${output}\n`);
  return EXIT[verdict.decision];
}

async function openPolicy(io: Io, path: string, { allowBelow, blockFrom }: ScreenOptions): Promise<Policy> {
  if (allowBelow !== undefined || blockFrom !== undefined) {
    throw new CliProblem("--policy and thresholds at once", "write the thresholds into the policy, or leave it out");
  }
  try {
    return await loadPolicy(resolve(io.cwd, path), { file: path });
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    throw new CliProblem(cause.message.replaceAll("\n", "; "), cause.fix, { cause });
  }
}

/** The default policy with the thresholds of the model or of the command line. */
function policyWith({ allowBelow, blockFrom }: Thresholds): Policy {
  const stages = DEFAULT_POLICY.stages.map((stage) => ({ ...stage, allowBelow, blockAtOrAbove: blockFrom }));
  return { ...DEFAULT_POLICY, stages };
}

function withEvidence(policy: Policy, evidence: number | undefined): Policy {
  return evidence === undefined ? policy : { ...policy, evidence };
}

async function readText(io: Io, text: string | undefined): Promise<string> {
  const input = text === undefined || text === "-" ? (await readStdin(io)).toString("utf8") : text;
  if (input === "") throw new CliProblem("no text to screen", "give it as an argument, or on standard input");
  return input;
}

/** A list of messages, or the body of a chat request. */
async function readConversation(io: Io, path: string): Promise<readonly unknown[]> {
  const bytes = path === "-" ? await readStdin(io) : await readFile(resolve(io.cwd, path));
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new CliProblem(`${path} is no JSON`, "give a list of messages, or an object that has one in messages", {
      cause,
    });
  }
  const messages: unknown = Array.isArray(value) ? value : (value as { messages?: unknown } | null)?.messages;
  if (Array.isArray(messages)) return messages as unknown[];
  throw new CliProblem(`${path} has no messages`, "give a list of messages, or an object that has one in messages");
}

function jsonOf(verdict: Verdict, policy: Policy, model: string): string {
  const { decision, admitted, stage, probability: score, reason, path, evidence, failures, perStage } = verdict;
  const { perMessage, joined, unscreened } = verdict;
  const decider = policy.stages.find(({ name }) => name === stage) ?? null;
  const thresholds = decider && { allowBelow: decider.allowBelow, blockFrom: decider.blockAtOrAbove };
  const head = { decision, admitted, stage, score, reason, path, thresholds, model, policy: policyHash(policy) };
  return JSON.stringify({ ...head, evidence, failures, perStage, perMessage, joined, unscreened });
}

function textOf({
  decision,
  admitted,
  probability,
  path,
  evidence,
  failures,
  perMessage,
  unscreened,
}: Verdict): string {
  const score = probability === null ? "    -" : probability.toFixed(3);
  const isConversation = perMessage.some(({ role }) => role !== null);
  const lines = [`${decision}  ${score}${isConversation ? `  ${path}` : ""}`];
  for (const { text: words, weight, via } of evidence) {
    const hidden = via.length === 0 ? "" : `  hidden by ${via.join(", ")}`;
    // JSON keeps control characters of the screened text off the terminal.
    lines.push(`  ${weight.toFixed(2).padStart(6)}  ${JSON.stringify(words)}${hidden}`);
  }
  for (const { message, fail } of failures) lines.push(`  ${JSON.stringify(message)}, the policy is ${fail}`);
  if (decision === "error") lines.push(`  ${admitted ? "admitted" : "not admitted"}`);
  if (isConversation) {
    for (const message of perMessage) {
      const own = message.probability === null ? "    -" : message.probability.toFixed(3);
      lines.push(`  ${message.decision.padEnd(5)}  ${own}  ${message.index} ${message.role}`);
    }
  }
  for (const { path: at, why } of unscreened) lines.push(`  not screened (${why}): ${at}`);
  return lines.join("\n");
}
