import { createHash } from "node:crypto";
import { join } from "node:path";
import { ModelStoreError, printable } from "./errors.ts";
import { COMMIT, isPlainPath, MANIFEST_FILE, nameText, parseModelName } from "./names.ts";
import { readBeginning } from "./small-file.ts";

/** One file of an installed model. */
export interface InstalledFile {
  /** Below the model's folder, with `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Where a model came from. `repository` differs from the model's name where the hub had moved it. */
export type ModelSource =
  | { readonly kind: "hub"; readonly endpoint: string; readonly repository: string }
  | { readonly kind: "import" };

/** `crucible-model.json`: what is installed, and from where. */
export interface ModelManifest {
  /** Of the format. */
  readonly version: 1;
  /** `ORG/NAME`, as asked for. */
  readonly name: string;
  /** The commit; 40 hexadecimal digits of a digest over all files for an import that knew none. */
  readonly revision: string;
  /** What was asked for: a branch, a tag, or the commit. */
  readonly requested: string;
  readonly source: ModelSource;
  /** As its publisher names it; null when they did not. */
  readonly licence: string | null;
  /** Time of the installation, ISO 8601. */
  readonly installedAt: string;
  /** Sorted by path. */
  readonly files: readonly InstalledFile[];
}

/** A manifest has one short line per file. */
const MAX_BYTES = 1024 * 1024;

/** The text of a manifest. */
export const manifestText = (manifest: ModelManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

/** Stands for the revision of files that came without one: it changes with any of them. */
export function contentRevision(files: readonly InstalledFile[]): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).toSorted();
  return createHash("sha256").update(lines.join("")).digest("hex").slice(0, 40);
}

/**
 * Reads the manifest in a folder; null where there is none.
 * @throws ModelStoreError `model_damaged` when it is not one.
 */
export async function readManifest(folder: string): Promise<ModelManifest | null> {
  const path = join(folder, MANIFEST_FILE);
  const bytes = await readBeginning(path, MAX_BYTES + 1).catch(() => Buffer.alloc(0));
  if (bytes === null) return null;
  const parsed = bytes.length > MAX_BYTES ? undefined : parse(bytes.toString("utf8"));
  if (parsed !== undefined) return parsed;
  throw new ModelStoreError("model_damaged", `${path} is no manifest of a model`, "remove the model and pull it again");
}

function parse(text: string): ModelManifest | undefined {
  try {
    const value = JSON.parse(text) as ModelManifest;
    const { version, name, revision, requested, source, licence, installedAt, files } = value;
    const isSource =
      source.kind === "import" || (source.kind === "hub" && [source.endpoint, source.repository].every(isPlainText));
    const isSound =
      version === 1 &&
      nameText(parseModelName(name)) === name &&
      COMMIT.test(revision) &&
      [requested, installedAt, licence ?? ""].every(isPlainText) &&
      isSource &&
      Array.isArray(files) &&
      files.every(isInstalledFile);
    return isSound ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What is shown to people must not drive their terminal. */
function isPlainText(value: unknown): boolean {
  return typeof value === "string" && value.length <= 300 && printable(value, 300) === value;
}

function isInstalledFile({ path, sizeBytes, sha256 }: InstalledFile): boolean {
  return isPlainPath(path) && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0 && /^[0-9a-f]{64}$/.test(sha256);
}
