import type { OutputRequest, OutputScreening, OutputVerdict } from "@crucible/guard";
import { refusalOf } from "../request/blocked.ts";
import { textOf } from "../request/text.ts";
import type { Exchange } from "../types.ts";

import { guardDown, recordAnswer } from "./verdict.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An answer after screening. */
export interface WholeAnswer {
  /** JSON for the client; null where it may go as it came. */
  readonly json: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** Screens an answer in one piece. Rejects with `ApiError` where a stage failed and the policy is closed. */
export async function screenWholeAnswer(
  all: Exchange,
  screening: OutputScreening,
  output: OutputRequest,
  value: Fields,
): Promise<WholeAnswer> {
  const { gateway, request } = all;
  const isResponse = request.surface.name === "responses";
  const said = isResponse ? value["output"] : value["choices"];
  const items: readonly unknown[] = Array.isArray(said) ? said : [];
  const { verdict, changed } = await screenItems(screening, output, items, isResponse);
  const { screeningId, decision } = await recordAnswer(all, verdict, textOf(items.map(saidIn)));
  const headers = {
    "x-crucible-output-decision": decision,
    ...(screeningId === null ? {} : { "x-crucible-output-screening-id": screeningId }),
  };
  if (!verdict.admitted) {
    if (verdict.decision === "error") throw guardDown();
    const { head, answer } = refusalOf(request, gateway.config);
    const { usage, id } = value;
    const refusal = request.surface.format?.body(head, answer);
    return { json: JSON.stringify({ ...refusal, ...(usage === undefined ? {} : { usage }), id }), headers };
  }
  // The Responses API repeats the instructions, and with them the canary.
  const isEchoed = output.canary !== null && typeof value["instructions"] === "string";
  // Some servers have the text of all items here again, which nobody has looked at.
  const { output_text: repeated, ...once } = value;
  if (changed === null && !isEchoed && repeated === undefined) return { json: null, headers };
  const clean = {
    ...once,
    ...(changed === null ? {} : { [isResponse ? "output" : "choices"]: changed }),
    ...(isEchoed ? { instructions: request.body["instructions"] ?? null } : {}),
  };

  return { json: JSON.stringify(clean), headers };
}

/** What the model said in a choice or item, as the pieces of a stream have it: without `finish_reason` and the like. */
function saidIn(item: unknown): unknown {
  const { message, text } = (item ?? {}) as { message?: unknown; text?: unknown };
  return message ?? text ?? item;
}

/** The items after screening; `changed` is null where they are as they were. */
export async function screenItems(
  screening: OutputScreening,
  output: OutputRequest,
  items: readonly unknown[],
  isResponse: boolean,
): Promise<{ readonly verdict: OutputVerdict; readonly changed: readonly unknown[] | null }> {
  const given = isResponse ? items.map(asChoice) : items;
  const { verdict, choices } = await screening.screenOutput(given, output);
  if (choices === given) return { verdict, changed: null };
  return { verdict, changed: isResponse ? choices.map(asItem) : choices };
}

const CALLS = new Set(["function_call", "custom_tool_call", "mcp_call"]);

/** An item of the Responses API as a choice: its calls where those of a message are. */
function asChoice(item: unknown): unknown {
  return CALLS.has(String((item as Fields | null)?.["type"])) ? { tool_calls: [item] } : { item };
}

function asItem(choice: unknown): unknown {
  const { item, tool_calls: calls } = choice as { item?: unknown; tool_calls?: readonly unknown[] };
  return calls === undefined ? item : calls[0];
}
