import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../limits.ts";
import { findHierarchies } from "./hierarchies.ts";
import { openCgroups } from "./host.ts";

/** Plain directories in place of cgroupfs: shows which files are written, for hosts unlike this one. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "cgroup-test-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function fakeHost(mountinfo: string[], selfCgroup: string[]): { mountinfo: string; selfCgroup: string } {
  const files = { mountinfo: join(root, "mountinfo"), selfCgroup: join(root, "cgroup") };
  writeFileSync(files.mountinfo, mountinfo.join("\n"));
  writeFileSync(files.selfCgroup, selfCgroup.join("\n"));
  return files;
}
const v2Mount = () => {
  const point = join(root, "unified");
  mkdirSync(point);
  writeFileSync(join(point, "cgroup.subtree_control"), "cpu memory pids\n");
  return { point, line: `30 20 0:26 / ${point} rw - cgroup2 cgroup2 rw` };
};
const v1Mount = (name: string, own: string) => {
  const point = join(root, name);
  mkdirSync(join(point, own), { recursive: true });
  return `31 20 0:27 / ${point} rw,relatime - cgroup cgroup rw,${name}`;
};
const read = (...path: string[]): string => readFileSync(join(...path), "utf8");

describe("control groups", () => {
  it("writes the limits of cgroup v2", () => {
    const { point, line } = v2Mount();
    const host = openCgroups(fakeHost([line], ["0::/user.slice/me"]));
    expect(host.belts).toMatchObject({ memory: true, pids: true, cpu: true, kill: true });
    const [instance] = readdirSync(join(point, "crucible")).filter((name) => name.startsWith("p"));
    expect(read(point, "crucible", "cgroup.subtree_control")).toMatch(/\+(cpu|memory|pids)/);
    host.create("r1").limit({ ...DEFAULT_LIMITS, cpus: 0.5 });
    const group = join(point, "crucible", instance ?? "", "r1");
    expect(read(group, "memory.max")).toBe(String(DEFAULT_LIMITS.memoryBytes));
    expect(read(group, "memory.swap.max")).toBe("0");
    expect(read(group, "memory.oom.group")).toBe("1");
    expect(read(group, "pids.max")).toBe("128");
    expect(read(group, "cpu.max")).toBe("50000 100000");
  });

  it("reads the counters of cgroup v2", () => {
    const { point, line } = v2Mount();
    const group = openCgroups(fakeHost([line], ["0::/"])).create("r1");
    const [instance] = readdirSync(join(point, "crucible")).filter((name) => name.startsWith("p"));
    const dir = join(point, "crucible", instance ?? "", "r1");
    writeFileSync(join(dir, "cpu.stat"), "usage_usec 2500\nuser_usec 2000\n");
    writeFileSync(join(dir, "memory.peak"), "4096\n");
    writeFileSync(join(dir, "memory.events"), "low 0\noom 3\noom_kill 2\n");
    writeFileSync(join(dir, "pids.events"), "max 7\n");
    expect(group.usage()).toEqual({ cpuMs: 2.5, peakMemoryBytes: 4096, oomKills: 2, refusedForks: 7 });
  });

  it("lifts the processor quota before it kills, because dying takes processor time", () => {
    const { point, line } = v2Mount();
    const group = openCgroups(fakeHost([line], ["0::/"])).create("r1");
    group.limit({ ...DEFAULT_LIMITS, cpus: 0.05 });
    const [instance] = readdirSync(join(point, "crucible")).filter((name) => name.startsWith("p"));
    const dir = join(point, "crucible", instance ?? "", "r1");
    expect(read(dir, "cpu.max")).toBe("5000 100000");
    // Above every pid that Linux gives: there is nobody to kill.
    writeFileSync(join(dir, "cgroup.procs"), "4194305\n");
    group.kill();
    expect(read(dir, "cpu.max")).toBe("max 100000");
  });

  it("works in the group this process is in on cgroup v1, with swap inside the memory limit", () => {
    const lines = ["memory", "pids", "cpu", "cpuacct"].map((name) => v1Mount(name, "box/inner"));
    const own = ["4:memory:/box/inner", "3:pids:/box/inner", "2:cpu:/box/inner", "1:cpuacct:/box/inner"];
    const host = openCgroups(fakeHost(lines, own));
    expect(host.belts).toMatchObject({ memory: true, pids: true, cpu: true, cpuUsage: true, kill: false });
    host.create("r1").limit(DEFAULT_LIMITS);
    const [instance] = readdirSync(join(root, "memory/box/inner/crucible"));
    const memory = join(root, "memory/box/inner/crucible", instance ?? "", "r1");
    expect(read(memory, "memory.limit_in_bytes")).toBe(String(DEFAULT_LIMITS.memoryBytes));
    expect(read(memory, "memory.memsw.limit_in_bytes")).toBe(String(DEFAULT_LIMITS.memoryBytes));
    expect(read(root, "cpu/box/inner/crucible", instance ?? "", "r1/cpu.cfs_quota_us")).toBe("100000");
  });

  it("says that there is nothing where nothing is mounted or writable", () => {
    const host = openCgroups(fakeHost(["1 0 8:1 / / rw - ext4 /dev/sda rw"], ["0::/"]));
    expect(host.usable).toBe(false);
    expect(host.belts).toMatchObject({ memory: false, pids: false, cpu: false });
    expect(host.belts.detail).toContain("rlimits only");
    expect(findHierarchies({ mountinfo: "/nonexistent", selfCgroup: "/nonexistent" })).toEqual([]);
  });

  it("removes its parents again when it is disposed of", () => {
    const { point, line } = v2Mount();
    const host = openCgroups(fakeHost([line], ["0::/"]));
    // cgroupfs removes its control files with the directory; plain directories need help.
    const instance = readdirSync(join(point, "crucible")).find((name) => name.startsWith("p")) ?? "";
    rmSync(join(point, "crucible", instance, "cgroup.subtree_control"));
    rmSync(join(point, "crucible", "cgroup.subtree_control"));
    host[Symbol.dispose]();
    expect(existsSync(join(point, "crucible"))).toBe(false);
  });
});
