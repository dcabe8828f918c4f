import { describe, expect, it } from "vitest";
import { SpecError } from "../errors.ts";
import { LANGUAGES } from "../languages/table.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import { DEFAULT_COMPILE_LIMITS, DEFAULT_LIMITS, MAX_LIMITS, MIN_LIMITS } from "../limits.ts";
import type { RunSpec } from "../types.ts";
import { commandsOf, planRun } from "./plan.ts";

const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
const bytes = new TextEncoder().encode("x");

function installed(name: string): InstalledLanguage {
  const definition = LANGUAGES.find((language) => language.name === name);
  if (definition === undefined) throw new Error(`no ${name}`);
  const { aliases, extensions, defaultFile, tools } = definition;
  const toolPaths = Object.fromEntries(Object.keys(tools).map((tool) => [tool, `/usr/bin/${tool}`]));
  const compiled = definition.compile !== undefined;
  return { name, aliases, extensions, defaultFile, version: "1.2.3", compiled, definition, toolPaths };
}
const languages = [installed("python"), installed("c"), installed("java")];
const spec = (more: Partial<RunSpec>): RunSpec => ({
  language: "python",
  files: [{ path: "main.py", content: bytes }],
  ...more,
});
const plan = (more: Partial<RunSpec>) => planRun(spec(more), languages, bounds);

describe("planRun", () => {
  it("fills in every default", () => {
    expect(plan({})).toMatchObject({
      entry: "main.py",
      args: [],
      env: {},
      limits: DEFAULT_LIMITS,
      compileLimits: null,
    });
    const c = plan({ language: "C", files: [{ path: "a.c", content: bytes }] });
    expect(c.compileLimits).toEqual(DEFAULT_COMPILE_LIMITS);
  });

  it.each<[string, Partial<RunSpec>, string, string]>([
    ["an unknown language", { language: "cobol" }, "unknown_language", "language"],
    ["a language that is not installed", { language: "ruby" }, "language_not_installed", "language"],
    ["an entry that is no file", { entry: "other.py" }, "invalid_field", "entry"],
    ["NUL in an argument", { args: ["a\0"] }, "invalid_field", "args"],
    ["an argument over 128 KiB", { args: ["x".repeat(131_072)] }, "invalid_field", "args"],
    ["arguments over 1 MiB", { args: Array.from({ length: 9 }, () => "x".repeat(130_000)) }, "invalid_field", "args"],
    ["too many arguments", { args: Array.from({ length: 4097 }, () => "") }, "invalid_field", "args"],
    ["a variable name that is none", { env: { "A=B": "" } }, "invalid_field", "env.A=B"],
    ["NUL in a variable", { env: { A: "\0" } }, "invalid_field", "env"],
    ["a limit over the maximum", { limits: { pids: 5000 } }, "limit_too_high", "limits.pids"],
    ["a limit under the minimum", { limits: { memoryBytes: 1 } }, "invalid_field", "limits.memoryBytes"],
    ["a limit that is no number", { limits: { wallTimeMs: Number.NaN } }, "invalid_field", "limits.wallTimeMs"],
    ["half a process", { limits: { pids: 1.5 } }, "invalid_field", "limits.pids"],
    ["a path that climbs", { files: [{ path: "../x", content: bytes }] }, "invalid_field", "files[0].path"],
  ])("refuses %s", (_, more, code, field) => {
    let caught: unknown;
    try {
      plan(more);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(SpecError);
    expect(caught).toMatchObject({ code, field });
  });

  it("lowers a default to the maximum, but never a wish", () => {
    const low = { min: MIN_LIMITS, max: { ...MAX_LIMITS, wallTimeMs: 1000 } };
    expect(planRun(spec({}), languages, low).limits.wallTimeMs).toBe(1000);
    expect(() => planRun(spec({ limits: { wallTimeMs: 1001 } }), languages, low)).toThrow("maximum here is 1000");
  });
});

describe("commandsOf", () => {
  it("puts arguments behind the program and lets no file name pass for an option", () => {
    const commands = commandsOf(plan({ files: [{ path: "-c", content: bytes }], args: ["--version"] }), "/build");
    expect(commands).toEqual({ compile: null, run: ["/usr/bin/python", "./-c", "--version"] });
  });

  it("compiles the entry with the other units of its kind", () => {
    const files = ["util.c", "main.c", "util.h"].map((path) => ({ path, content: bytes }));
    const commands = commandsOf(plan({ language: "c", files, entry: "main.c" }), "/build");
    expect(commands.compile).toContain("./util.c");
    expect(commands.compile).not.toContain("./util.h");
    expect(commands.compile?.indexOf("./main.c")).toBeLessThan(commands.compile?.indexOf("./util.c") ?? 0);
    expect(commands.run).toEqual(["/build/program"]);
  });

  it("tells the Java heap its limit", () => {
    const files = [{ path: "Main.java", content: bytes }];
    const commands = commandsOf(
      plan({ language: "java", files, limits: { memoryBytes: 100 * 1024 * 1024 } }),
      "/build",
    );
    expect(commands.run).toContain("-Xmx60m");
  });
});
