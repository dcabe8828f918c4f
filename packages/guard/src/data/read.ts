import { createReadStream } from "node:fs";
import { csvRecords } from "./csv.ts";
import { type BadLine, type Row, toRow } from "./row.ts";

/** A row, or a line that is none. */
export type ReadItem = { readonly row: Row; readonly line: number } | { readonly bad: BadLine };

/** Longest line of JSON Lines that is read; a longer one is reported, not kept in memory. */
const MAX_LINE = 16 * 1024 * 1024;

/** Text of a byte stream; bytes that are no UTF-8 become U+FFFD, a byte order mark is dropped. */
async function* decoded(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8");
  for await (const piece of bytes) yield decoder.decode(piece, { stream: true });
  yield decoder.decode();
}

/** Reads JSON Lines, one object with `text`, `label` and maybe `source` and `note` per line; empty lines are skipped. */
export async function* readJsonl(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<ReadItem> {
  let line = 0;
  let rest = "";
  let skipping = false;
  const parse = (text: string): ReadItem | null => {
    if (text.trim() === "") return null;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return { bad: { line, reason: "not JSON" } };
    }
    if (typeof value !== "object" || value === null) return { bad: { line, reason: "not a JSON object" } };
    const row = toRow(value as Record<string, unknown>);
    return typeof row === "string" ? { bad: { line, reason: row } } : { row, line };
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", from)) {
      line++;
      const item = skipping ? null : parse(rest + chunk.slice(from, end));
      if (item !== null) yield item;
      rest = "";
      skipping = false;
      from = end + 1;
    }
    if (!skipping) rest += chunk.slice(from);
    if (rest.length > MAX_LINE) {
      yield { bad: { line: line + 1, reason: `longer than ${MAX_LINE} characters` } };
      rest = "";
      skipping = true;
    }
  }
  line++;
  const last = skipping ? null : parse(rest);
  if (last !== null) yield last;
}

/** Reads CSV whose first line names the columns: `text`, `label` and maybe `source` and `note`, in any order. */
export async function* readCsv(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<ReadItem> {
  let names: readonly string[] | null = null;
  for await (const { fields, line, problem } of csvRecords(chunks)) {
    if (names === null) {
      names = fields.map((name) => name.trim().toLowerCase());
      if (!names.includes("text") || !names.includes("label")) {
        yield { bad: { line, reason: "the first line must name the columns `text` and `label`" } };
        return;
      }
      continue;
    }
    if (problem !== "") yield { bad: { line, reason: problem } };
    else if (fields.length !== names.length) {
      yield { bad: { line, reason: `${fields.length} fields where the first line names ${names.length}` } };
    } else {
      const row = toRow(Object.fromEntries(names.map((name, i) => [name, fields[i]])));
      yield typeof row === "string" ? { bad: { line, reason: row } } : { row, line };
    }
  }
}

/** Reads a file, CSV when its name ends so and JSON Lines otherwise. Rejects with the system's error when it cannot. */
export async function* readRows(path: string): AsyncGenerator<ReadItem> {
  const text = decoded(createReadStream(path));
  yield* path.toLowerCase().endsWith(".csv") ? readCsv(text) : readJsonl(text);
}

/** All rows of a file and all its bad lines. */
export async function loadRows(path: string): Promise<{ rows: Row[]; bad: BadLine[] }> {
  const rows: Row[] = [];
  const bad: BadLine[] = [];
  for await (const item of readRows(path)) {
    if ("row" in item) rows.push(item.row);
    else bad.push(item.bad);
  }
  return { rows, bad };
}
