import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
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

async function isGzip(file: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  return bytesRead === 2 && GZIP_MAGIC.every((byte, i) => buffer[i] === byte);
}

/**
 * The lines of a plain or gzip-packed file (told by its first bytes, not its name), never all in memory.
 * @throws CliProblem for a broken gzip file, or one over the bounds.
 */
export async function* readLines(path: string, bounds: LineBounds): AsyncGenerator<NumberedLine> {
  await using file = await open(path, "r");
  const packed = await isGzip(file);
  const source = file.createReadStream({ start: 0, autoClose: false });
  const stream: Readable = packed ? source.pipe(createGunzip()) : source;
  source.on("error", (error) => stream.destroy(error));
  try {
    yield* splitLines(stream, path, bounds);
  } catch (error) {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    if (code !== undefined && (code.startsWith("Z_") || code.startsWith("ERR_ZLIB"))) {
      throw new CliProblem(`${path} is not a whole gzip file`, "fetch or write it again", { cause: error });
    }
    throw error;
  } finally {
    stream.destroy();
    source.destroy();
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
