import { constants } from "node:fs";
import { link, lstat, mkdir, open, readdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readTar } from "../../tar/read.ts";
import { TarError } from "../../tar/types.ts";
import type { TarEntry, TarLimits } from "../../tar/types.ts";

/** An image holds a whole system. */
const IMAGE_LIMITS = {
  entries: 500_000,
  fileBytes: 2 * 1024 ** 3,
  totalBytes: 16 * 1024 ** 3,
  pathBytes: 4_096,
} as const satisfies TarLimits;

/** OCI image specification 1.1, layer.md, "Whiteouts": a file that removes another, or all that a directory had. */
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

async function kindOf(path: string): Promise<"missing" | "directory" | "file" | "other"> {
  try {
    const stat = await lstat(path);
    if (stat.isDirectory()) return "directory";
    return stat.isFile() ? "file" : "other";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    throw error;
  }
}

/** Makes what is missing on the way to `path`, and refuses a way that leads through a link: it could lead outside. */
async function makeWay(root: string, path: string): Promise<void> {
  let way = root;
  for (const name of dirname(path).split("/")) {
    if (name === ".") continue;
    way = join(way, name);
    const kind = await kindOf(way);
    if (kind === "missing") await mkdir(way, { mode: 0o755 });
    else if (kind !== "directory")
      throw new TarError("bad_path", `${JSON.stringify(path)} leads through a link or a file`);
  }
}

/** Never follows a link that is already there: it fails instead. */
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

async function writeFile(target: string, { content, mode }: TarEntry): Promise<void> {
  const file = await open(target, NEW_FILE, 0o600);
  try {
    for await (const piece of content) await file.writeFile(piece);
    await file.chmod(mode);
  } finally {
    await file.close();
  }
}

/** True when the entry was a whiteout, and has been carried out. */
async function removeHidden(target: string, name: string): Promise<boolean> {
  if (!name.startsWith(WHITEOUT)) return false;
  const folder = dirname(target);
  if (name === OPAQUE) {
    for (const left of await readdir(folder)) await rm(join(folder, left), { recursive: true, force: true });
    return true;
  }
  const hidden = name.slice(WHITEOUT.length);
  if (["", ".", ".."].includes(hidden)) throw new TarError("bad_path", "a whiteout of nothing");
  await rm(join(folder, hidden), { recursive: true, force: true });
  return true;
}

async function unpackEntry(root: string, entry: TarEntry): Promise<void> {
  const { path, kind } = entry;
  const linkPath = entry.linkPath ?? "";
  await makeWay(root, path);
  const target = join(root, path);
  if (await removeHidden(target, path.split("/").at(-1) ?? "")) return;
  if (kind === "directory" && (await kindOf(target)) === "directory") return;
  if (kind === "hardlink") {
    await makeWay(root, linkPath);
    if (linkPath === path || (await kindOf(join(root, linkPath))) !== "file") {
      throw new TarError("bad_path", `${JSON.stringify(path)} is a hard link to something that is no other file`);
    }
  }
  await rm(target, { recursive: true, force: true });
  switch (kind) {
    case "directory":
      return await mkdir(target, { mode: 0o755 });
    case "symlink":
      return await symlink(linkPath, target);
    case "hardlink":
      return await link(join(root, linkPath), target);
    case "file":
      return await writeFile(target, entry);
    default:
      return kind satisfies never;
  }
}

/**
 * Unpacks one layer over what is in `root`, a directory in which no program runs. Nothing is written outside of it,
 * whatever the archive says: no way leads through a link. Everything belongs to this process's user; directories
 * can be entered by all, devices are left out, and no file has set-user-id.
 * @throws TarError for an archive that is not a layer; `root` must then be thrown away.
 */
export async function unpackLayer(layer: AsyncIterable<Uint8Array>, root: string): Promise<void> {
  for await (const entry of readTar(layer, { limits: IMAGE_LIMITS, skipsDevices: true })) {
    await unpackEntry(root, entry);
  }
}
