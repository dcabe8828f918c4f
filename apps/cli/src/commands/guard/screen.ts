import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createGuard, type GuardDescription, type Policy, policyHash, type Verdict } from "@crucible/guard";
import { type Io, readStdin, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { choosePolicy, loading, type PolicyOptions } from "./policy.ts";

/** The options of `crucible guard screen`, parsed. */
export interface ScreenOptions extends PolicyOptions {
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
  const chosen = await choosePolicy(io, options);
  const evidence = options.evidence ?? chosen.policy.evidence;
  const policy: Policy = { ...chosen.policy, evidence };
  const input =
    options.messages === undefined ? await readText(io, text) : await readConversation(io, options.messages);
  await using guard = await loading(async () => await createGuard({ ...chosen.options, policy }));
  const verdict = await guard.screen(input);
  const output = options.json === true ? jsonOf(verdict, policy, guard.describe()) : textOf(verdict);
  await write(io.stdout, `${output}\n`);
  return EXIT[verdict.decision];
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

function jsonOf(verdict: Verdict, policy: Policy, { stages }: GuardDescription): string {
  const { decision, admitted, stage, probability: score, reason, path, evidence, failures, perStage } = verdict;
  const { perMessage, joined, unscreened } = verdict;
  const decider = policy.stages.find(({ name }) => name === stage) ?? null;
  const thresholds = decider && { allowBelow: decider.allowBelow, blockFrom: decider.blockAtOrAbove };
  const models = Object.fromEntries(stages.map(({ name, version }) => [name, version]));
  const model = stages.find(({ name }) => name === stage)?.version ?? null;
  const head = { decision, admitted, stage, score, reason, path, thresholds, model, policy: policyHash(policy) };
  return JSON.stringify({ ...head, models, evidence, failures, perStage, perMessage, joined, unscreened });
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
