import { resolve } from "node:path";
import { importModel } from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import { interruptible, type Io, write } from "../../io.ts";
import { installedText } from "./text.ts";

/** The options of `crucible models import`, parsed. */
export interface ImportOptions {
  readonly name?: string;
  readonly revision?: string;
  readonly licence?: string;
  readonly include: readonly string[];
  readonly json?: boolean;
}

/** Installs a model from a folder. */
export async function importCommand(io: Io, path: string, { json, ...options }: ImportOptions): Promise<number> {
  using interrupt = interruptible(io);
  const { folder, manifest, fetched } = await importModel({
    ...options,
    folder: resolve(io.cwd, path),
    dataDir: dataDirectory(io),
    signal: interrupt.signal,
  });
  const text =
    json === true ? `${JSON.stringify({ folder, fetched, ...manifest })}\n` : installedText(folder, manifest, fetched);
  await write(io.stdout, text);
  return 0;
}
