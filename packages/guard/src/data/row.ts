/** One labelled text. */
export interface Row {
  readonly text: string;
  /** 1: it tries to override, escape or extract the instructions of the model it is sent to. */
  readonly label: 0 | 1;
  /** Where it comes from; "unknown" when the file does not say. */
  readonly source: string;
  /** A slice that is to be reported apart, or "". */
  readonly note: string;
}

/** A line that is no row, and why. */
export interface BadLine {
  /** Counted from 1. */
  readonly line: number;
  readonly reason: string;
}

/** Parses the fields of a row; the reason when they are wrong. */
export function toRow(fields: Readonly<Record<string, unknown>>): Row | string {
  const { text, label, source, note } = fields;
  if (typeof text !== "string" || text === "") return "`text` must be a string that is not empty";
  const number = typeof label === "string" ? Number(label.trim() || Number.NaN) : label;
  if (number !== 0 && number !== 1 && typeof label !== "boolean") return "`label` must be 0 or 1";
  return {
    text,
    label: number === 1 || label === true ? 1 : 0,
    source: typeof source === "string" && source !== "" ? source : "unknown",
    note: typeof note === "string" ? note : "",
  };
}
