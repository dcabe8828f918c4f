import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "./steps.ts";

/** A text file of the repository; `path` is relative to its root, with `/`. */
export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
}

/** What git would list, or, in a copy without git, every file outside the folders that .gitignore names. */
function listedPaths(): string[] {
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  // The clone may belong to another user than the one who runs the checks.
  const git = spawnSync("git", ["-c", "safe.directory=*", ...list], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (git.status === 0) return [...new Set(git.stdout.split("\0"))].filter((path) => path !== "");
  const ignored = /(^|\/)(node_modules|\.git|\.bootstrap|\.crucible|test-results|bench-results)(\/|$)/;
  return readdirSync(ROOT, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !ignored.test(path));
}

/** Every text file of the repository, but not those deleted in the work tree. Sorted by path. */
export function repositoryFiles(accept: (path: string) => boolean): RepositoryFile[] {
  const paths = listedPaths().filter(accept).toSorted();
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
