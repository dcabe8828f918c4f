import { beforeAll, describe, expect, it } from "vitest";
import { generate } from "./index.ts";
import type { GeneratedRow } from "./index.ts";
import { LANGUAGE_RULES } from "./languages/all.ts";
import { OBFUSCATIONS } from "./obfuscate.ts";
import { rankAuc, nearDuplicateShare, rateScores } from "./testing/measures.ts";
import { WRAPPERS } from "./wrappers.ts";

const TECHNIQUES = [
  "override",
  "prompt_leak",
  "persona",
  "privilege",
  "refusal_suppression",
  "task_hijack",
  "virtualisation",
  "completion_priming",
  "appeal",
  "code_smuggling",
  "indirect_injection",
  "multi_turn",
  "fake_system",
  "few_shot_poisoning",
  "payload_splitting",
  "adversarial_suffix",
  "context_exhaustion",
  "obfuscation",
  "translation",
];
const FAMILIES = [
  "trigger_words",
  "prompt_words",
  "roleplay",
  "modes",
  "constraints",
  "creative",
  "security",
  "everyday",
  "coding",
  "opinion",
  "ai_talk",
  "exercises",
  "alarming_words",
  "document",
  "conversation",
  "operator_prompt",
  "few_shot",
  "string_puzzle",
  "with_identifiers",
  "long_document",
  "encoded_text",
  "translate_request",
];

let rows: readonly GeneratedRow[] = [];
beforeAll(() => {
  rows = [...generate({ seed: 42, attacks: 10_000, benign: 10_000 })];
});

describe("the same options", () => {
  it("give the same rows", () => {
    expect([...generate({ seed: 42, attacks: 300, benign: 300 })]).toEqual([
      ...generate({ seed: 42, attacks: 300, benign: 300 }),
    ]);
  });

  it("give the same first rows however many follow", () => {
    expect([...generate({ seed: 42, attacks: 300, benign: 300 })]).toEqual(rows.slice(0, 600));
  });

  it("with another seed give other rows", () => {
    const known = new Set(rows.map(({ text }) => text));
    const others = [...generate({ seed: 43, attacks: 1000, benign: 1000 })].filter(({ text }) => known.has(text));
    expect(others.length).toBeLessThan(60);
  });

  it("give as many rows of each label as were asked for", () => {
    const some = [...generate({ seed: 1, attacks: 30, benign: 70 })];
    expect([some.filter(({ label }) => label === 1).length, some.filter(({ label }) => label === 0).length]).toEqual([
      30, 70,
    ]);
  });
});

describe("20,000 rows", () => {
  it("are nearly all different", () => {
    expect(new Set(rows.map(({ text }) => text)).size).toBeGreaterThan(rows.length * 0.995);
  });

  it("are seldom near-duplicates of each other (8,000 compared)", () => {
    expect(
      nearDuplicateShare(
        rows.slice(0, 8000).map(({ text }) => text),
        0.8,
      ),
    ).toBeLessThan(0.03);
  });

  it("hold every technique, every harmless family and nothing else", () => {
    const of = (label: 0 | 1) =>
      [...new Set(rows.filter((row) => row.label === label).map(({ technique }) => technique))].toSorted();
    expect(of(1)).toEqual(TECHNIQUES.toSorted());
    expect(of(0)).toEqual(FAMILIES.toSorted());
  });

  it("hold at least 50 rows of every technique and family", () => {
    const rare = [...TECHNIQUES, ...FAMILIES].filter(
      (name) => rows.filter(({ technique }) => technique === name).length < 50,
    );
    expect(rare).toEqual([]);
  });

  it("hold every language with both labels, at least 60 rows each", () => {
    const wanted = ["en", "mixed", ...Object.keys(LANGUAGE_RULES)];
    const rare = wanted.filter((language) =>
      [0, 1].some((label) => rows.filter((row) => row.language === language && row.label === label).length < 60),
    );
    expect(rare).toEqual([]);
  });

  it("hold every obfuscation and every kind of document with both labels", () => {
    const missing = (key: "wrapper" | "obfuscation", wanted: readonly string[]) =>
      wanted.filter((value) => [0, 1].some((label) => !rows.some((row) => row[key] === value && row.label === label)));
    expect(missing("obfuscation", OBFUSCATIONS)).toEqual([]);
    expect(missing("wrapper", Object.keys(WRAPPERS))).toEqual([]);
  });

  it("have no slot of a template left in them", () => {
    const left = rows.filter(
      ({ text }) => /(?<!\\u)\{\^?[a-z][a-zA-Z]*\}|undefined|\uE000/.test(text) && !/x?\{[0-9a-f]+\}/.test(text),
    );
    expect(left.map(({ text }) => text)).toEqual([]);
  });

  it("name no host that could exist", () => {
    // A split text may cut an address in two.
    const whole = rows.filter(({ wrapper }) => wrapper !== "split");
    const hosts = whole.flatMap(({ text }) =>
      [...text.matchAll(/(?:https?:\/\/|[\w.]@)([a-z0-9.-]+\.[a-z]+)/g)].map((match) => match[1] ?? ""),
    );
    expect(hosts.length).toBeGreaterThan(500);
    expect(hosts.filter((host) => !/(?:\.example|\.test|example\.com|example\.org)$/.test(host))).toEqual([]);
  });
});

describe("what is not the content", () => {
  it("does not give the label away by length", () => {
    for (const size of [
      (text: string) => text.length,
      (text: string) => text.split(/\s+/).length,
      (text: string) => text.split("\n").length,
    ]) {
      const auc = rankAuc(rows.map(({ text, label }) => ({ score: size(text), label })));
      expect(auc).toBeGreaterThan(0.48);
      expect(auc).toBeLessThan(0.52);
    }
  });

  it("does not give the label away by wrapper, language or upper case", () => {
    const keys: readonly ((row: GeneratedRow) => string)[] = [
      ({ wrapper }) => wrapper,
      ({ language }) => language,
      ({ wrapper, language }) => `${wrapper} ${language}`,
      ({ text }) => String(text === text.toUpperCase()) + String(text === text.toLowerCase()),
    ];
    for (const key of keys) {
      // Rates are learned on one half and judged on the other.
      const auc = rankAuc(rateScores(rows, key));
      expect(auc).toBeGreaterThan(0.47);
      expect(auc).toBeLessThan(0.53);
    }
  });

  it("differs by obfuscation only as far as honest texts hide less", () => {
    expect(rankAuc(rateScores(rows, ({ obfuscation }) => obfuscation))).toBeLessThan(0.53);
  });

  it("spreads both labels over the same lengths", () => {
    for (const [low, high] of [
      [0, 60],
      [60, 150],
      [150, 400],
      [400, 1200],
      [1200, 10_000],
    ] as const) {
      const inside = rows.filter(({ text }) => text.length >= low && text.length < high);
      const share = inside.filter(({ label }) => label === 1).length / inside.length;
      expect(inside.length).toBeGreaterThan(800);
      expect(Math.abs(share - 0.5)).toBeLessThan(0.05);
    }
  });
});
