import { ClientError, createClient, type Client, type Screening, type ScreeningSummary } from "@crucible/contract";
import { findKey } from "../../backend/keys.ts";
import { addressOf } from "../../backend/open.ts";
import { explain } from "../../backend/remote.ts";
import { type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { table } from "../../table.ts";

/** Options of `guard screenings`. */
export interface ScreeningsOptions {
  readonly url?: string;
  readonly keyFile?: string;
  readonly decision?: ScreeningSummary["decision"];
  readonly direction?: ScreeningSummary["direction"];
  readonly minScore?: number;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** Lists the newest screenings of a server, or shows one. Exit code 0. */
export async function screeningsCommand(io: Io, id: string | undefined, options: ScreeningsOptions): Promise<number> {
  const named = options.url ?? io.env["CRUCIBLE_URL"] ?? "";
  if (named === "") throw new CliProblem("no server was named", "give --url, or set CRUCIBLE_URL");
  const url = addressOf(named);
  const client = createClient({ baseUrl: url, apiKey: await findKey(url, options.keyFile, io) });
  try {
    await write(io.stdout, `${id === undefined ? await list(client, options) : await show(client, id, options)}\n`);
  } catch (error) {
    throw error instanceof ClientError ? explain(error, url) : error;
  }
  return 0;
}

async function list(client: Client, options: ScreeningsOptions): Promise<string> {
  const { decision, direction, minScore, since, limit } = options;
  const { screenings } = await client.listScreenings({ decision, direction, minScore, since, limit });
  if (options.json === true) return screenings.map((one) => JSON.stringify(one)).join("\n");
  const rows = screenings.map((one) => [
    one.id,
    one.createdAt,
    one.direction,
    one.decision,
    scoreOf(one.score),
    one.stage ?? "-",
    plain(one.reason),
    plain(one.model ?? "-"),
  ]);
  return table(["id", "time", "direction", "decision", "score", "stage", "reason", "model"], rows).trimEnd();
}

async function show(client: Client, id: string, options: ScreeningsOptions): Promise<string> {
  const one = await client.getScreening(id);
  return options.json === true ? JSON.stringify(one) : textOf(one);
}

function textOf(one: Screening): string {
  const lines = [
    `${one.id}  ${one.createdAt}  ${one.direction} of ${plain(one.model ?? "no model")}`,
    `${one.decision}  ${scoreOf(one.score)}  ${one.stage ?? "no stage"}: ${plain(one.reason)}`,
  ];
  for (const { weight, text, via } of one.evidence) {
    const hidden = via.length === 0 ? "" : `  hidden by ${via.join(", ")}`;
    lines.push(`  ${weight.toFixed(2).padStart(6)}  ${plain(text)}${hidden}`);
  }
  for (const { action, kind, path } of one.findings) lines.push(`  ${action}  ${plain(kind)}  ${plain(path)}`);
  for (const { message, fail } of one.failures) lines.push(`  ${plain(message)}, the policy is ${fail}`);
  lines.push(`  ${one.textLength} code units, hash ${one.textHash}`);
  if (one.text !== null) lines.push(`  ${plain(one.text)}`);
  return lines.join("\n");
}

function scoreOf(score: number | null): string {
  return score === null ? "-" : score.toFixed(3);
}

/** What strangers chose, as JSON where it could write control characters on the terminal. */
function plain(text: string): string {
  return /^[\x21-\x7e]*$/.test(text) ? text : JSON.stringify(text).replaceAll(/[^\x20-\x7e]/gu, "?");
}
