import { isUtf8 } from "node:buffer";
import { ApiError } from "@crucible/contract";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws ApiError where the text is not what its encoding says. */
export function toBytes(text: string, encoding: "utf8" | "base64"): Uint8Array {
  const isRight = encoding === "utf8" ? text.isWellFormed() : text.length % 4 === 0 && BASE64.test(text);
  if (!isRight) throw new ApiError("invalid_request", "stdin must be as stdinEncoding says", { field: "stdin" });
  return Buffer.from(text, encoding);
}

/** UTF-8 as text, anything else as Base64. */
export function fromBytes(bytes: Uint8Array): { text: string; encoding: "utf8" | "base64" } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer)
    ? { text: buffer.toString("utf8"), encoding: "utf8" }
    : { text: buffer.toString("base64"), encoding: "base64" };
}
