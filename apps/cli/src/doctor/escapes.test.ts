import { describe, expect, test } from "vitest";
import { compareVersions, escapesOf } from "./escapes.ts";
import type { Tool } from "./escapes.ts";

const ids = (tool: Tool, version: string, setuid = false): string[] =>
  escapesOf(tool, version, setuid).map(({ id }) => id);

describe("versions", () => {
  test.each([
    ["1.1.11", "1.1.12"],
    ["1.2.8", "1.10.0"],
    ["1.4.0-rc.2", "1.4.0-rc.3"],
    ["1.4.0-rc.3", "1.4.0"],
    ["1.0.0-rc9", "1.0.0-rc93"],
    ["1.0.0-rc93", "1.0.0"],
    ["release-20260817.0", "release-20260824.0"],
    ["1.19.1", "1.20"],
  ])("%s is older than %s", (older, newer) => {
    expect(compareVersions(older, newer)).toBeLessThan(0);
    expect(compareVersions(newer, older)).toBeGreaterThan(0);
    expect(compareVersions(newer, newer)).toBe(0);
  });
});

describe("known escapes", () => {
  test("knows runc's of 2024 and 2025", () => {
    expect(ids("runc", "1.1.11")).toEqual(
      expect.arrayContaining(["CVE-2024-21626", "CVE-2025-31133", "CVE-2025-52565", "CVE-2025-52881"]),
    );
    expect(ids("runc", "1.1.12")).not.toContain("CVE-2024-21626");
    expect(ids("runc", "1.1.15+ds1")).toContain("CVE-2025-31133");
  });

  test.each([
    ["1.2.7", true],
    ["1.2.8", false],
    ["1.3.2", true],
    ["1.3.3", false],
    ["1.4.0-rc.2", true],
    ["1.4.0-rc.3", false],
    ["1.4.1", false],
    ["1.5.1", false],
  ])("goes by the branch: runc %s is open to CVE-2025-31133: %s", (version, open) => {
    expect(ids("runc", version).includes("CVE-2025-31133")).toBe(open);
  });

  test("a branch that never got the fix stays open", () => {
    expect(ids("runc", "1.2.9")).toContain("CVE-2026-41579");
    expect(ids("runc", "1.3.6")).not.toContain("CVE-2026-41579");
    expect(ids("runc", "1.5.2")).toEqual([]);
  });

  test("setuid holes of bubblewrap need setuid", () => {
    expect(ids("bubblewrap", "0.4.0")).not.toContain("CVE-2020-5291");
    expect(ids("bubblewrap", "0.4.0", true)).toContain("CVE-2020-5291");
    expect(ids("bubblewrap", "0.11.1", true)).toContain("CVE-2026-41163");
    expect(ids("bubblewrap", "0.10.0", true)).not.toContain("CVE-2026-41163");
  });

  test("a current version of each tool has none", () => {
    expect([ids("bubblewrap", "0.12.0"), ids("runsc", "release-20260824.0"), ids("crun", "1.30")]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test("a version nobody can read counts as open", () => {
    expect(ids("runc", "unknown")).toContain("CVE-2025-31133");
  });
});
