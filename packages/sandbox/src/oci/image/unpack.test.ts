import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { instanceName } from "../../process/instance.ts";
import { writeTar } from "../../tar/write.ts";
import type { TarMember } from "../../tar/write.ts";
import { insideRoot } from "../inside-root.ts";
import { unpackedImage } from "./cache.ts";
import { readImageLayout } from "./layout.ts";
import { unpackLayer } from "./unpack.ts";

let top: string;
let root: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "unpack-test-"));
  root = join(top, "root");
  mkdirSync(root);
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

const file = (path: string, content = "", mode = 0o644): TarMember => ({
  kind: "file",
  path,
  content: Buffer.from(content),
  mode,
});
const symlink = (path: string, linkPath: string): TarMember => ({ kind: "symlink", path, linkPath });
const hardlink = (path: string, linkPath: string): TarMember => ({ kind: "hardlink", path, linkPath });
async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
const unpack = (...members: TarMember[]): Promise<void> => unpackLayer(whole(writeTar(members)), root);
const read = (path: string): string => readFileSync(join(root, path), "utf8");

describe("unpackLayer", () => {
  it("unpacks files, links and directories, and makes the ways to them", async () => {
    await unpack(file("deep/er/a", "1", 0o755), symlink("s", "/deep/er/a"), hardlink("h", "deep/er/a"));
    expect(read("deep/er/a")).toBe("1");
    expect(statSync(join(root, "deep/er/a")).mode & 0o7777).toBe(0o755);
    expect(lstatSync(join(root, "s")).isSymbolicLink()).toBe(true);
    expect(read("h")).toBe("1");
  });

  it("lays one layer over another: replaces, removes, and empties directories", async () => {
    await unpack(file("a", "old"), file("b"), file("dir/x"), file("dir/y"), symlink("link", "a"));
    await unpack(
      file("a", "new"),
      file(".wh.b"),
      file("dir/.wh..wh..opq"),
      file("dir/z"),
      file("link", "no link any more"),
    );
    expect(readdirSync(root).toSorted()).toEqual(["a", "dir", "link"]);
    expect([read("a"), read("link")]).toEqual(["new", "no link any more"]);
    expect(readdirSync(join(root, "dir"))).toEqual(["z"]);
  });

  it.each([
    ["a link to a directory of the host", (outside: string) => [symlink("out", outside), file("out/planted")]],
    ["a relative link that climbs", () => [symlink("out", "../outside"), file("out/planted")]],
    [
      "a link on the way to a hard link's source",
      (outside: string) => [symlink("out", outside), hardlink("h", "out/secret")],
    ],
    ["a hard link to a link", (outside: string) => [symlink("l", join(outside, "secret")), hardlink("h", "l")]],
    ["a whiteout behind a link", (outside: string) => [symlink("out", outside), file("out/.wh.secret")]],
    ["an opaque whiteout behind a link", (outside: string) => [symlink("out", outside), file("out/.wh..wh..opq")]],
    ["a whiteout of the parent", () => [file("dir/.wh...")]],
    ["a whiteout of nothing", () => [file("dir/.wh.")]],
    ["a hard link to itself", () => [file("a", "1"), hardlink("a", "a")]],
  ] as const)("refuses %s, and touches nothing outside", async (_, members) => {
    const outside = join(top, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "secret");
    await expect(unpack(...members(outside))).rejects.toMatchObject({ code: "bad_archive", fault: "bad_path" });
    expect(readdirSync(outside)).toEqual(["secret"]);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret");
  });

  it("replaces a link instead of writing through it", async () => {
    const outside = join(top, "outside");
    writeFileSync(outside, "secret");
    await unpack(symlink("a", outside), file("a", "own"));
    expect(read("a")).toBe("own");
    expect(readFileSync(outside, "utf8")).toBe("secret");
  });
});

