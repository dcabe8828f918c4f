import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { csvRecords } from "./csv.ts";
import { loadRows, readCsv, readJsonl, type ReadItem } from "./read.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
const reasons = (items: readonly ReadItem[]): string[] =>
  items.flatMap((item) => ("bad" in item ? [`${item.bad.line}: ${item.bad.reason}`] : []));
const texts = (items: readonly ReadItem[]): string[] => items.flatMap((item) => ("row" in item ? [item.row.text] : []));

describe("JSON Lines", () => {
  it("reads rows in any cut and reports bad lines by number", async () => {
    const file = [
      '{"text":"hi","label":0,"source":"a","note":"n"}',
      "",
      "{broken",
      '{"text":"","label":1}',
      '{"text":"x","label":2}',
      '{"label":1}',
      "[1]",
      "null",
      '{"text":"ü","label":"1"}',
    ].join("\r\n");
    for (const size of [1, 7, 10_000]) {
      const chunks = Array.from({ length: Math.ceil(file.length / size) }, (_, i) =>
        file.slice(i * size, (i + 1) * size),
      );
      const items = await all(readJsonl(chunks));
      expect(items[0]).toEqual({ row: { text: "hi", label: 0, source: "a", note: "n" }, line: 1 });
      expect(texts(items)).toEqual(["hi", "ü"]);
      expect(reasons(items)).toEqual([
        "3: not JSON",
        "4: `text` must be a string that is not empty",
        "5: `label` must be 0 or 1",
        "6: `text` must be a string that is not empty",
        "7: `text` must be a string that is not empty",
        "8: not a JSON object",
      ]);
    }
  });
});

describe("CSV", () => {
  it("reads quoted fields with commas, quotes and line ends", async () => {
    const items = await all(readCsv(['label,"text",source\r\n1,"a ""b"", c\nd",web\r\n0,plain,\n']));
    expect(items).toEqual([
      { row: { text: 'a "b", c\nd', label: 1, source: "web", note: "" }, line: 2 },
      { row: { text: "plain", label: 0, source: "unknown", note: "" }, line: 4 },
    ]);
  });

  it("reports what is wrong by line", async () => {
    expect(reasons(await all(readCsv(["a,b\n1,2\n"])))).toEqual([
      "1: the first line must name the columns `text` and `label`",
    ]);
    expect(reasons(await all(readCsv(['text,label\na,1,2\n"a"b,1\nx,7\n"open,1\n'])))).toEqual([
      "2: 3 fields where the first line names 2",
      "3: text after a closing quote",
      "4: `label` must be 0 or 1",
      "5: a quote is not closed",
    ]);
  });

  it("gives back any fields, however the file is cut", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", "é", " ") });
    const record = fc.array(field, { minLength: 2, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), async (records, size) => {
        const file = records
          .map((fields) => fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(","))
          .join("\r\n");
        const chunks = Array.from({ length: Math.ceil(file.length / size) }, (_, i) =>
          file.slice(i * size, (i + 1) * size),
        );
        const read = await all(csvRecords(chunks));
        expect(read.map(({ fields, problem }) => ({ fields, problem }))).toEqual(
          records.map((fields) => ({ fields, problem: "" })),
        );
      }),
    );
  });
});

describe("files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "guard-read-"));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  it("chooses the format by the name and drops a byte order mark", async () => {
    await writeFile(join(folder, "a.CSV"), "\ufefftext,label\nhi,1\n");
    await writeFile(join(folder, "a.jsonl"), '\ufeff{"text":"hi","label":1}\n');
    const expected = { rows: [{ text: "hi", label: 1, source: "unknown", note: "" }], bad: [] };
    expect(await loadRows(join(folder, "a.CSV"))).toEqual(expected);
    expect(await loadRows(join(folder, "a.jsonl"))).toEqual(expected);
  });

  it("says which file is missing", async () => {
    await expect(loadRows(join(folder, "none.jsonl"))).rejects.toThrow(/ENOENT.*none\.jsonl/);
  });
});
