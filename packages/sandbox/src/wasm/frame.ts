/** One part of a frame. */
export interface FramePart {
  readonly path: string;
  readonly content: Uint8Array;
}

/**
 * The start of a frame as `inside/request.mjs` reads it: length of the header (4 bytes, big-endian), and the header
 * as JSON with the parts' paths and lengths. The contents follow in that order.
 */
export function frameHead(
  header: Readonly<Record<string, unknown>>,
  parts: readonly { readonly path: string; readonly bytes: number }[],
): Uint8Array {
  const json = Buffer.from(
    JSON.stringify({ ...header, paths: parts.map(({ path }) => path), parts: parts.map(({ bytes }) => bytes) }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json]);
}

/** A whole frame. */
export function frame(header: Readonly<Record<string, unknown>>, parts: readonly FramePart[]): Uint8Array {
  const head = frameHead(
    header,
    parts.map(({ path, content }) => ({ path, bytes: content.length })),
  );
  return Buffer.concat([head, ...parts.map(({ content }) => content)]);
}
