import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdir, readdir, readFile, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findDamage, importModel, listModels, modelsFolder, removeModel, resolveModel } from "../src/index.ts";
import { checkSpace } from "../src/models/store.ts";
import { aModel, COMMIT_A, COMMIT_B, someFiles } from "./fake-hub.ts";
import { failure, NAME, openPlace, type Place } from "./models-fixture.ts";

let place: Place;
beforeEach(async () => {
  place = await openPlace();
  place.fake.models.set(NAME, aModel());
});
afterEach(async () => await place[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const list = async () => await listModels(modelsFolder(place.dataDir));

/** Pulls in a process of its own; with `killAt` it dies by SIGKILL at that event. */
async function pullElsewhere(killAt = ""): Promise<{ code: number | null; stderr: string }> {
  const script = fileURLToPath(new URL("./pull-child.ts", import.meta.url));
  const child = spawn(process.execPath, [script, place.fake.endpoint, place.dataDir, NAME, killAt], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stderr };
}

describe("a pull that dies", () => {
  it.each(["found", "chosen", "bytes", "fetched", "staged", "installed", "current"])(
    "leaves the old model in its place when it is killed at: %s",
    async (killAt) => {
      await place.pull();
      const model = place.fake.models.get(NAME)!;
      model.refs["main"] = COMMIT_B;
      model.commits[COMMIT_B] = someFiles(200_000);
      expect((await pullElsewhere(killAt)).code).toBe(null);
      const after = (await resolveModel(NAME, place.dataDir)).manifest?.revision;
      expect(after).toBe(killAt === "current" ? COMMIT_B : COMMIT_A);
      expect(await pullElsewhere()).toEqual({ code: 0, stderr: "" });
      expect((await resolveModel(NAME, place.dataDir)).manifest?.revision).toBe(COMMIT_B);
    },
  );

  it("leaves no half model where there was none", async () => {
    expect((await pullElsewhere("bytes")).code).toBe(null);
    expect(await list()).toEqual([]);
    expect((await failure(resolveModel(NAME, place.dataDir))).code).toBe("model_not_installed");
  });
});

describe("two processes", () => {
  it("do not pull the same model at once, but different ones", async () => {
    place.fake.models.set("acme/other", aModel());
    let second: Promise<unknown> = Promise.resolve();
    let third: Promise<unknown> = Promise.resolve();
    await place.pull({
      onEvent: (event) => {
        if (event.type !== "found") return;
        second = failure(place.pull({ onEvent: () => {} }));
        third = place.pull({ name: "acme/other", onEvent: () => {} });
      },
    });
    expect(await second).toMatchObject({ code: "model_locked" });
    expect(await third).toMatchObject({ fetched: true });
  });
});

describe("the disk", () => {
  it("is asked for space before anything is written", async () => {
    expect(await failure(checkSpace(place.dataDir, 1e15))).toMatchObject({
      code: "disk_full",
      message: expect.stringMatching(/^1000000000 MB do not fit: \d+ MB are free/),
    });
    await checkSpace(place.dataDir, 1);
  });
});

describe("an installed model", () => {
  it("is listed with its revision, and a name with several stands for one", async () => {
    await place.pull();
    place.fake.models.get(NAME)!.commits[COMMIT_B] = someFiles(100);
    await place.pull({ revision: COMMIT_B });
    expect((await list()).map(({ name, revision, current }) => [name, revision, current])).toEqual([
      [NAME, COMMIT_A, false],
      [NAME, COMMIT_B, true],
    ]);
  });

  it("is not loaded when a byte of it differs, a file is gone, or one was added", async () => {
    const { folder, manifest } = await place.pull();
    expect(await findDamage(folder, manifest)).toEqual([]);
    const weights = join(folder, "onnx/model.onnx");
    const right = await readFile(weights);
    const wrong = Buffer.from(right);
    wrong[1000]! ^= 1;
    await writeFile(weights, wrong);
    expect(await findDamage(folder, manifest)).toEqual([{ path: "onnx/model.onnx", what: "changed" }]);
    expect(await failure(resolveModel(NAME, place.dataDir))).toMatchObject({
      code: "model_damaged",
      message: expect.stringContaining('"onnx/model.onnx" is changed'),
    });
    await writeFile(weights, right);
    await writeFile(join(folder, "extra.json"), "{}");
    await unlink(join(folder, "config.json"));
    await symlink("/etc/hostname", join(folder, "config.json"));
    await unlink(join(folder, "tokenizer.json"));
    expect(await findDamage(folder, manifest)).toEqual([
      { path: "config.json", what: "not a plain file" },
      { path: "extra.json", what: "not in the manifest" },
      { path: "tokenizer.json", what: "missing" },
    ]);
  });

  it("is not loaded with a manifest that is none, or is another model's", async () => {
    const { folder } = await place.pull();
    const path = join(folder, "crucible-model.json");
    const text = await readFile(path, "utf8");
    const cases = [
      "",
      "[]",
      text.replace('"version": 1', '"version": 2'),
      text.replace("config.json", "../config.json"),
      text.replace("apache-2.0", "\\u001b[2J"),
      text.replace(NAME, "acme/other"),
    ];
    for (const wrong of cases) {
      await writeFile(path, wrong);
      expect((await failure(resolveModel(NAME, place.dataDir))).code).toBe("model_damaged");
    }
    expect((await list())[0]).toMatchObject({ name: NAME });
  });

  it("is removed with its name first, one revision or all, and with what a pull had left", async () => {
    await place.pull();
    place.fake.models.get(NAME)!.commits[COMMIT_B] = someFiles(100);
    await place.pull({ revision: COMMIT_B });
    expect(await removeModel(NAME, place.dataDir, COMMIT_B)).toEqual([COMMIT_B]);
    expect((await failure(resolveModel(NAME, place.dataDir))).code).toBe("model_not_installed");
    expect((await resolveModel(`${NAME}@${COMMIT_A}`, place.dataDir)).manifest?.revision).toBe(COMMIT_A);
    await pullElsewhere("bytes");
    expect(await removeModel(NAME, place.dataDir)).toEqual([COMMIT_A]);
    expect(await list()).toEqual([]);
    expect(await readdir(join(place.dataDir, "models", ".staging"))).toEqual([]);
    expect((await failure(removeModel(NAME, place.dataDir))).code).toBe("model_not_installed");
  });

  it("is found by a folder too, and by no name that leaves the store", async () => {
    const { folder, manifest } = await place.pull();
    expect(await resolveModel(folder, "/nowhere")).toEqual({ folder, manifest });
    const relative = await resolveModel(`./${COMMIT_A}`, "/nowhere", { baseDir: join(folder, "..") });
    expect(relative.folder).toBe(folder);
    for (const name of ["acme", "../acme/x/y", "acme/..", "a/b/c", ".staging/x", "acme/x@main", "", "a/b\n"]) {
      const { code } = await failure(resolveModel(name, place.dataDir));
      expect(["model_invalid", "model_not_installed"], name).toContain(code);
    }
  });
});

describe("importing a folder", () => {
  const elsewhere = (): string => join(place.dataDir, "copy");
  const run = async (options = {}) =>
    await importModel({ folder: elsewhere(), dataDir: join(place.dataDir, "second"), signal, ...options });

  it("takes an installed model of another machine, as its manifest says", async () => {
    const { folder, manifest } = await place.pull();
    await cp(folder, elsewhere(), { recursive: true });
    const imported = await run();
    expect(imported).toMatchObject({ fetched: true, manifest: { ...manifest, installedAt: expect.any(String) } });
    expect((await resolveModel(NAME, join(place.dataDir, "second"))).folder).toBe(imported.folder);
    expect((await run()).fetched).toBe(false);
  });

  it("refuses one that was changed on the way, or is another than the one named", async () => {
    const { folder } = await place.pull();
    await cp(folder, elsewhere(), { recursive: true });
    expect((await failure(run({ name: "acme/other" }))).message).toContain(`holds ${NAME}`);
    expect((await failure(run({ revision: COMMIT_B }))).message).toContain(COMMIT_A);
    await appendFile(join(elsewhere(), "onnx", "model.onnx"), "x");
    expect((await failure(run())).code).toBe("model_damaged");
  });

  it("makes a manifest for a folder without one, with a revision that its content decides", async () => {
    const files = someFiles(100);
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(join(elsewhere(), "onnx"), { recursive: true });
      await writeFile(join(elsewhere(), path), bytes);
    }
    expect((await failure(run())).fix).toContain("--name");
    const { manifest } = await run({ name: NAME });
    expect(manifest).toMatchObject({ licence: "apache-2.0", source: { kind: "import" } });
    expect(manifest.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(manifest.files.map(({ path }) => path)).not.toContain("model.safetensors");
    await appendFile(join(elsewhere(), "config.json"), " ");
    expect((await run({ name: NAME })).manifest.revision).not.toBe(manifest.revision);
    expect((await run({ name: NAME, revision: COMMIT_B })).manifest.revision).toBe(COMMIT_B);
  });

  it("does not follow links out of the folder", async () => {
    await mkdir(join(elsewhere(), "onnx"), { recursive: true });
    for (const [path, bytes] of Object.entries(someFiles(100))) await writeFile(join(elsewhere(), path), bytes);
    await rm(join(elsewhere(), "tokenizer.json"));
    await symlink("/etc/passwd", join(elsewhere(), "tokenizer.json"));
    expect(await failure(run({ name: NAME }))).toMatchObject({
      code: "model_invalid",
      fix: expect.stringContaining("cp -rL"),
    });
  });

  it("is not held up or filled up by a folder that holds no plain files", async () => {
    const path = join(elsewhere(), "crucible-model.json");
    await mkdir(join(elsewhere(), "onnx"), { recursive: true });
    for (const [name, bytes] of Object.entries(someFiles(100))) await writeFile(join(elsewhere(), name), bytes);
    for (const plant of [
      () => execFileSync("mkfifo", [path]),
      () => symlink("/dev/zero", path),
      () => mkdir(path),
      () => writeFile(path, Buffer.alloc(2 ** 20 + 1, " ")),
    ]) {
      await rm(path, { recursive: true, force: true });
      await plant();
      expect(await failure(run({ name: NAME }))).toMatchObject({ code: "model_damaged" });
    }
    await rm(path, { recursive: true });
    // Its licence is at the beginning; nobody reads the rest of it for that.
    await writeFile(join(elsewhere(), "README.md"), `---\nlicense: mit\n---\n${" ".repeat(2 ** 20)}`);
    expect((await run({ name: NAME })).manifest.licence).toBe("mit");
  });

  it("says when there is no folder, and when it holds no model", async () => {
    expect((await failure(run({ name: NAME }))).message).toContain("no folder");
    await mkdir(elsewhere());
    expect((await failure(run({ name: NAME }))).code).toBe("model_incomplete");
  });
});
