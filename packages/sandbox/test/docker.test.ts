import { mkdtempSync, rmSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LABELS } from "../src/docker/container.ts";
import { createDockerEngine } from "../src/docker/engine.ts";
import type { DockerSettings } from "../src/docker/settings.ts";
import { EngineUnavailableError } from "../src/errors.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { instanceName } from "../src/process/instance.ts";
import type { Engine, RunSpec } from "../src/types.ts";
import { IMAGE, missingForDocker, startDockerd } from "./fixtures/docker/daemon.ts";
import type { Daemon } from "./fixtures/docker/daemon.ts";
import { documentedCalls, startFilter } from "./fixtures/docker/filter.ts";

const missing = missingForDocker();
if (missing !== null && process.env["CI"] === "true") throw new Error(missing);
const ofDaemon = missing === null ? describe : describe.skip;

const engineOn = (docker: DockerSettings | undefined): Engine =>
  createDockerEngine({ bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 2, docker });
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const program = (language: string, path: string, source: string, more: Partial<RunSpec> = {}): RunSpec => ({
  language,
  files: [{ path, content: encode(source) }],
  ...more,
});
const bash = (source: string, more: Partial<RunSpec> = {}): RunSpec => program("bash", "main.sh", source, more);

describe("the docker engine without a daemon", () => {
  it.each<[string, DockerSettings | undefined, string]>([
    ["nothing is configured", undefined, "no Docker daemon is named"],
    ["the address is none", { host: "ssh://x", images: { "*": "i" } }, "CRUCIBLE_DOCKER_HOST is"],
    ["no daemon is there", { host: "unix:///nonexistent", images: { "*": "i" } }, "does not answer"],
    [
      "the runtime's level is not known",
      { host: "unix:///nonexistent", runtime: "youki", images: {} },
      'runtime "youki" is not known',
    ],
  ])("is not available when %s, and runs nothing", async (_name, docker, reason) => {
    await using engine = engineOn(docker);
    expect(await engine.probe()).toMatchObject({ available: false, reason: expect.stringContaining(reason) as string });
    await expect(engine.run(bash("true"))).rejects.toBeInstanceOf(EngineUnavailableError);
  });
});

ofDaemon("the docker engine", () => {
  let daemon: Daemon;
  let dir: string;
  beforeAll(async () => {
    daemon = await startDockerd();
    dir = mkdtempSync(join(tmpdir(), "docker-"));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true });
  });
  const settings = (): DockerSettings => ({ host: daemon.host, images: { "*": IMAGE } });
  const containers = async (): Promise<string[]> =>
    (await daemon.client.listContainers({ all: true })).map(({ Id }) => Id);

  it("makes no call but those that are documented, through a proxy that refuses all others", async () => {
    await using filter = await startFilter(daemon.socket, dir);
    await using engine = engineOn({ ...settings(), host: filter.host });
    expect(await engine.probe()).toMatchObject({ available: true });
    const input = { stdin: encode("in\n") };
    const first = await engine.run(bash("cat; exit 3", input));
    expect(first).toMatchObject({ status: "exited", exitCode: 3, reason: null });
    expect(new TextDecoder().decode(first.stdout)).toBe("in\n");
    expect(await engine.run(program("c", "main.c", "int main(void) { return 4; }"))).toMatchObject({ exitCode: 4 });
    expect(await engine.run(bash("sleep 60", { limits: { wallTimeMs: 600 } }))).toMatchObject({ status: "timed_out" });
    expect(filter.refused).toEqual([]);
    // Each call of the list is one that it makes.
    expect([...filter.seen].toSorted()).toEqual(
      documentedCalls()
        .map(({ call }) => call)
        .toSorted(),
    );
    for (const { HostConfig } of filter.created) {
      expect(HostConfig).toMatchObject({
        NetworkMode: "none",
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        LogConfig: { Type: "none" },
      });
      expect(JSON.stringify((HostConfig as { SecurityOpt: string[] }).SecurityOpt)).toContain("no-new-privileges");
      expect(JSON.stringify(HostConfig)).not.toContain("DeviceRequests");
    }
    expect(await containers()).toEqual([]);
  });

  it("removes what dead servers of this host have left, and nothing of the living or of other hosts", async () => {
    const [pid, start, namespace] = instanceName().slice(1).split("-");
    const make = async (instance: string, host: string, boot?: string): Promise<string> => {
      const Labels = {
        [LABELS.instance]: instance,
        [LABELS.host]: host,
        ...(boot === undefined ? {} : { [LABELS.boot]: boot }),
      };
      return (await daemon.client.createContainer({ Image: IMAGE, Cmd: ["/bin/true"], Labels })).id;
    };
    const { readFileSync } = await import("node:fs");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const dead = await make(`p4194305-${start}-${namespace}-ab`, hostname(), boot);
    const earlier = await make(`p${pid}-${start}-${namespace}-cd`, hostname(), "another-boot");
    const living = await make(instanceName(), hostname(), boot);
    const foreign = await make(`p4194305-${start}-${namespace}-ef`, "another-host", boot);
    await using engine = engineOn(settings());
    expect(await engine.probe()).toMatchObject({ available: true });
    const left = await containers();
    expect(left).not.toContain(dead);
    expect(left).not.toContain(earlier);
    expect(left).toContain(living);
    expect(left).toContain(foreign);
    for (const id of [living, foreign]) await daemon.client.getContainer(id).remove();
  });

  it("says that the sandbox failed when the daemon goes away, and runs again when it is back", async () => {
    await using engine = engineOn(settings());
    await engine.probe();
    let crashed: Promise<void> | undefined;
    const outcome = await engine.run(bash("echo up; sleep 60", { limits: { wallTimeMs: 20_000 } }), {
      onOutput: () => {
        crashed ??= daemon.crash();
      },
    });
    await crashed;
    expect(crashed).toBeDefined();
    expect(outcome).toMatchObject({ status: "sandbox_failed", exitCode: null, signal: null });
    await expect(engine.run(bash("true"))).rejects.toBeInstanceOf(EngineUnavailableError);
    await daemon.restart();
    expect(await engine.run(bash("exit 5"))).toMatchObject({ reason: null, status: "exited", exitCode: 5 });
    expect(await containers()).toEqual([]);
  });

  it("is not available with an image or a runtime that the daemon does not have", async () => {
    await using noImage = engineOn({ ...settings(), images: { python: "no-such-image:1" } });
    expect(await noImage.probe()).toMatchObject({ available: false, fix: "docker pull no-such-image:1" });
    await using noRuntime = engineOn({ ...settings(), runtime: "runsc-missing" });
    expect(noRuntime.isolation).toBe("gvisor");
    expect(await noRuntime.probe()).toMatchObject({
      available: false,
      reason: expect.stringContaining("no runtime runsc-missing") as string,
    });
  });

  it("offers the languages that its images have", async () => {
    await using engine = engineOn({ host: daemon.host, images: { bash: IMAGE, ruby: IMAGE } });
    await engine.probe();
    // The image has no ruby, and python was not asked for.
    expect(engine.languages?.map(({ name }) => name)).toEqual(["bash"]);
    await expect(engine.run(program("python", "main.py", "1"))).rejects.toMatchObject({
      code: "language_not_installed",
    });
  });
});
