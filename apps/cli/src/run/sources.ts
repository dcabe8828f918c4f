import { readFile } from "node:fs/promises";
import { basename, dirname, extname, posix, relative, resolve, sep } from "node:path";
import type { Language, RunRequestInput } from "@crucible/contract";
import { encodeBytes } from "../encode.ts";
import { nearest } from "../nearest.ts";
import { CliProblem } from "../problem.ts";

type FileInput = NonNullable<RunRequestInput["files"]>[number];

/**
 * The path that a file gets in the sandbox: as it lies below the program's own directory,
 * or its bare name when it lies elsewhere.
 */
export function sandboxPath(file: string, programDirectory: string): string {
  const below = relative(programDirectory, file);
  const outside = below === "" || below.startsWith("..") || resolve(below) === below;
  return outside ? basename(file) : below.split(sep).join(posix.sep);
}

/** Reads the program (the first) and its other files. Two files with the same place in the sandbox are refused. */
export async function readSources(program: string, others: readonly string[], cwd: string): Promise<FileInput[]> {
  const main = resolve(cwd, program);
  const files: FileInput[] = [];
  for (const file of [main, ...others.map((other) => resolve(cwd, other))]) {
    const path = sandboxPath(file, dirname(main));
    if (files.some((other) => other.path === path)) {
      throw new CliProblem(`two files would both be ${path} in the sandbox`, "rename one of them");
    }
    const { text, encoding } = encodeBytes(await readFile(file));
    files.push({ path, content: text, encoding });
  }
  return files;
}

/**
 * The language of a program: the one named, or the one whose extension the file has.
 * A name the list does not have is passed on, so that the backend's own error says what is wrong with it.
 */
export function chooseLanguage(file: string, named: string | undefined, languages: readonly Language[]): string {
  if (named !== undefined) {
    const known = languages.some(({ name, aliases }) => name === named || aliases.includes(named));
    if (known) return named;
    const near = nearest(
      named,
      languages.flatMap(({ name, aliases }) => [name, ...aliases]),
    );
    throw new CliProblem(
      `there is no language ${JSON.stringify(named)} here`,
      near === null ? "see `crucible languages`" : `did you mean ${near}? All of them: crucible languages`,
    );
  }
  const extension = extname(file).toLowerCase();
  const matching = languages.find(({ extensions }) =>
    extensions.some((known) => `.${known.replace(/^\./, "").toLowerCase()}` === extension),
  );
  if (matching !== undefined) return matching.name;
  throw new CliProblem(
    extension === ""
      ? `${file} has no extension that names a language`
      : `no language here has files ending in ${extension}`,
    "name it with --language; `crucible languages` lists those that are installed",
  );
}
