import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadShippedModel } from "../bayes/shipped.ts";
import { BAYES_POLICY, DEFAULT_POLICY, defaultPolicyPath } from "./default.ts";
import { PolicyError } from "./errors.ts";
import { loadPolicy, parsePolicy, policyHash } from "./parse.ts";

const SMALL = `version: 1
stages:
  - name: bayes
    allowBelow: 0.1
    blockAtOrAbove: 0.9
`;

/** The problems of a text that must not parse. */
function problemsOf(text: string): string[] {
  try {
    parsePolicy(text, { file: "p.yaml" });
  } catch (error) {
    if (error instanceof PolicyError) return error.message.split("\n");
    throw error;
  }
  throw new Error("it was accepted");
}

describe("the default policy", () => {
  it("is the same in code and in its file", async () => {
    expect(await loadPolicy(defaultPolicyPath())).toEqual(DEFAULT_POLICY);
  });

  it("has, with Bayes alone, the thresholds of the shipped filter", async () => {
    const { thresholds } = await loadShippedModel();
    expect(BAYES_POLICY.stages).toHaveLength(1);
    expect(BAYES_POLICY.stages[0]).toMatchObject({
      allowBelow: thresholds.allowBelow,
      blockAtOrAbove: thresholds.blockFrom,
    });
  });

  it("fills what a file leaves out", () => {
    expect(parsePolicy(SMALL)).toEqual({
      ...DEFAULT_POLICY,
      stages: [{ name: "bayes", allowBelow: 0.1, blockAtOrAbove: 0.9, timeoutMs: 1_000, fail: "closed" }],
    });
  });
});

