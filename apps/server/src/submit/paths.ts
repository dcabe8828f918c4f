import { ApiError, type RunRequest } from "@crucible/contract";

/** Longest name of one directory entry on Linux, bytes (limits.h, NAME_MAX). */
const SEGMENT_BYTES = 255;

/**
 * Checks the names of a program's files, so that unpacking can neither climb out nor collide.
 * @throws ApiError `invalid_path`, `invalid_request`
 */
export function checkPaths(request: RunRequest): void {
  const paths = new Map<string, number>();
  for (const [index, file] of (request.files ?? []).entries()) {
    const field = `files[${index}].path`;
    checkPath(file.path, field);
    const earlier = paths.get(file.path);
    if (earlier !== undefined)
      throw invalid(field, `${field} is the same as files[${earlier}].path; give each file its own`);
    paths.set(file.path, index);
  }
  for (const [path, index] of paths) {
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      const other = paths.get(path.slice(0, cut));
      if (other !== undefined) {
        throw invalid(
          `files[${other}].path`,
          `files[${other}].path is a file, but files[${index}].path needs it as a directory`,
        );
      }
    }
  }
  if (request.entry === undefined) return;
  checkPath(request.entry, "entry");
  if (request.files !== undefined && !paths.has(request.entry)) {
    throw new ApiError("invalid_request", "entry must be the path of one of the files", { field: "entry" });
  }
}

function checkPath(path: string, field: string): void {
  if (path === "") throw invalid(field, `${field} must not be empty`);
  if (path.includes("\0")) throw invalid(field, `${field} must not hold NUL`);
  if (!path.isWellFormed()) throw invalid(field, `${field} must be valid Unicode`);
  if (path.startsWith("/")) throw invalid(field, `${field} must be relative, such as src/main.py`);
  for (const segment of path.split("/")) {
    if (segment === "" || segment === "." || segment === "..") {
      throw invalid(field, `${field} must not have empty, "." or ".." segments; write it as src/main.py`);
    }
    if (Buffer.byteLength(segment) > SEGMENT_BYTES)
      throw invalid(field, `${field} has a name of more than ${SEGMENT_BYTES} bytes`);
  }
}

function invalid(field: string, message: string): ApiError {
  return new ApiError("invalid_path", message, { field });
}
