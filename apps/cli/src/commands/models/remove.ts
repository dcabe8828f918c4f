import { removeModel } from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import { type Io, write } from "../../io.ts";

/** Removes a model, or one revision of it. */
export async function removeCommand(
  io: Io,
  name: string,
  { revision, json }: { readonly revision?: string; readonly json?: boolean },
): Promise<number> {
  const revisions = await removeModel(name, dataDirectory(io), revision);
  const text = revisions.map((commit) => `removed ${name} at ${commit}\n`).join("");
  await write(io.stdout, json === true ? `${JSON.stringify({ name, removed: revisions })}\n` : text);
  return 0;
}
