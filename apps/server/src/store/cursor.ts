import { ApiError } from "@crucible/contract";

/** The cursor of a page that ends with this id. */
export function writeCursor(id: string): string {
  return Buffer.from(id).toString("base64url");
}

/** The id in a cursor. @throws ApiError invalid_cursor for what `writeCursor` did not make of such an id. */
export function readCursor(prefix: string, cursor: string): string {
  const id = Buffer.from(cursor, "base64url").toString();
  const [kind, ulid = ""] = id.split("_", 2);
  if (kind !== prefix || !/^[0-9A-HJKMNP-TV-Z]{26}$/.test(ulid) || writeCursor(id) !== cursor) {
    throw new ApiError("invalid_cursor", "cursor must be the nextCursor of an earlier page", { field: "cursor" });
  }
  return id;
}
