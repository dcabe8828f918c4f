import { spawn } from "node:child_process";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { differences } from "./installed.mjs";
import { ROOT } from "./steps.ts";

describe.skipIf(process.platform !== "linux")("bootstrap (needs Linux)", () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "bootstrap-"));
    await mkdir(join(root, "scripts"));
    for (const name of ["bootstrap.sh", "installed.mjs"]) {
      await copyFile(join(ROOT, "scripts", name), join(root, "scripts", name));
    }
    await writeFile(join(root, "package-lock.json"), lockfile("1.0.0"));
    // A stand-in for npm: it leaves a mark and what a real `npm ci` leaves.
    await mkdir(join(root, "bin"));
    await writeFile(
      join(root, "bin", "npm"),
      `#!/bin/sh
echo "npm $*" >> "${root}/npm-calls"
mkdir -p node_modules/.bin && cp package-lock.json node_modules/.package-lock.json
ln -sf "$(command -v node)" node_modules/.bin/node\n`,
    );
    await chmod(join(root, "bin", "npm"), 0o755);
    await mkdir(join(root, "system"));
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  const lockfile = (version: string) =>
    JSON.stringify({ packages: { "": { name: "x" }, "node_modules/a": { version } } });

  /** Runs the script with system packages never installed; gives its exit code and what it said. */
  async function bootstrap(mode: string): Promise<{ code: number | null; said: string }> {
    const child = spawn("sh", ["scripts/bootstrap.sh", mode], {
      cwd: root,
      env: {
        PATH: `${join(root, "bin")}:${process.env["PATH"] ?? ""}`,
        CRUCIBLE_NO_SYSTEM_INSTALL: "1",
        BOOTSTRAP_SYSTEM_PATH: join(root, "system"),
      },
    });
    let said = "";
    child.stdout.on("data", () => expect.fail("stdout belongs to the program"));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once("close", resolve);
    return { code: await promise, said };
  }

  const npmCalls = async () => (await readFile(join(root, "npm-calls"), "utf8").catch(() => "")).split("\n").length - 1;

  it("installs when node_modules is missing, and not again", async () => {
    expect((await bootstrap("start")).code).toBe(0);
    expect((await bootstrap("start")).code).toBe(0);
    expect(await npmCalls()).toBe(1);
  });

  it("installs again when package-lock.json has changed", async () => {
    await bootstrap("start");
    await writeFile(join(root, "package-lock.json"), lockfile("2.0.0"));
    await bootstrap("start");
    expect(await npmCalls()).toBe(2);
  });

  it("accepts what npm install made by itself", async () => {
    await bootstrap("start");
    await writeFile(join(root, "package-lock.json"), lockfile("2.0.0"));
    await cp(join(root, "package-lock.json"), join(root, "node_modules", ".package-lock.json"));
    await bootstrap("start");
    expect(await npmCalls()).toBe(1);
  });

  it("installs once when two start at the same moment", async () => {
    const both = await Promise.all([bootstrap("start"), bootstrap("start")]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(await npmCalls()).toBe(1);
  });

  it("goes on after one that was killed", async () => {
    const dead = spawn("true");
    const { promise, resolve } = Promise.withResolvers<unknown>();
    dead.once("close", resolve);
    await promise;
    await mkdir(join(root, ".bootstrap", "lock"), { recursive: true });
    await writeFile(join(root, ".bootstrap", "lock", "pid"), String(dead.pid));
    expect((await bootstrap("start")).code).toBe(0);
  });

  it("names every missing system package and the command, and installs none when told so", async () => {
    const { code, said } = await bootstrap("test");
    expect(code).toBe(0);
    expect(said).toMatch(/MISSING: bwrap python3 curl gcc/);
    expect(said).toMatch(/install with/);
    expect(said).toContain("refused or skipped");
    expect(said).not.toContain("installing");
  });
});

describe("installed", () => {
  it("tells missing, extra and other versions, and forgives packages for other platforms", () => {
    const wanted = {
      "": {},
      "apps/x": { version: "1" },
      "node_modules/same": { version: "1" },
      "node_modules/old": { version: "2" },
      "node_modules/missing": { version: "1" },
      "node_modules/other-platform": { version: "1", optional: true },
    };
    const installed = {
      "node_modules/same": { version: "1" },
      "node_modules/old": { version: "1" },
      "node_modules/extra": { version: "1" },
    };
    expect(differences(wanted, installed)).toEqual(["node_modules/old", "node_modules/missing", "node_modules/extra"]);
  });
});
