/** One record of a CSV file. */
export interface CsvRecord {
  readonly fields: readonly string[];
  /** The line it starts on, counted from 1. */
  readonly line: number;
  /** Why the record cannot be trusted, or "". */
  readonly problem: string;
}

type CsvState = "start" | "plain" | "quoted" | "closed";

/**
 * Reads CSV as RFC 4180 writes it, piece by piece: quoted fields may hold commas, line ends and doubled quotes.
 * A quote that never closes makes one bad record of all that follows, which is said where it starts.
 */
export async function* csvRecords(chunks: AsyncIterable<string> | Iterable<string>): AsyncGenerator<CsvRecord> {
  let fields: string[] = [];
  let field = "";
  let state = "start" as CsvState;
  let line = 1;
  let startLine = 1;
  let problem = "";
  let returned = false;
  const take = (): CsvRecord => {
    fields.push(field);
    const record = { fields, line: startLine, problem };
    fields = [];
    field = "";
    state = "start";
    problem = "";
    return record;
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const char = chunk[i];
      if (state === "quoted") {
        if (char === '"') {
          field += chunk.slice(from, i);
          state = "closed";
        } else if (char === "\n") line++;
        continue;
      }
      if (state === "start" && char === '"') {
        state = "quoted";
        from = i + 1;
        continue;
      }
      if (state === "closed" && char === '"') {
        field += '"';
        state = "quoted";
        from = i + 1;
        continue;
      }
      const after = returned;
      returned = char === "\r";
      if (char === "," || char === "\n" || char === "\r") {
        if (state === "plain") field += chunk.slice(from, i);
        if (char === ",") {
          fields.push(field);
          field = "";
          state = "start";
          continue;
        }
        const empty = fields.length === 0 && field === "" && state === "start";
        if (!empty) yield take();
        if (!(char === "\n" && after)) line++;
        startLine = line;
        state = "start";
        continue;
      }
      if (state === "closed") problem = "text after a closing quote";
      else if (state === "start") {
        state = "plain";
        from = i;
      }
    }
    if (state === "plain" || state === "quoted") {
      field += chunk.slice(from);
    }
    from = 0;
  }
  if (state === "quoted") problem = "a quote is not closed";
  if (fields.length > 0 || field !== "" || state !== "start") yield take();
}
