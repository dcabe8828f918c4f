import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { Outcome } from "@crucible/contract";
import { z } from "zod";
import { DEFAULT_LINE_BOUNDS, readLines } from "./lines.ts";

/** One line of `--out`. */
export const BatchResult = z.object({
  id: z.string(),
  line: z.number().int(),
  digest: z.string(),
  runId: z.string().nullable(),
  /** Null when nothing was expected. */
  passed: z.boolean().nullable(),
  mismatches: z.array(z.string()),
  outcome: Outcome,
});
export type BatchResult = z.infer<typeof BatchResult>;

/** What a summary needs to know of a result; a million of them fit in memory. */
export type Verdict = Pick<BatchResult, "passed"> & { readonly status: Outcome["status"] };

/** Nothing was learnt about the program, so a resumed batch runs it again. */
const isInconclusive = (status: Outcome["status"]): boolean => status === "sandbox_failed" || status === "cancelled";

/** Where results go. `done` holds what earlier runs of the batch left, by `key`. */
export interface ResultFile extends AsyncDisposable {
  readonly done: ReadonlyMap<string, Verdict>;
  /** Lines of the file that are no results; they stay where they are. */
  readonly unreadable: number;
  /** In the file when it returns. */
  append(result: BatchResult): Promise<void>;
}

/** What makes a line of the input the same as one of an earlier run. */
export const keyOf = (item: Pick<BatchResult, "id" | "digest">): string => `${item.id}\0${item.digest}`;

/**
 * Opens `path` to append to, makes it when missing, and reads what is there.
 * A last line without its newline was half written when the power went: it is cut off, and its program runs again.
 */
export async function openResults(path: string): Promise<ResultFile> {
  const file = await open(path, "a+");
  try {
    await cutHalfLine(file);
    const done = new Map<string, Verdict>();
    let unreadable = 0;
    for await (const { text } of readLines(path, { ...DEFAULT_LINE_BOUNDS, totalBytes: Number.MAX_SAFE_INTEGER })) {
      const result = BatchResult.safeParse(jsonOrNull(text));
      if (!result.success) unreadable++;
      else if (!isInconclusive(result.data.outcome.status)) {
        done.set(keyOf(result.data), { passed: result.data.passed, status: result.data.outcome.status });
      }
    }
    return {
      done,
      unreadable,
      async append(result) {
        // One write per line, so that a crash can only leave the last one half written.
        await file.appendFile(`${JSON.stringify(result)}\n`);
      },
      async [Symbol.asyncDispose]() {
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function cutHalfLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  const block = Buffer.alloc(64 * 1024);
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await file.read(block, 0, end - start, start);
    const newline = block.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline !== -1) {
      end = start + newline + 1;
      break;
    }
    end = start;
  }
  if (end !== size) await file.truncate(end);
}
