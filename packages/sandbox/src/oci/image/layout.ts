import { createHash } from "node:crypto";
import { createReadStream, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";

/** What is wrong with an image on disk; the operator's to mend. */
export class ImageError extends Error {
  readonly code = "bad_image";
  constructor(message: string) {
    super(message);
    this.name = "ImageError";
  }
}

/** OCI image specification 1.1, descriptor.md. */
interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture?: string; readonly os?: string };
}

/** The one image of a layout that fits this host. */
export interface Image {
  /** `sha256:<hex>` of its manifest: names its content. */
  readonly digest: string;
  readonly layers: readonly Descriptor[];
}

/** Manifests and indexes are read whole. */
const DOCUMENT_BYTES = 4 * 1024 * 1024;
/** An index may point to indexes; images have one or two in a row. */
const MOST_INDEXES = 4;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** True for a directory that says it is an image layout. */
export function isImageLayout(dir: string): boolean {
  return lstatSync(join(dir, "oci-layout"), { throwIfNoEntry: false })?.isFile() === true;
}

function descriptorOf(value: unknown): Descriptor {
  const { mediaType, digest, size, platform } = (value ?? {}) as Partial<Descriptor>;
  if (typeof mediaType !== "string" || typeof digest !== "string" || !Number.isSafeInteger(size) || Number(size) < 0) {
    throw new ImageError("a descriptor without media type, digest or size");
  }
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new ImageError(`digest ${JSON.stringify(digest)} is not SHA-256`);
  return { mediaType, digest, size: Number(size), ...(platform === undefined ? {} : { platform }) };
}

const blobPath = (dir: string, digest: string): string => join(dir, "blobs", "sha256", digest.slice("sha256:".length));

function readDocument(path: string, expected: Descriptor | null): Readonly<Record<string, unknown>> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new ImageError(`${path} is missing, or no file`);
  if (stat.size > DOCUMENT_BYTES) throw new ImageError(`${path} has over ${DOCUMENT_BYTES} bytes`);
  const bytes = readFileSync(path);
  if (expected !== null && `sha256:${createHash("sha256").update(bytes).digest("hex")}` !== expected.digest) {
    throw new ImageError(`${path} is not what its digest says`);
  }
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new ImageError(`${path} is no JSON object`);
}

function fits({ platform }: Descriptor): boolean {
  return platform === undefined || (platform.os === "linux" && platform.architecture === ARCHITECTURES[process.arch]);
}

/**
 * Finds the image for this host in an OCI image layout (image-layout.md, 1.1).
 * @throws ImageError for a layout without one, or with several that fit.
 */
export function readImageLayout(dir: string): Image {
  let document = readDocument(join(dir, "index.json"), null);
  let digest = "";
  for (let depth = 0; Array.isArray(document["manifests"]); depth += 1) {
    if (depth === MOST_INDEXES) throw new ImageError("indexes that point to indexes without end");
    const fitting = document["manifests"].map(descriptorOf).filter(fits);
    const [only] = fitting;
    if (only === undefined || fitting.length > 1) {
      throw new ImageError(`${dir} holds ${fitting.length} images for this host: exactly one is needed`);
    }
    document = readDocument(blobPath(dir, only.digest), only);
    ({ digest } = only);
  }
  const layers = document["layers"];
  if (digest === "" || !Array.isArray(layers)) throw new ImageError(`${dir} holds no image manifest`);
  return { digest, layers: layers.map(descriptorOf) };
}

/** The consumer sees the error. */
const ignore = (): void => undefined;

/**
 * The layer's archive, unpacked. That the digest is right is known only at the end.
 * @throws ImageError while it is read, for a layer that is not what its descriptor says.
 */
export async function* readLayer(dir: string, layer: Descriptor): AsyncGenerator<Uint8Array> {
  const { mediaType, digest } = layer;
  const path = blobPath(dir, digest);
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true || stat.size !== layer.size) {
    throw new ImageError(`layer ${digest} is missing, or has another size`);
  }
  const hash = createHash("sha256");
  const source = createReadStream(path);
  source.on("data", (chunk) => hash.update(chunk));
  source.pause();
  if (/[+.]gzip$/.test(mediaType)) yield* pipeline(source, createGunzip(), ignore);
  else if (mediaType.endsWith("+zstd")) yield* pipeline(source, createZstdDecompress(), ignore);
  else if (mediaType.endsWith(".tar")) yield* source;
  else throw new ImageError(`layers of kind ${JSON.stringify(mediaType)} are not known`);
  if (`sha256:${hash.digest("hex")}` !== digest) throw new ImageError(`layer ${digest} is not what its digest says`);
}
