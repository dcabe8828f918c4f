import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { LABELS } from "../src/docker/container.ts";
import { createDockerEngine } from "../src/docker/engine.ts";
import type { DockerSettings } from "../src/docker/settings.ts";
import { EngineUnavailableError } from "../src/errors.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import type { NetworkOptions } from "../src/network/open.ts";
import { instanceName } from "../src/process/instance.ts";
import { code } from "../src/testing/programs.ts";
import type { Engine, RunSpec } from "../src/types.ts";
import { IMAGE, missingForDocker, startDockerd } from "./fixtures/docker/daemon.ts";
import type { Daemon } from "./fixtures/docker/daemon.ts";
import { documentedCalls, startFilter } from "./fixtures/docker/filter.ts";
import { BUSYBOX, busyboxSystem } from "./fixtures/docker/image.ts";

const missing = missingForDocker();
if (missing !== null && process.env["CI"] === "true") throw new Error(missing);
const ofDaemon = missing === null ? describe : describe.skip;

const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
const engineOn = (docker: DockerSettings | undefined, network?: NetworkOptions): Engine =>
  createDockerEngine({
    bounds,
    slots: 2,
    sessions: 2,
    docker,
    ...(network === undefined ? {} : { network }),
  });
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const program = (language: string, path: string, source: string, more: Partial<RunSpec> = {}): RunSpec => ({
  language,
  files: [{ path, content: encode(source) }],
  ...more,
});
const bash = (source: string, more: Partial<RunSpec> = {}): RunSpec => program("bash", "main.sh", source, more);

/** Opens a sandbox that stays in a process of its own. */
const HOLDER = fileURLToPath(new URL("fixtures/docker/hold-session.ts", import.meta.url));

/** Files of every kind, and a process that waits for the archive to be made. */
const LEAVES_FILES = code`
  import os, time
  open('out/x', 'wb').write(b'\xff')
  os.symlink('/etc/passwd', 'out/link')
  os.mkfifo('out/pipe')
  os.mkdir('out/z')
  with open('out/hole', 'wb') as file: file.truncate(60 << 20)
  ready, say = os.pipe()
  if os.fork() == 0:
    os.setsid()
    os.write(say, b'x')
    while open('/proc/1/comm').read() != 'tar\n': pass
    open('out/z/late', 'w').write('x')
    time.sleep(60)
  os.read(ready, 1)
  os.close(ready)
  os.close(say)
  print(sorted(os.listdir('/proc/self/fd')))
  raise SystemExit(3)
`;

