import { ModelStoreError, printable } from "../errors.ts";
import { COMMIT, isPlainPath, type ModelName, nameText, parseModelName } from "../names.ts";
import type { Hub } from "./hub.ts";
import { askJson } from "./request.ts";

/** What a hub says of one revision of a model. */
export interface HubRevision {
  /** Where it is now; not the name asked for where the hub has moved it. */
  readonly repository: ModelName;
  readonly commit: string;
  /** As the publisher names it, such as `apache-2.0`; null when they did not. */
  readonly licence: string | null;
  /** Whether terms must be accepted at the hub first: by anyone, or with the publisher's consent. */
  readonly gated: "no" | "automatic" | "manual";
}

/** How the content of a file is known before it is fetched: both are digests of all of it. */
export interface ExpectedHash {
  readonly kind: "sha256" | "git-sha1";
  readonly hex: string;
}

/** One file of a revision. */
export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly hash: ExpectedHash;
}

const invalid = (what: string): ModelStoreError =>
  new ModelStoreError("hub_reply_invalid", what, "check HF_ENDPOINT; do not use a model from a hub that does this");

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** Finds the commit that a branch, tag or commit of a model is, and its licence. */
export async function describeRevision(
  hub: Hub,
  model: ModelName,
  revision: string,
  signal: AbortSignal,
): Promise<HubRevision> {
  const url = new URL(`api/models/${nameText(model)}/revision/${encodeURIComponent(revision)}`, hub.endpoint);
  const { id, sha, gated, cardData, tags } = record((await askJson(hub, url, signal)).value);
  if (typeof sha !== "string" || !COMMIT.test(sha)) throw invalid(`${url.host} names no commit`);
  if (COMMIT.test(revision) && sha !== revision) throw invalid(`${url.host} answers with commit ${sha}`);
  const repository = typeof id === "string" ? parseModelName(id) : model;
  return { repository, commit: sha, licence: licenceOf(record(cardData), tags), gated: gatedOf(gated) };
}

function gatedOf(gated: unknown): HubRevision["gated"] {
  if (gated === "manual") return "manual";
  return gated === undefined || gated === null || gated === false ? "no" : "automatic";
}

/** From the model card; `other` has its name beside it. Hubs repeat it as a tag. */
function licenceOf(card: Readonly<Record<string, unknown>>, tags: unknown): string | null {
  const tag = Array.isArray(tags) ? tags.find((text) => typeof text === "string" && text.startsWith("license:")) : null;
  const named = card["license"] === "other" ? (card["license_name"] ?? "other") : card["license"];
  const licence: unknown = named ?? (typeof tag === "string" ? tag.slice("license:".length) : null);
  return typeof licence === "string" && licence !== "" ? printable(licence, 100) : null;
}

const MOST_PAGES = 20;
const MOST_ENTRIES = 10_000;

/** All files of a commit. A listing with a path that leaves its folder, with one path twice, or as file and folder, is refused as a whole. */
export async function listFiles(
  hub: Hub,
  repository: ModelName,
  commit: string,
  signal: AbortSignal,
): Promise<HubFile[]> {
  const files = new Map<string, HubFile>();
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const url = new URL(`api/models/${nameText(repository)}/tree/${commit}?recursive=true`, hub.endpoint);
    if (cursor !== null) url.searchParams.set("cursor", cursor);
    const { value, headers } = await askJson(hub, url, signal);
    if (!Array.isArray(value)) throw invalid(`${url.host} lists no files`);
    for (const entry of value) {
      const file = fileOf(record(entry));
      if (file === null) continue;
      if (files.has(file.path)) throw invalid(`${url.host} lists ${JSON.stringify(printable(file.path))} twice`);
      files.set(file.path, file);
    }
    if (files.size > MOST_ENTRIES) throw invalid(`${url.host} lists more than ${MOST_ENTRIES} files`);
    cursor = nextCursor(headers.get("link"), url);
    if (cursor === null) return apart([...files.values()], url.host);
  }
  throw invalid(`${hub.endpoint.host} lists files on more than ${MOST_PAGES} pages`);
}

/** No file can lie below another one. */
function apart(files: readonly HubFile[], host: string): HubFile[] {
  const paths = new Set(files.map(({ path }) => path));
  for (const { path } of files) {
    const parts = path.split("/");
    const above = parts.findIndex((_, depth) => depth > 0 && paths.has(parts.slice(0, depth).join("/")));
    if (above > 0) throw invalid(`${host} lists ${JSON.stringify(parts.slice(0, above).join("/"))} as file and folder`);
  }
  return [...files];
}

function fileOf({ type, path, size, oid, lfs }: Readonly<Record<string, unknown>>): HubFile | null {
  if (type === "directory") return null;
  if (typeof path !== "string" || path.length > 1024) throw invalid("the hub lists a file without a name");
  const climbs = path.split("/").some((part) => part === "" || part === "." || part === "..");
  if (climbs || /[\\\0]/.test(path))
    throw invalid(`the hub lists ${JSON.stringify(printable(path))}, which leaves its folder`);
  // Names that no model needs are left alone; so are the store's own.
  if (!isPlainPath(path)) return null;
  const large = record(lfs);
  const isLarge = typeof large["oid"] === "string";
  const sizeBytes = isLarge ? large["size"] : size;
  const hash = isLarge ? { kind: "sha256" as const, hex: large["oid"] } : { kind: "git-sha1" as const, hex: oid };
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0) throw invalid(`the hub gives no size for ${path}`);
  if (typeof hash.hex !== "string" || !/^[0-9a-f]+$/.test(hash.hex) || hash.hex.length !== (isLarge ? 64 : 40)) {
    throw invalid(`the hub gives no digest for ${path}`);
  }
  return { path, sizeBytes: sizeBytes as number, hash: { kind: hash.kind, hex: hash.hex } };
}

/** Only the cursor is taken from the link: where to ask next is not the hub's to say. */
function nextCursor(link: string | null, url: URL): string | null {
  const target = /<([^<>]*)>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return null;
  try {
    const cursor = new URL(target, url).searchParams.get("cursor");
    if (cursor !== null && cursor !== "") return cursor;
  } catch {
    // Told below.
  }
  throw invalid(`${url.host} links to a next page that is none`);
}
