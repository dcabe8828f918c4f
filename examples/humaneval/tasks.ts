import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";

/** One line of a HumanEval file (github.com/openai/human-eval). */
export interface Task {
  readonly task_id: string;
  /** Imports, and the function's head with its doc string. */
  readonly prompt: string;
  /** The function's name. */
  readonly entry_point: string;
  /** The function's body. */
  readonly canonical_solution: string;
  /** Python code with a function `check(candidate)` that raises when the candidate is wrong. */
  readonly test: string;
}

/** Far above the real file's 0.2 MB; keeps a hostile one from filling the memory. */
const MAX_BYTES = 64 * 1024 * 1024;
const FIELDS = ["task_id", "prompt", "entry_point", "canonical_solution", "test"] as const;

/**
 * Reads a HumanEval file, plain or gzip.
 * @throws Error naming the line that is no task.
 */
export async function readTasks(path: string): Promise<Task[]> {
  const bytes = await readFile(path);
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const text = (packed ? gunzipSync(bytes, { maxOutputLength: MAX_BYTES }) : bytes).toString("utf8");
  return text.split("\n").flatMap((line, i) => (line.trim() === "" ? [] : [parseTask(line, i + 1)]));
}

function parseTask(line: string, number: number): Task {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new Error(`line ${number} is not JSON`, { cause });
  }
  const fields = value as Record<string, unknown>;
  const missing = FIELDS.find((field) => typeof fields[field] !== "string");
  if (missing !== undefined) throw new Error(`line ${number} has no text in ${missing}`);
  return value as Task;
}
