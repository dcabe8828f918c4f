import { isUtf8 } from "node:buffer";
import { ApiError } from "@crucible/contract";

/** Numbers that a double may not hold as they are written. */
const LONG_NUMBER = /\d{16}|\d[eE][+-]?\d/;

interface RawJson {
  rawJSON(text: string): unknown;
}

/**
 * The JSON value in a body. A number that a double cannot hold keeps its digits, so that the upstream gets the number
 * which the client wrote. @throws ApiError `malformed_json`
 */
export function readJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new ApiError("malformed_json", "the body must be UTF-8");
  const text = bytes.toString("utf8");
  try {
    if (!LONG_NUMBER.test(text)) return JSON.parse(text);
    return JSON.parse(text, exactNumber as never);
  } catch (cause) {
    throw new ApiError("malformed_json", "the body must be one valid JSON value", { cause });
  }
}

function exactNumber(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  // 1.0 and 1e3 say the same as 1 and 1000; only what would change its value is kept as written.
  const digits = source.replace(/^-?0*\.?0*|[eE].*$|\./g, "").replace(/0+$/, "");
  return Number.isFinite(value) && digits.length <= 15 ? value : (JSON as unknown as RawJson).rawJSON(source);
}
