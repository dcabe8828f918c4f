import { TarError } from "./types.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws TarError `bad_path` for bytes that are not UTF-8. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TarError("bad_path", "a name in the archive is not UTF-8");
  }
}

/**
 * The path as one way of writing it: without `./` in front and `/` behind, both of which tar programs add.
 * Null for the root itself (`.` or `./`).
 * @throws TarError `bad_path` for anything that could name a place outside, or one place in two ways.
 */
export function cleanPath(raw: string, pathBytes: number): string | null {
  const refuse = (why: string): never => {
    throw new TarError("bad_path", `the path ${JSON.stringify(raw.slice(0, 200))} ${why}`);
  };
  if (raw.includes("\0")) refuse("holds NUL");
  if (raw.startsWith("/")) refuse("is absolute");
  if (Buffer.byteLength(raw) > pathBytes) refuse(`is longer than ${pathBytes} bytes`);
  const segments = raw.split("/");
  while (segments[0] === ".") segments.shift();
  if (segments.at(-1) === "") segments.pop();
  if (segments.length === 0) return raw === "" ? refuse("is empty") : null;
  for (const segment of segments) {
    if (segment === "..") refuse("climbs out with `..`");
    if (segment === "" || segment === ".") refuse("holds an empty or a `.` segment");
    if (Buffer.byteLength(segment) > 255) refuse("holds a name of over 255 bytes");
  }
  return segments.join("/");
}
