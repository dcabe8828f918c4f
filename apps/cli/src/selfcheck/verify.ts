import { SelfcheckReport } from "@crucible/contract";
import { reportHash, sha256 } from "./canonical.ts";

/** The line of a page that holds its hash: the rest of the page is what was hashed. */
const HASH_LINE = /^<meta name="crucible-sha256" content="([0-9a-f]{64})">\n/gm;

/** What `verify` found: the hash that the file claims and the one of its content. */
export interface Verified {
  readonly claimed: string;
  readonly actual: string;
}

/** Puts the hash of a page into it, as a line of its own right before `</head>`. */
export function withHash(page: string): string {
  return page.replace("</head>", () => `<meta name="crucible-sha256" content="${sha256(page)}">\n</head>`);
}

/**
 * Recomputes the hash of a report, as a page or as JSON. It shows that nothing was changed by accident or in passing;
 * whoever can write the file can write its hash too.
 * @throws Error when the text is neither.
 */
export function verifyReport(text: string): Verified {
  if (text.startsWith("<!doctype html>")) {
    const lines = [...text.matchAll(HASH_LINE)];
    const [line] = lines;
    if (line === undefined || lines.length > 1) throw new Error("the page has no line with its hash, or more than one");
    return { claimed: line[1] ?? "", actual: sha256(text.replace(line[0], () => "")) };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error("this is neither a report's page nor JSON", { cause: error });
  }
  const report = SelfcheckReport.safeParse(parsed);
  if (!report.success) throw new Error(`this is no report: ${report.error.issues[0]?.path.join(".") ?? "its shape"}`);
  if (strings(parsed) * 2 !== quotes(text)) throw new Error("this says something twice, and a reader may see either");
  // The text's own value, not the schema's: what the schema would leave out was changed too.
  return { claimed: report.data.sha256, actual: reportHash(parsed as object) };
}

/** Keys and strings of a value. A key that came twice is in the text once more than in the value. */
function strings(value: unknown): number {
  if (typeof value === "string") return 1;
  if (typeof value !== "object" || value === null) return 0;
  const keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, inner) => sum + strings(inner), keys);
}

/** Quotes that begin or end a string of JSON. */
const quotes = (json: string): number => json.replaceAll(/\\./g, "").split('"').length - 1;
