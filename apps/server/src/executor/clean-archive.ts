import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ApiError } from "@crucible/contract";
import { readTar, TarError, writeTar, type TarEntry, type TarMember } from "@crucible/sandbox";

/** Whether a directory on the way to `path` is one of these links: what follows it would land elsewhere. */
function leadsThrough(path: string, links: ReadonlySet<string>): boolean {
  const names = path.split("/");
  return names.some((_name, index) => index > 0 && links.has(names.slice(0, index).join("/")));
}

async function toMember({ path, kind, mode, modifiedS, linkPath, content }: TarEntry): Promise<TarMember> {
  switch (kind) {
    case "file":
      return { kind, path, mode, modifiedS, content: await buffer(Readable.from(content)) };
    case "directory":
      return { kind, path, mode, modifiedS };
    default:
      return { kind, path, linkPath: linkPath ?? "" };
  }
}

/**
 * An archive that a sandbox made, read as an enemy's and written afresh: it has no absolute or climbing name, no
 * device, no set-user-id bit, and nothing that passes through a link. Symbolic links themselves stay as they are.
 * @throws ApiError `bad_archive`, `output_limit`
 */
export async function cleanArchive(archive: Uint8Array): Promise<Uint8Array> {
  const members: TarMember[] = [];
  const links = new Set<string>();
  try {
    for await (const entry of readTar(Readable.from([archive]))) {
      if (leadsThrough(entry.path, links)) throw new TarError("bad_path", `${entry.path} leads through a link`);
      if (entry.kind === "symlink") links.add(entry.path);
      members.push(await toMember(entry));
    }
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    const isLarge = error.fault === "too_large" || error.fault === "too_many_entries";
    throw new ApiError(isLarge ? "output_limit" : "bad_archive", `the archive was refused: ${error.message}`);
  }
  return writeTar(members);
}
