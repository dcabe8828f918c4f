import { SpecError } from "../errors.ts";
import type { SourceFile } from "../types.ts";

/** Linux: PATH_MAX is 4096 with the sandbox's own prefix; nobody needs a tenth of it. */
const MAX_PATH_BYTES = 255;
const MAX_FILES = 256;
/** Each is two of the 9,000 arguments that bwrap takes. */
const MAX_DIRECTORIES = 1024;

/** Why `path` may not be used inside the working directory, or null when it may. */
function pathFault(path: string): string | null {
  if (path === "") return "must not be empty";
  if (path.includes("\0")) return "must not hold NUL";
  if (!path.isWellFormed()) return "must be Unicode text";
  if (path.startsWith("/")) return "must be relative";
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `must be at most ${MAX_PATH_BYTES} bytes long`;
  const segments = path.split("/");
  if (segments.includes("..")) return "must not climb out with `..`";
  if (segments.some((segment) => segment === "" || segment === ".")) return "must not hold empty or `.` segments";
  return null;
}

/**
 * Checks names only: nothing here touches a file system.
 * @throws SpecError `invalid_field` with the path of the offending field.
 */
export function checkFiles(files: readonly SourceFile[]): void {
  if (files.length === 0) throw new SpecError("invalid_field", "files", "files must hold at least one file");
  if (files.length > MAX_FILES)
    throw new SpecError("invalid_field", "files", `files must hold at most ${MAX_FILES} files`);
  const seen = new Set<string>();
  const directories = new Set<string>();
  for (const [index, { path }] of files.entries()) {
    const field = `files[${index}].path`;
    const fault = pathFault(path);
    if (fault !== null) throw new SpecError("invalid_field", field, `${field} ${fault}`);
    if (seen.has(path)) throw new SpecError("invalid_field", field, `${field} is given twice`);
    seen.add(path);
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) directories.add(path.slice(0, end));
  }
  if (directories.size > MAX_DIRECTORIES) {
    throw new SpecError("invalid_field", "files", `files must need at most ${MAX_DIRECTORIES} directories`);
  }
  for (const [index, { path }] of files.entries()) {
    if (directories.has(path)) {
      throw new SpecError(
        "invalid_field",
        `files[${index}].path`,
        `files[${index}].path is also a directory of another file`,
      );
    }
  }
}
