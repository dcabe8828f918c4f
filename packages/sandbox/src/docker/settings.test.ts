import { describe, expect, it } from "vitest";
import { containerOptions } from "./container.ts";
import { addressOf, levelOf, readDockerSettings } from "./settings.ts";

const texts = (more: object = {}) => ({
  host: "unix:///s",
  runtime: undefined,
  images: undefined,
  gpus: undefined,
  ...more,
});

describe("settings of Docker", () => {
  it("are none without a host", () => {
    expect(readDockerSettings(texts({ host: "", images: "{" }))).toBeUndefined();
  });

  it("are read", () => {
    const images = '{"python": "python:3.13", "*": "all"}';
    expect(readDockerSettings(texts({ images, runtime: "runsc", gpus: "2" }))).toEqual({
      host: "unix:///s",
      images: { python: "python:3.13", "*": "all" },
      runtime: "runsc",
      gpus: 2,
    });
    expect(readDockerSettings(texts())).toEqual({ host: "unix:///s", images: {} });
  });

  it.each([
    { images: "{" },
    { images: "[]" },
    { images: '{"brainfuck": "x"}' },
    { images: '{"python": 1}' },
    { gpus: "0" },
  ])("are refused when wrong: %j", (wrong) => {
    expect(() => readDockerSettings(texts(wrong))).toThrow(/CRUCIBLE_DOCKER_(IMAGES|GPUS) must be/);
  });

  it("name a socket or a host and port, and nothing else", () => {
    expect(addressOf("unix:///run/docker.sock")).toEqual({ socketPath: "/run/docker.sock" });
    expect(addressOf("tcp://10.0.0.1:2375")).toEqual({ host: "10.0.0.1", port: 2375, protocol: "http" });
    expect(addressOf("tcp://[::1]:2375")).toMatchObject({ host: "::1" });
    for (const wrong of ["", "tcp://host", "unix://host/x", "http://host:1", "ssh://a@b"]) {
      expect(() => addressOf(wrong)).toThrow("CRUCIBLE_DOCKER_HOST");
    }
  });

  it("give a level to runtimes that are known, and to no other", () => {
    expect(["runc", "crun", "runsc", "runsc-kvm", "kata", "io.containerd.kata.v2", "kata-fc"].map(levelOf)).toEqual([
      ...["container", "container", "gvisor", "gvisor", "microvm", "microvm", "microvm"],
    ]);
    for (const wrong of ["", "youki", "runc2", "xrunsc"]) expect(() => levelOf(wrong)).toThrow("not known");
  });

  it("hand graphics processors over only where that is asked for", () => {
    const plan = {
      image: "i",
      command: [],
      env: {},
      labels: {},
      runtime: "runc",
      uid: 1,
      bounds: { memoryBytes: 1, pids: 1, cpus: 1 },
      boxBytes: 1,
      diskBytes: 1,
      seccomp: null,
    };
    expect(containerOptions({ ...plan, gpus: undefined }).HostConfig).not.toHaveProperty("DeviceRequests");
    expect(containerOptions({ ...plan, gpus: "all" }).HostConfig).toMatchObject({ DeviceRequests: [{ Count: -1 }] });
  });
});
