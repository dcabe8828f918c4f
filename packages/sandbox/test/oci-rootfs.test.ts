import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { scratchPlaces } from "../src/process/scratch.ts";
import { bash, python, runToEnd, text } from "../src/testing/programs.ts";

const options = {
  languages: await detectLanguages(["bash", "python"]),
  bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
  slots: 1,
};
const TOOLS = ["setpriv", "head", "tar", "mount", "mkdir", "df", "find", "bash", "cat", "env"];

let top: string;
/** Unpacked once for good; a test's are of no use later. */
const images: string[] = [];
let system: string;

/** A system in small: a shell, what the launcher needs, and the libraries of both. */
beforeAll(() => {
  top = mkdtempSync(join(tmpdir(), "oci-rootfs-"));
  chmodSync(top, 0o755);
  system = join(top, "system");
  const copy = (path: string): void => {
    const target = join(system, path);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(realpathSync(path), target);
  };
  for (const path of ["/usr/bin/dash", ...TOOLS.map((name) => `/usr/bin/${name}`)]) {
    copy(path);
    const listed = execFileSync("/usr/bin/ldd", [path]).toString();
    for (const [library = ""] of listed.matchAll(/\/\S+(?= \()/g)) copy(`/usr${library.replace(/^\/usr/, "")}`);
  }
  symlinkSync("dash", join(system, "usr/bin/sh"));
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(system, name));
  mkdirSync(join(system, "etc"));
  writeFileSync(join(system, "etc/marker"), "the operator's system\n");
});
afterAll(() => {
  rmSync(top, { recursive: true, force: true });
  for (const image of images) rmSync(image, { recursive: true, force: true });
});

/** The system as an OCI image layout of one layer. */
function writeLayout(): string {
  const dir = join(top, "layout");
  mkdirSync(join(dir, "blobs/sha256"), { recursive: true });
  const blob = (bytes: Uint8Array, mediaType: string) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(dir, "blobs/sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layer = execFileSync("tar", ["-C", system, "-czf", "-", "."], { maxBuffer: 1 << 28 });
  const layers = [blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip")];
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers }));
  const manifests = [blob(manifest, "application/vnd.oci.image.manifest.v1+json")];
  const name = (manifests[0]?.digest ?? "").replace(":", "-");
  images.push(...scratchPlaces().map((place) => join(place, "crucible-images", name)));
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(dir, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  return dir;
}

describe.each([
  ["runc", createRuncEngine],
  ["gvisor", createGvisorEngine],
] as const)("%s", (_, create) => {
  it("shows programs the operator's system instead of the host's", async () => {
    await using engine = create({ ...options, rootfs: system });
    expect(await engine.probe()).toMatchObject({ available: true });
    const look =
      "cat /etc/marker; [ -e /usr/share ] || echo nothing else; echo x 2>/dev/null >/etc/y || echo read-only";
    const outcome = await runToEnd(engine, bash(look));
    expect(text(outcome.stdout)).toBe("the operator's system\nnothing else\nread-only\n");
    expect(await engine.run(python("print(1)"))).toMatchObject({
      status: "sandbox_failed",
      reason: expect.stringContaining("the root file system has no /usr/bin/python3"),
    });
    await expect(engine.openSession?.({})).rejects.toMatchObject({
      code: "engine_unavailable",
      message: expect.stringContaining("the root file system has no /usr/bin/python3"),
    });
  });
});

describe("CRUCIBLE_OCI_ROOTFS", () => {
  it("can be an OCI image layout", async () => {
    await using engine = createRuncEngine({ ...options, rootfs: writeLayout() });
    expect(text((await runToEnd(engine, bash("cat /etc/marker"))).stdout)).toBe("the operator's system\n");
  });

  it.each([
    ["/nonexistent-rootfs", "it is no directory"],
    ["/", "the host's own root"],
    ["/proc", "not found in /proc: /usr/bin/setpriv"],
  ])("is refused where it is %s", async (rootfs, reason) => {
    await using engine = createRuncEngine({ ...options, rootfs });
    const report = await engine.probe();
    expect(report).toMatchObject({ available: false, fix: "mend CRUCIBLE_OCI_ROOTFS" });
    expect(report.reason).toContain(reason);
    await expect(engine.run(bash("echo ran"))).rejects.toMatchObject({ code: "engine_unavailable" });
  });
});
