import { ModelStoreError, printable } from "./errors.ts";

/** `ORG/NAME` in its two parts; each is safe as the name of a folder. */
export interface ModelName {
  readonly org: string;
  readonly name: string;
}

/** A revision that cannot change: a full Git commit. What was imported without one has a digest in its place. */
export const COMMIT = /^[0-9a-f]{40}$/;

/** One part of a name as hubs allow it. No leading dot: those names are the store's own. */
const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,95}$/;
/** One part of a file's path. Plain on purpose: nothing here needs spaces or other scripts. */
const PATH_PART = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$/;
/** What the store itself puts beside a model's files. */
export const MANIFEST_FILE = "crucible-model.json";

/** Reads `ORG/NAME`. @throws ModelStoreError */
export function parseModelName(text: string): ModelName {
  const [org = "", name = "", ...rest] = text.split("/");
  if (rest.length > 0 || !PART.test(org) || !PART.test(name) || text.includes("..")) {
    throw new ModelStoreError(
      "model_invalid",
      `${JSON.stringify(printable(text))} is no name of a model`,
      "give ORG/NAME, such as protectai/deberta-v3-base-prompt-injection-v2",
    );
  }
  return { org, name };
}

/** The other way. */
export const nameText = ({ org, name }: ModelName): string => `${org}/${name}`;

/** A branch, tag or commit. @throws ModelStoreError */
export function checkRevision(text: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}$/.test(text) && !text.includes("..")) return text;
  throw new ModelStoreError(
    "model_invalid",
    `${JSON.stringify(printable(text))} is no revision`,
    "give a branch, a tag, or a commit of 40 hexadecimal digits",
  );
}

/** Whether a path given by a stranger stays inside the folder that it is put into, and is not one of the store's own. */
export function isPlainPath(path: string): boolean {
  const parts = path.split("/");
  return parts.length <= 8 && parts.every((part) => PATH_PART.test(part)) && parts[0] !== MANIFEST_FILE;
}
