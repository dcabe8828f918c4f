import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./steps.ts";

/** A text file of the repository; `path` is relative to its root, with `/`. */
export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
}

/** Every file that git tracks or would track, but not those deleted in the work tree. Sorted by path. */
export function repositoryFiles(accept: (path: string) => boolean): RepositoryFile[] {
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "" && accept(path)).toSorted();
  return paths.flatMap((path) => {
    try {
      return [{ path, text: readFileSync(join(ROOT, path), "utf8") }];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

/** The line (from 1) of a position in a text. */
export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Prints what a check found and sets the exit code. */
export function report(what: string, findings: readonly string[]): void {
  for (const finding of findings) console.log(finding);
  console.log(findings.length === 0 ? `${what}: clean` : `${what}: ${findings.length} found`);
  if (findings.length > 0) process.exitCode = 1;
}
