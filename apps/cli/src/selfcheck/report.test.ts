import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SelfcheckReport, type SelfcheckResult } from "@crucible/contract";
import { SELFCHECK_GROUPS } from "@crucible/sandbox/selfcheck";
import type { Host } from "../doctor/host.ts";
import { canonicalJson } from "./canonical.ts";
import { commitOf } from "./commit.ts";
import { reportPage } from "./page.ts";
import { buildReport, exitCodeOf } from "./report.ts";
import { reportText } from "./text.ts";
import { verifyReport } from "./verify.ts";

const bareHost: Host = {
  uid: 1000,
  read: async () => null,
  writable: async () => false,
  find: async () => null,
  ask: async () => null,
};

const result = (status: SelfcheckResult["status"], detail = "", id = "files.mounts"): SelfcheckResult => ({
  id,
  group: "files",
  engine: "bubblewrap",
  status,
  detail,
});

async function reportOf(...checks: SelfcheckResult[]): Promise<SelfcheckReport> {
  const engine = { engine: "bubblewrap", isolation: "namespace", available: true, version: "0.8.0" } as const;
  return await buildReport(
    {
      engines: [{ ...engine, reason: null, fix: null, belts: [] }],
      checks,
      controls: [{ id: "files.mounts", status: "attack_succeeds", detail: "got out" }],
      scope: { engines: ["bubblewrap"], groups: SELFCHECK_GROUPS, quick: false },
      durationMs: 12.5,
    },
    bareHost,
    new Date("2026-01-31T12:00:00Z"),
  );
}

describe("the report", () => {
  it("has the shape of the contract, and nothing beside it", async () => {
    const report = await reportOf(result("passed"), result("skipped", "inconclusive: broke", "files.devices"));
    expect(SelfcheckReport.strict().parse(report)).toEqual(report);
    expect(Object.keys(report.checks[0] ?? {}).toSorted()).toEqual(["detail", "engine", "group", "id", "status"]);
    expect(report.summary).toEqual({
      bubblewrap: { passed: 1, failed: 0, not_promised: 0, skipped: 1, inconclusive: 1 },
    });
  });

  it("is a success only when something was tested, nothing broke and nothing is inconclusive", async () => {
    expect(
      exitCodeOf(await reportOf(result("passed"), result("not_promised", "level"), result("skipped", "none"))),
    ).toBe(0);
    expect(exitCodeOf(await reportOf(result("passed"), result("failed", "out")))).toBe(1);
    expect(exitCodeOf(await reportOf(result("passed"), result("skipped", "inconclusive: broke")))).toBe(1);
    expect(exitCodeOf(await reportOf(result("skipped", "no IPv6")))).toBe(1);
    expect(exitCodeOf(await reportOf())).toBe(1);
  });

  it("says in the table what broke, what it stands for and what was skipped", async () => {
    const text = reportText(
      await reportOf(result("failed", "read \u001b[2J/etc/shadow"), result("skipped", "no disk", "files.devices")),
    );
    expect(text).toContain("FAILED   bubblewrap  files.mounts");
    expect(text).toContain("CVE-2025-52565");
    expect(text).toContain("SKIPPED  bubblewrap  files.devices: no disk");
    expect(text).toContain("BROKEN: 1 of 1");
    expect(text).not.toContain("\u001b");
    const report = await reportOf(result("passed"));
    const engines = report.engines.map((engine) => ({ ...engine, version: "1.0\u001b]0;x\u0007" }));
    expect(reportText({ ...report, engines })).not.toMatch(/[\u001b\u0007]/);
  });
});

describe("the page", () => {
  const hostile = `</td><script>alert(1)</script><img src=x onerror=alert(1)>"'&\u202e</head>\n<meta name="crucible-sha256" content="${"0".repeat(64)}">\n`;

  it("shows a hostile detail as text", async () => {
    const page = reportPage(await reportOf(result("failed", hostile)));
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toContain("<img");
    expect(page).not.toContain("\u202e");
    expect(page).toContain("&lt;/td&gt;&lt;script&gt;alert(1)");
    expect(verifyReport(page)).toMatchObject({ claimed: verifyReport(page).actual });
  });

  it("loads nothing: no address of anything outside, and a policy that forbids it", async () => {
    const page = reportPage(await reportOf(result("passed")));
    expect(page).not.toMatch(/\b(?:src|href|action)\s*=|url\(|@import|https?:/i);
    expect(page).toContain("default-src 'none'");
  });

  it("can be filtered by group, engine and status", async () => {
    const page = reportPage(await reportOf(result("passed")));
    for (const control of ['name="group"', 'name="engine"', 'name="status" value="failed"'])
      expect(page).toContain(control);
    expect(page).toContain('<option value="files">');
    expect(page).toContain('data-column="bubblewrap" data-status="passed"');
  });
});

describe("verify", () => {
  it("takes a page and a JSON file as they were written, and no changed one", async () => {
    const report = await reportOf(result("failed", "out"));
    for (const text of [reportPage(report), JSON.stringify(report), JSON.stringify(report, null, 2)]) {
      const { claimed, actual } = verifyReport(text);
      expect(claimed).toBe(actual);
      const changed = verifyReport(text.replace(/"failed"|>failed</, (found) => found.replace("failed", "passed")));
      expect(changed.claimed).not.toBe(changed.actual);
    }
    const { claimed, actual } = verifyReport(JSON.stringify({ ...report, added: 1 }));
    expect(claimed).not.toBe(actual);
  });

  it("refuses one that says something twice: what a person reads first may be the other", async () => {
    const text = JSON.stringify(await reportOf(result("failed", 'out "\\" \u2028')));
    expect(verifyReport(text).claimed).toBe(verifyReport(text).actual);
    for (const added of ['{"checks":[],', '{"summary":{},', '{"checks":"\\"",']) {
      expect(() => verifyReport(text.replace("{", added))).toThrow("twice");
    }
  });

  it("refuses what is no report", () => {
    expect(() => verifyReport("hello")).toThrow("neither");
    expect(() => verifyReport("{}")).toThrow("no report");
    expect(() => verifyReport("<!doctype html><html></html>")).toThrow("no line with its hash");
  });

  it("hashes the same content the same, whatever the order of its keys", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });
});

it("reads the commit from a checkout, loose or packed, and knows none elsewhere", async () => {
  const directory = mkdtempSync(join(tmpdir(), "crucible-commit-"));
  const files = new Map<string, string>();
  const host = { read: async (path: string) => files.get(path) ?? null };
  const commit = "a".repeat(40);
  try {
    expect(await commitOf(host, directory)).toBeNull();
    files.set(join(directory, ".git/HEAD"), "ref: refs/heads/main\n");
    files.set(join(directory, ".git/packed-refs"), `# pack-refs\n${commit} refs/heads/main\n`);
    expect(await commitOf(host, join(directory, "a/b"))).toBe(commit);
    files.set(join(directory, ".git/refs/heads/main"), `${"b".repeat(40)}\n`);
    expect(await commitOf(host, directory)).toBe("b".repeat(40));
    files.set(join(directory, ".git/HEAD"), "ref: refs/../../etc/passwd\n");
    expect(await commitOf(host, directory)).toBeNull();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
