import { listModels, modelsFolder } from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import { type Io, write } from "../../io.ts";
import { table } from "../../table.ts";
import { formatBytes } from "../../units.ts";
import { sizeOf } from "./text.ts";

/** Lists what is installed; a `*` marks the revision that the name alone stands for. */
export async function listCommand(io: Io, { json }: { readonly json?: boolean }): Promise<number> {
  const models = await listModels(modelsFolder(dataDirectory(io)));
  if (json === true) {
    await write(io.stdout, `${JSON.stringify({ models })}\n`);
    return 0;
  }
  const rows = models.map(({ name, revision, current, manifest }) => [
    current ? "*" : "",
    name,
    revision.slice(0, 12),
    manifest === null ? "?" : formatBytes(sizeOf(manifest)),
    manifest === null ? "damaged: no manifest" : (manifest.licence ?? "not named"),
  ]);
  const none = "no models are installed; crucible models pull ORG/NAME fetches one\n";
  await write(io.stdout, rows.length === 0 ? none : table(["", "MODEL", "REVISION", "SIZE", "LICENCE"], rows));
  return 0;
}
