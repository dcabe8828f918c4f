import { isUtf8 } from "node:buffer";

/** Bytes as JSON carries them: text when they are UTF-8, base64 when not. */
export function encodeBytes(bytes: Uint8Array): { readonly text: string; readonly encoding: "utf8" | "base64" } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer)
    ? { text: buffer.toString("utf8"), encoding: "utf8" }
    : { text: buffer.toString("base64"), encoding: "base64" };
}

/** The other way. */
export function decodeText(text: string, encoding: "utf8" | "base64"): Buffer {
  return Buffer.from(text, encoding);
}
