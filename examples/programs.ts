/**
 * The repository's own data set: small programs in many languages, each with what it should do.
 * `node examples/programs.ts > programs.jsonl` writes it as a file for `crucible batch`.
 */
import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/** One row of `programs/manifest.json`; paths are relative to `programs/`. */
interface Row {
  readonly id: string;
  readonly language: string;
  /** The first is the program; the others lie beside or below it. */
  readonly files: readonly [string, ...string[]];
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, number>>;
  readonly expected: {
    readonly status: string;
    readonly exitCode?: number;
    readonly stdout?: string;
    readonly stdoutEncoding?: "utf8" | "base64";
    /** Where the output is too long to stand in the manifest. */
    readonly stdoutFile?: string;
  };
}

/** A run request with an id and an expectation: one line of a batch file. */
export interface ProgramRun {
  readonly id: string;
  readonly language: string;
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly args?: readonly string[];
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, number>>;
  readonly expected: Omit<Row["expected"], "stdoutFile">;
}

const FOLDER = join(import.meta.dirname, "programs");

/** Reads the whole data set. */
export async function loadPrograms(): Promise<ProgramRun[]> {
  const rows = JSON.parse(await readFile(join(FOLDER, "manifest.json"), "utf8")) as Row[];
  return await Promise.all(
    rows.map(async ({ files, expected: { stdoutFile, ...expected }, ...row }) => ({
      ...row,
      files: await Promise.all(
        files.map(async (file) => ({
          path: relative(dirname(files[0]), file),
          content: await readFile(join(FOLDER, file), "utf8"),
        })),
      ),
      expected:
        stdoutFile === undefined ? expected : { ...expected, stdout: await readFile(join(FOLDER, stdoutFile), "utf8") },
    })),
  );
}

if (import.meta.filename === process.argv[1]) {
  for (const program of await loadPrograms()) process.stdout.write(`${JSON.stringify(program)}\n`);
}
