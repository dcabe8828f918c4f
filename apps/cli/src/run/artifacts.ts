import { constants } from "node:fs";
import { lstat, mkdir, open, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { Artifacts, Outcome } from "@crucible/contract";
import { decodeText } from "../encode.ts";
import { CliProblem } from "../problem.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** @throws CliProblem unless `directory` is empty or not there. Nothing is made. */
export async function checkOutDirectory(directory: string): Promise<void> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw new CliProblem(`${directory} is no directory that can be read`, "name one that is empty or not there", {
      cause: error,
    });
  });
  if (names.length > 0) throw new CliProblem(`${directory} is not empty`, "name one that is empty or not there");
}

/** Names between the slashes. @throws CliProblem for a path that could lead out, whoever sent it. */
function namesOf(path: string): string[] {
  const names = path.split("/");
  if (path.includes("\0") || names.some((name) => name === "" || name === "." || name === ".."))
    throw new CliProblem(`a file that came back has the path ${JSON.stringify(path)}`, "do not trust this server");
  return names;
}

/**
 * Writes the files of a run below `directory`, which is made if it is not there. Nothing that is there is written
 * over, and no link is followed below it.
 * @throws CliProblem for a directory that is not empty, or a path that could lead out of it: nothing is written then.
 */
export async function writeArtifacts(directory: string, { files }: Artifacts): Promise<void> {
  const targets = files.map((file) => ({ file, names: namesOf(file.path) }));
  await mkdir(directory, { recursive: true });
  await checkOutDirectory(directory);
  const root = await realpath(directory);
  for (const { file, names } of targets) {
    let parent = root;
    for (const name of names.slice(0, -1)) {
      parent = join(parent, name);
      await mkdir(parent).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
      if (!(await lstat(parent)).isDirectory()) throw new CliProblem(`${parent} is not a directory`, null);
    }
    const target = join(parent, names.at(-1) ?? "");
    await using handle = await open(target, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o644);
    await handle.writeFile(decodeText(file.content, file.encoding));
  }
}

/** The files of an outcome. @throws CliProblem where the server knows nothing of them. */
export function artifactsOf({ artifacts }: Outcome): Artifacts {
  if (artifacts !== undefined) return artifacts;
  throw new CliProblem("the answer says nothing of files", "the server is older than this command");
}

/** Lines for people: what of `out` is not there. Names are quoted: they are the program's. */
export function artifactNotes({ leftOut, incomplete }: Artifacts): string[] {
  const notes = leftOut.slice(0, 10).map(({ path, reason }) => `left out ${JSON.stringify(path)}: ${reason}`);
  if (leftOut.length > 10) notes.push(`left out ${leftOut.length - 10} more; --json names them`);
  if (incomplete !== null) notes.push(incomplete);
  return notes;
}
