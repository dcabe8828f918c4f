// Runs inside, before the program: reads frames from standard input. What follows the last frame is the program's
// own standard input. Everything here may be tampered with by the program; nothing outside trusts any of it.

const fill = (bytes) => {
  for (let at = 0; at < bytes.length;) {
    const count = Deno.stdin.readSync(bytes.subarray(at));
    // Nobody sends a program any more: the engine was closed, or its process has ended.
    if (count === null) Deno.exit(0);
    at += count;
  }
  return bytes;
};

/** A frame: length of the header (4 bytes, big-endian), header (JSON with `parts`: lengths), then the parts. */
export const readFrame = () => {
  const length = new DataView(fill(new Uint8Array(4)).buffer).getUint32(0);
  const header = JSON.parse(new TextDecoder().decode(fill(new Uint8Array(length))));
  return { header, parts: header.parts.map((partLength) => fill(new Uint8Array(partLength))) };
};

/** The one byte that the engine waits for: from here on a program may come. */
export const sayReady = () => Deno.stdout.writeSync(Uint8Array.of(10));

/** Where the program is, as it sees it. */
export const WORKING_DIRECTORY = "/box/cwd";