/** Writes a layout with these layers; gives its directory. */
function writeLayout(
  layers: readonly { readonly bytes: Uint8Array; readonly mediaType: string }[],
  platform?: object,
): string {
  const dir = join(top, "layout");
  mkdirSync(join(dir, "blobs/sha256"), { recursive: true });
  const blob = (bytes: Uint8Array, mediaType: string) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(dir, "blobs/sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const manifest = json({ schemaVersion: 2, layers: layers.map(({ bytes, mediaType }) => blob(bytes, mediaType)) });
  const descriptor = blob(manifest, "application/vnd.oci.image.manifest.v1+json");
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(dir, "index.json"),
    json({ manifests: [{ ...descriptor, ...(platform === undefined ? {} : { platform }) }] }),
  );
  return dir;
}
const TAR = "application/vnd.oci.image.layer.v1.tar";

describe("unpackedImage", () => {
  it("unpacks plain, gzip and zstd layers in order, once", async () => {
    const layout = writeLayout([
      { bytes: writeTar([file("a", "1"), file("b", "1")]), mediaType: TAR },
      { bytes: gzipSync(writeTar([file("b", "2")])), mediaType: `${TAR}+gzip` },
      { bytes: zstdCompressSync(writeTar([file("c", "3")])), mediaType: `${TAR}+zstd` },
    ]);
    const dir = await unpackedImage(layout, top);
    expect(["a", "b", "c"].map((name) => readFileSync(join(dir, name), "utf8"))).toEqual(["1", "2", "3"]);
    expect(await unpackedImage(layout, top)).toBe(dir);
  });

  it("removes what a killed process has left half unpacked", async () => {
    const layout = writeLayout([]);
    const dir = await unpackedImage(layout, top);
    mkdirSync(join(dir, "..", instanceName().replace(/^p\d+-\d+/, "partial-p1-1")));
    await unpackedImage(layout, top);
    expect(readdirSync(join(dir, ".."))).toHaveLength(1);
  });

  it("refuses a layer that is not what its digest says, and leaves nothing of it", async () => {
    const layout = writeLayout([{ bytes: writeTar([file("a", "1")]), mediaType: TAR }]);
    const [layer] = readImageLayout(layout).layers;
    const path = join(layout, "blobs/sha256", (layer?.digest ?? "").slice(7));
    const bytes = readFileSync(path);
    bytes.write("2", 512);
    writeFileSync(path, bytes);
    await expect(unpackedImage(layout, top)).rejects.toMatchObject({ code: "bad_image" });
    expect(readdirSync(join(top, "crucible-images"))).toEqual([]);
  });

  it("refuses layers of unknown kinds, other processors, and digests that climb", async () => {
    const layout = writeLayout([{ bytes: new Uint8Array(), mediaType: "text/plain" }]);
    await expect(unpackedImage(layout, top)).rejects.toMatchObject({ code: "bad_image" });
    const foreign = writeLayout([], { os: "linux", architecture: "s390x" });
    expect(() => readImageLayout(foreign)).toThrow("0 images for this host");
    const climbing = { manifests: [{ mediaType: "x", digest: "sha256:../../../etc/passwd", size: 1 }] };
    writeFileSync(join(layout, "index.json"), JSON.stringify(climbing));
    expect(() => readImageLayout(layout)).toThrow("not SHA-256");
  });

  it("does not unpack where others could have prepared something", async () => {
    const layout = writeLayout([]);
    symlinkSync(root, join(top, "crucible-images"));
    await expect(unpackedImage(layout, top)).rejects.toMatchObject({ code: "bad_image" });
  });
});

describe("insideRoot", () => {
  it("follows links as inside, and never out", () => {
    mkdirSync(join(root, "usr/bin"), { recursive: true });
    writeFileSync(join(root, "usr/bin/dash"), "");
    symlinkSync("usr/bin", join(root, "bin"));
    symlinkSync("/usr/bin/dash", join(root, "usr/bin/sh"));
    symlinkSync("../../../../../../etc/passwd", join(root, "climb"));
    symlinkSync("loop", join(root, "loop"));
    expect(insideRoot(root, "/bin/sh")).toBe(join(root, "usr/bin/dash"));
    expect(insideRoot(root, "/climb")).toBe(null);
    expect(insideRoot(root, "/loop")).toBe(null);
    expect(insideRoot(root, "/../..")).toBe(root);
  });
});