describe("a policy file that is wrong", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    [
      "an unknown stage",
      SMALL.replace("bayes", "transfomer"),
      'p.yaml:3:11: stages[0].name: no stage "transfomer"; there is: bayes, transformer',
    ],
    [
      "a threshold above 1",
      SMALL.replace("0.9", "9"),
      "p.yaml:5:21: stages[0].blockAtOrAbove: must be a number from 0 to 1",
    ],
    [
      "a threshold in words",
      SMALL.replace("0.1", "low"),
      "p.yaml:4:17: stages[0].allowBelow: must be a number from 0 to 1",
    ],
    [
      "crossed thresholds",
      SMALL.replace("0.1", "0.95"),
      "p.yaml:4:17: stages[0].allowBelow: must not be above blockAtOrAbove: a text cannot be allowed and blocked at once",
    ],
    [
      "a missing threshold",
      SMALL.replace("    allowBelow: 0.1\n", ""),
      "p.yaml:3:5: stages[0].allowBelow: is missing; must be a number from 0 to 1",
    ],
    [
      "an unknown key",
      `${SMALL}    treshold: 1\n`,
      'p.yaml:6:5: stages[0]: unknown key "treshold"; there is: name, allowBelow, blockAtOrAbove, timeoutMs, fail, model',
    ],
    [
      "a model that is no name",
      `${SMALL}    model: 7\n`,
      "p.yaml:6:12: stages[0].model: must be ORG/NAME, ORG/NAME@COMMIT, or a path that begins with /, ./ or ../",
    ],
    ["another fail", `${SMALL}    fail: ajar\n`, "p.yaml:6:11: stages[0].fail: must be closed or open"],
    [
      "no time",
      `${SMALL}    timeoutMs: 0\n`,
      "p.yaml:6:16: stages[0].timeoutMs: must be a whole number from 1 to 600000",
    ],
    ["another version", SMALL.replace("1\n", "2\n"), "p.yaml:1:10: version: must be 1, the version of the format"],
    ["no stages", "version: 1\nstages: []\n", "p.yaml:2:9: stages: must name at least one stage"],
    [
      "a stage twice",
      `${SMALL}  - {name: bayes, allowBelow: 0, blockAtOrAbove: 1}\n`,
      "p.yaml:3:3: stages: must name each stage once",
    ],
    [
      "an unknown role",
      `${SMALL}screen:\n  roles: [user, robot]\n`,
      "p.yaml:7:17: screen.roles[1]: must be one of: system, developer, user, assistant, tool, function",
    ],
    [
      "too much overlap",
      `${SMALL}window: {size: 1000, overlap: 900}\n`,
      "p.yaml:6:31: window.overlap: must be at most half of size",
    ],
    ["a list for a mapping", `${SMALL}cache: []\n`, "p.yaml:6:8: cache: must be a mapping of: maxEntries, ttlMs"],
    [
      "an action that cannot be",
      `${SMALL}output:\n  text: {action: redact}\n`,
      "p.yaml:7:18: output.text.action: must be one of: off, flag, block",
    ],
    [
      "a leak that is longer than the window",
      `${SMALL}output: {window: 256, promptLeak: {minChars: 129}}\n`,
      "p.yaml:6:46: output.promptLeak.minChars: must be at most half of output.window, in which it is looked for",
    ],
    [
      "nothing",
      "",
      "p.yaml:1:1: must be a mapping of: version, stages, screen, window, cache, output, evidence, storeText",
    ],
  ];
  it.each(cases)("says where and what would be right: %s", (_, text, expected) => {
    expect(problemsOf(text)).toContain(expected);
  });

  it("tells all problems at once", () => {
    expect(problemsOf(SMALL.replace("0.1", "-1").replace("bayes", "x"))).toHaveLength(2);
  });

  it("points into what is no YAML", () => {
    expect(problemsOf("version: 1\nstages: [\n")[0]).toMatch(/^p\.yaml:\d+:\d+: \S/);
    expect(problemsOf("version: 1\nversion: 1\n")[0]).toMatch(/^p\.yaml:2:1: .*unique/);
  });

  it("refuses bombs, depth and bulk", () => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x]",
      ...[..."bcdefgh"].map((name, i) => `${name}: &${name} [${`*${"abcdefg"[i]},`.repeat(8)}]`),
    ];
    for (const text of [bomb.join("\n"), "[".repeat(30_000), "- ".repeat(30_000), " ".repeat(70_000)]) {
      expect(() => parsePolicy(text)).toThrow(PolicyError);
    }
  });

  it("gives a policy or a PolicyError for any text", async () => {
    const whole = await readFile(defaultPolicyPath(), "utf8");
    const mutated = fc
      .tuple(
        fc.nat(whole.length),
        fc.nat(20),
        fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom("- ", "&a", "*a", "{", "?", "!!set", "\t")),
      )
      .map(([at, gone, put]) => whole.slice(0, at) + put + whole.slice(at + gone));
    fc.assert(
      fc.property(fc.oneof(fc.string(), mutated), (text) => {
        try {
          expect(parsePolicy(text).stages.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof PolicyError)) throw error;
          for (const { line, column, message } of error.problems) {
            expect(line).toBeGreaterThan(0);
            expect(column).toBeGreaterThan(0);
            expect(message).not.toBe("");
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("policyHash", () => {
  it("changes with what bears on a verdict, and with nothing else", () => {
    const base = policyHash(DEFAULT_POLICY);
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    expect(policyHash({ ...DEFAULT_POLICY, storeText: true, cache: { maxEntries: 1, ttlMs: 1 } })).toBe(base);
    expect(policyHash({ ...DEFAULT_POLICY, evidence: 4 })).not.toBe(base);
    expect(policyHash({ ...DEFAULT_POLICY, window: { size: 8_192, overlap: 1_024 } })).not.toBe(base);
    const [stage] = DEFAULT_POLICY.stages;
    if (stage === undefined) throw new Error("no stage");
    expect(policyHash({ ...DEFAULT_POLICY, stages: [{ ...stage, allowBelow: 0.02 }] })).not.toBe(base);
  });
});