/** Asks the proxy for two names, and a port of the host's past it. */
const fetchAll = (port: number): string => code`
  import socket, urllib.request
  for name in ("good", "bad"):
      try: print(urllib.request.urlopen(f"http://{name}.example/", timeout=5).read().decode())
      except OSError as error: print(error)
  try: socket.create_connection(("127.0.0.1", ${port}), timeout=3)
  except OSError: print("no way to ${port}")
`;

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
    // As it would be with a daemon elsewhere, whose containers can only be ended by a call.
    await using filter = await startFilter(daemon.socket, dir, { pid: process.pid });
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
    // Both of its places: they must not be lost with the daemon.
    const sessions = await Promise.all([engine.openSession?.({}), engine.openSession?.({})]);
    const ends = sessions.map((session) => session?.exec({ argv: ["sleep", "60"] }).catch((error: unknown) => error));
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
    for (const end of ends) expect(await end).toMatchObject({ code: "session_ended" });
    for (const session of sessions) await session?.ended;
    await daemon.restart();
    expect(await engine.run(bash("exit 5"))).toMatchObject({ reason: null, status: "exited", exitCode: 5 });
    const again = await Promise.all([engine.openSession?.({}), engine.openSession?.({})]);
    for (const session of again) await session?.close();
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

  it("gives back files, follows no link, and ends who outlives the program", async () => {
    await using engine = engineOn(settings());
    const outcome = await engine.run(program("python", "main.py", LEAVES_FILES, { artifacts: true }));
    expect(outcome).toMatchObject({ status: "exited", exitCode: 3, reason: null });
    expect(outcome.artifacts).toMatchObject({
      files: [{ path: "x", content: Buffer.from([0xff]) }],
      leftOut: [
        { path: "hole", reason: "over 8388608 bytes" },
        { path: "link", reason: "a symbolic link" },
        { path: "pipe", reason: "a device or a named pipe" },
      ],
      incomplete: null,
    });
    expect(outcome.cpuMs).toBeLessThan(2_000);
    expect(new TextDecoder().decode(outcome.stdout)).toBe("['0', '1', '2', '3']\n");
    const source = '#include <stdio.h>\nint main(void) { fputs("c", fopen("out/x", "w")); }';
    const compiled = await engine.run(program("c", "main.c", source, { artifacts: true }));
    expect(compiled).toMatchObject({ exitCode: 0, artifacts: { files: [{ path: "x", content: Buffer.from("c") }] } });
    const late = await engine.run(bash("echo x >out/x; sleep 60", { artifacts: true, limits: { wallTimeMs: 500 } }));
    expect(late).toMatchObject({ status: "timed_out", artifacts: { files: [] } });
    expect(await containers()).toEqual([]);
  });

  it("lets a run and a sandbox that stays reach what their allow-list names, and nothing else", async () => {
    const server = createServer((_request, response) => response.end("from outside")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const allow = ["good.example:80"];
    await using engine = engineOn(settings(), {
      allow,
      outside: { lookup: async () => ["1.1.1.1"], route: () => ({ host: "127.0.0.1", port }) },
    });
    const seen = `from outside\nHTTP Error 403: Forbidden\nno way to ${port}\n`;
    const outcome = await engine.run(program("python", "main.py", fetchAll(port), { network: { allow } }));
    expect(new TextDecoder().decode(outcome.stdout)).toBe(seen);
    expect(outcome).toMatchObject({ network: { allowedCount: 1, deniedCount: 1 } });
    expect(outcome.violations).toMatchObject([{ kind: "denied_network_request" }]);
    const session = await engine.openSession?.({ network: { allow } });
    const result = await session?.exec({ argv: ["python3", "-c", fetchAll(port)] });
    expect(new TextDecoder().decode(result?.stdout)).toBe(seen);
    await session?.close();
    const without = await engine.run(program("python", "main.py", fetchAll(port)));
    expect(new TextDecoder().decode(without.stdout)).not.toContain("from outside");
    server.closeAllConnections();
    server.close();
  });

  it("sees a secret in the output, an address outside asked for, and processes left behind", async () => {
    await using engine = engineOn(settings());
    const outcome = await engine.run(
      bash("cat ~/.aws/credentials; (: </dev/tcp/1.1.1.1/80); sleep 60 >/dev/null 2>&1 & exit 0"),
    );
    expect(outcome).toMatchObject({ status: "exited", exitCode: 0 });
    const kinds = outcome.violations.map(({ kind }) => kind);
    expect(kinds.toSorted()).toEqual(["canary_in_output", "denied_network_request", "processes_left"]);
    const session = await engine.openSession?.({});
    const result = await session?.exec({ argv: ["bash", "-c", "cat ~/.aws/credentials; : </dev/tcp/1.1.1.1/80"] });
    expect(result?.violations.map(({ kind }) => kind).toSorted()).toEqual([
      "canary_in_output",
      "denied_network_request",
    ]);
    await session?.close();
    const quiet = await engine.run(bash("true"));
    expect(quiet.violations).toEqual([]);
  });

  it("gives no network where the daemon's containers are not this host's, whatever it says of them", async () => {
    await using filter = await startFilter(daemon.socket, dir, { pid: process.pid });
    await using engine = engineOn({ ...settings(), host: filter.host }, { allow: ["good.example:80"] });
    expect(await engine.probe()).toMatchObject({ available: true, network: false });
    const network = { allow: ["good.example:80"] };
    await expect(engine.run(bash("true", { network }))).rejects.toMatchObject({ code: "engine_unavailable" });
    await expect(engine.openSession?.({ network })).rejects.toMatchObject({ code: "engine_unavailable" });
    expect(await containers()).toEqual([]);
  });

  it("says what to do where graphics processors are asked for and the daemon has no driver for them", async () => {
    await using engine = engineOn({ ...settings(), gpus: "all" });
    const report = await engine.probe();
    expect(report).toMatchObject({
      available: false,
      reason: expect.stringContaining("no driver for graphics processors") as string,
      fix: expect.stringContaining("NVIDIA Container Toolkit") as string,
    });
    expect(report.reason).not.toMatch(/HTTP|could not select/);
    await expect(engine.run(bash("true"))).rejects.toBeInstanceOf(EngineUnavailableError);
  });

  it("runs programs in an image of BusyBox alone, and says what else it would need", async (context) => {
    if (!existsSync(BUSYBOX) && process.env["CI"] !== "true") context.skip(`${BUSYBOX} is not installed`);
    await daemon.importImage(busyboxSystem(dir), "busybox-test:1");
    await using engine = engineOn({ ...settings(), images: { bash: "busybox-test:1", "*": IMAGE } });
    expect(await engine.probe()).toMatchObject({ available: true });
    const outcome = await engine.run(bash("cat; id -u | wc -l; exit 3", { stdin: encode("in\n") }));
    expect(outcome).toMatchObject({ status: "exited", exitCode: 3, languageVersion: "1.2.3" });
    expect(new TextDecoder().decode(outcome.stdout)).toBe("in\n1\n");
    await expect(engine.run(bash("true", { artifacts: true }))).rejects.toThrow("has no GNU tar");
    await expect(engine.openSession?.({ image: "busybox-test:1" })).rejects.toThrow("has no python3");
    await expect(engine.openSession?.({ language: "sh" })).rejects.toThrow("has no python3");
    const session = await engine.openSession?.({ language: "python" });
    expect(await session?.exec({ argv: ["python3", "-c", "raise SystemExit(4)"] })).toMatchObject({ exitCode: 4 });
    await session?.close();
  });

  it("opens no sandbox of an image that the operator has not named, and none for a language that no image has", async () => {
    await using engine = engineOn(settings());
    await expect(engine.openSession?.({ image: "other:1" })).rejects.toMatchObject({ field: "image" });
    await expect(engine.openSession?.({ language: "ruby" })).rejects.toMatchObject({ code: "language_not_installed" });
    await using bubblewrap = createBubblewrapEngine({ languages: [], bounds, slots: 1 });
    await expect(bubblewrap.openSession?.({ image: IMAGE })).rejects.toThrow("has no images to choose from");
    expect(await containers()).toEqual([]);
  });

  it("a sandbox that stays ends with the server that held it, and its container is removed at the next start", async () => {
    const holder = spawn(process.execPath, [HOLDER, daemon.host], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const [id] = await containers();
    expect(id).toBeDefined();
    const ended = daemon.client.getContainer(id ?? "").wait();
    holder.kill("SIGKILL");
    await Promise.all([ended, once(holder, "exit")]);
    await using engine = engineOn(settings());
    expect(await engine.probe()).toMatchObject({ available: true });
    expect(await containers()).toEqual([]);
  });
});
