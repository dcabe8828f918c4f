import type { EngineInfo } from "@crucible/contract";
import { describe, expect, test } from "vitest";
import { engineChecks, hostChecks, toolChecks } from "./checks.ts";
import type { Host } from "./host.ts";

const MOUNT_V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw";
const GOOD: Readonly<Record<string, string>> = {
  "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
  "/proc/self/uid_map": "0 0 4294967295\n",
  "/proc/sys/user/max_user_namespaces": "63000\n",
  "/proc/self/mountinfo": MOUNT_V2,
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
  "/proc/sys/kernel/seccomp/actions_avail": "kill_process errno allow\n",
};

/** A host with these files, programs and rights. */
function host(given: {
  files?: Readonly<Record<string, string | null>>;
  programs?: Readonly<Record<string, { version: string | null; setuid?: boolean }>>;
  writable?: boolean;
  uid?: number;
}): Host {
  const files: Readonly<Record<string, string | null>> = { ...GOOD, ...given.files };
  const programs = given.programs ?? {};
  return {
    uid: given.uid ?? 0,
    read: async (path) => files[path] ?? null,
    writable: async () => given.writable ?? true,
    find: async (program) => {
      const found = programs[program];
      return found === undefined ? null : { path: `/usr/bin/${program}`, setuid: found.setuid ?? false };
    },
    ask: async (path) => programs[path.replace("/usr/bin/", "")]?.version ?? null,
  };
}

const statuses = async (given: Parameters<typeof host>[0]) =>
  Object.fromEntries((await hostChecks(host(given))).map(({ name, status }) => [name, status]));

describe("the host", () => {
  test("a current one with cgroup v2 has all", async () => {
    expect(await statuses({})).toEqual({ kernel: "ok", "user namespaces": "ok", "cgroup v2": "ok", seccomp: "ok" });
  });

  test.each([
    ["an old kernel", { files: { "/proc/sys/kernel/osrelease": "4.19.0" } }, { kernel: "warn" }],
    ["no Linux", { files: { "/proc/sys/kernel/osrelease": null } }, { kernel: "fail" }],
    ["no user namespaces", { files: { "/proc/sys/user/max_user_namespaces": "0\n" } }, { "user namespaces": "fail" }],
    [
      "user namespaces restricted by AppArmor, for a user",
      { uid: 1000, files: { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" } },
      { "user namespaces": "fail" },
    ],
    [
      "the same, for root",
      { uid: 0, files: { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" } },
      { "user namespaces": "ok" },
    ],
    ["no right to the control groups", { uid: 1000, writable: false }, { "cgroup v2": "warn", cgroups: "warn" }],
    ["no control groups", { files: { "/proc/self/mountinfo": "" } }, { cgroups: "warn" }],
    [
      "control groups of version 1",
      {
        files: {
          "/proc/self/mountinfo": ["memory", "pids", "cpu"]
            .map((name) => `31 30 0:27 / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}`)
            .join("\n"),
        },
      },
      { "cgroup v1": "ok" },
    ],
    ["no seccomp", { files: { "/proc/sys/kernel/seccomp/actions_avail": null } }, { seccomp: "fail" }],
  ])("%s", async (_, given, expected) => {
    expect(await statuses(given)).toMatchObject(expected);
  });

  test("every failure says what to do", async () => {
    const bad = host({ files: Object.fromEntries(Object.keys(GOOD).map((name) => [name, null])) });
    for (const { status, fix } of await hostChecks(bad)) expect(status === "ok" || fix !== null).toBe(true);
  });
});

describe("the tools", () => {
  const find = async (programs: Parameters<typeof host>[0]["programs"], name: string) =>
    (await toolChecks(host({ programs: programs ?? {} }))).filter((check) => check.name.startsWith(name));

  test("bubblewrap that is missing fails, with the command that installs it", async () => {
    expect(await find({}, "bubblewrap")).toMatchObject([{ status: "fail", fix: "apt-get install bubblewrap" }]);
  });

  test("others that are missing are only told", async () => {
    expect(await find({}, "runc")).toMatchObject([{ status: "info", fix: "apt-get install runc" }]);
  });

  test("versions are read however the tool says them", async () => {
    const programs = {
      bwrap: { version: "bubblewrap 0.12.1" },
      runc: { version: "runc version 1.5.2+ds1" },
      runsc: { version: "runsc version release-20261005.0" },
      crun: { version: "crun version 1.30" },
      docker: { version: "29.5.0" },
    };
    const checks = await toolChecks(host({ programs }));
    expect(checks.map(({ status, detail }) => `${status} ${detail}`)).toEqual([
      "ok 0.12.1 at /usr/bin/bwrap",
      "ok 1.5.2+ds1 at /usr/bin/runc",
      "ok 1.30 at /usr/bin/crun",
      "ok 20261005.0 at /usr/bin/runsc",
      "ok 29.5.0 at /usr/bin/docker",
    ]);
  });

  test("a setuid bubblewrap with a known hole fails; without setuid it does not", async () => {
    const hole = { status: "fail", detail: expect.stringContaining("CVE-2026-41163") as string };
    expect(await find({ bwrap: { version: "bubblewrap 0.11.1", setuid: true } }, "bubblewrap 0")).toContainEqual(
      expect.objectContaining(hole),
    );
    const plain = await find({ bwrap: { version: "bubblewrap 0.11.1" } }, "bubblewrap 0");
    expect(plain.filter(({ status }) => status === "fail")).toEqual([]);
  });

  test("known escapes of a tool that no engine uses yet are warnings, with the fixed versions", async () => {
    const checks = await find({ runc: { version: "runc version 1.1.11" } }, "runc 1.1.11");
    expect(checks.map(({ status }) => status)).toEqual(checks.map(() => "warn"));
    expect(checks.map(({ detail }) => detail.split(":")[0])).toContain("CVE-2024-21626");
    expect(checks.find(({ detail }) => detail.startsWith("CVE-2025-31133"))?.fix).toContain("1.2.8, 1.3.3, 1.4.0-rc.3");
  });
});

describe("the engines", () => {
  const engine = (given: Partial<EngineInfo>): EngineInfo => ({
    engine: "bubblewrap",
    isolation: "namespace",
    available: true,
    allowed: true,
    isDefault: true,
    version: "0.12.0",
    reason: null,
    fix: null,
    belts: [{ name: "seccomp", on: true, detail: "" }],
    ...given,
  });

  test("one that isolates is enough", () => {
    expect(engineChecks([engine({})])).toMatchObject([{ status: "ok", detail: "isolation namespace, all 1 belts on" }]);
  });

  test("a missing belt is a warning that names it", () => {
    const belts = [{ name: "memory", on: false, detail: "no cgroup" }];
    expect(engineChecks([engine({ belts })])).toMatchObject([
      { status: "warn", detail: "isolation namespace, without memory (no cgroup)" },
    ]);
  });

  test("none that isolates fails, with its fix, even when the unsafe one is there", () => {
    const missing = engine({ available: false, reason: "bwrap is missing", fix: "apt-get install bubblewrap" });
    const unsafe = engine({ engine: "subprocess", isolation: "none" });
    expect(engineChecks([unsafe, missing])).toContainEqual({
      name: "isolation",
      status: "fail",
      detail: "no engine on this host isolates programs: runs are refused",
      fix: "apt-get install bubblewrap",
    });
  });
});
