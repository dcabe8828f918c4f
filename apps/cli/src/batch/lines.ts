import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { createGunzip } from "node:zlib";
import { CliProblem } from "../problem.ts";

/** How much a batch file may hold once unpacked: a gzip file of a few megabytes can unpack to terabytes. */
export interface LineBounds {
  readonly lineBytes: number;
  readonly totalBytes: number;
}

export const DEFAULT_LINE_BOUNDS = {
  // Server bodies are bounded well below this; a longer line cannot be accepted anywhere.
  lineBytes: 32 * 1024 * 1024,
  totalBytes: 8 * 1024 * 1024 * 1024,
} as const satisfies LineBounds;

/** A line of a file; numbers start at 1. Blank lines are left out but counted. */
export interface NumberedLine {
  readonly number: number;
  readonly text: string;
}

const GZIP_MAGIC = [0x1f, 0x8b] as const;

/** The bytes of a stream, unpacked where they begin as gzip does: a name says less, and standard input has none. */
async function* unpacked(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < GZIP_MAGIC.length) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  };
  if (!GZIP_MAGIC.every((byte, i) => head[i] === byte)) yield* whole();
  else {
    const unzip = createGunzip();
    // What goes wrong on the way in comes out of `unzip` too.
    pipeline(whole, unzip, () => {});
    yield* unzip as AsyncIterable<Buffer>;
  }
}

/**
 * The lines of a plain or gzip-packed file, never all in memory.
 * @throws CliProblem for a broken gzip file, or one over the bounds.
 */
export async function* readLines(path: string, bounds: LineBounds): AsyncGenerator<NumberedLine> {
  await using file = await open(path, "r");
  const source = file.createReadStream({ start: 0, autoClose: false });
  try {
    yield* streamLines(source as AsyncIterable<Buffer>, path, bounds);
  } finally {
    source.destroy();
  }
}

/** The same for any byte stream; `name` is for messages. */
export async function* streamLines(
  source: AsyncIterable<Buffer>,
  name: string,
  bounds: LineBounds,
): AsyncGenerator<NumberedLine> {
  try {
    yield* splitLines(unpacked(source), name, bounds);
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code !== undefined && (code.startsWith("Z_") || code.startsWith("ERR_ZLIB"))) {
      throw new CliProblem(`${name} is not a whole gzip file`, "fetch or write it again", { cause: error });
    }
    throw error;
  }
}

/** Lines of any byte stream, read as UTF-8; a byte order mark at the start and `\r` at a line's end are dropped. */
export async function* splitLines(
  stream: AsyncIterable<Buffer | string>,
  name: string,
  bounds: LineBounds,
): AsyncGenerator<NumberedLine> {
  const decoder = new StringDecoder("utf8");
  let pending = "";
  let number = 0;
  let total = 0;
  const line = (text: string): NumberedLine | null => {
    number++;
    const clean = (number === 1 ? text.replace(/^\uFEFF/, "") : text).replace(/\r$/, "");
    return clean.trim() === "" ? null : { number, text: clean };
  };
  for await (const chunk of stream) {
    total += chunk.length;
    if (total > bounds.totalBytes) {
      throw new CliProblem(
        `${name} unpacks to more than ${bounds.totalBytes} bytes`,
        "split it, or raise the bound with --max-input",
      );
    }
    const parts = (pending + (typeof chunk === "string" ? chunk : decoder.write(chunk))).split("\n");
    pending = parts.pop() ?? "";
    for (const part of parts) {
      const read = line(part);
      if (read !== null) yield read;
    }
    if (pending.length > bounds.lineBytes) {
      throw new CliProblem(
        `line ${number + 1} of ${name} is over ${bounds.lineBytes} bytes`,
        "split it into smaller runs",
      );
    }
  }
  const last = line(pending + decoder.end());
  if (last !== null) yield last;
}
