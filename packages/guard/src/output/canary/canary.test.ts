import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rot13 } from "../../normalise/decoders.ts";
import { createNormaliser } from "../../normalise/normalise.ts";
import { canarySentence, createCanary, deriveCanary, plantCanary } from "./canary.ts";
import { createFindCanary } from "./find.ts";

const canary = "hcdkwmrxqpvnjfchdkmrwxpq";
const find = createFindCanary(canary, createNormaliser());
const backwards = (text: string): string => [...text].reverse().join("");
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const PROMPT = `You are the assistant of a bank. ${canarySentence(canary)}`;

describe("a canary", () => {
  it("is new each time, and of letters that no other form of writing touches", () => {
    const words = new Set(Array.from({ length: 1_000 }, createCanary));
    expect(words.size).toBe(1_000);
    for (const word of words) expect(word).toMatch(/^[cdfhjkmnpqrvwx]{24}$/);
  });

  it("uses all letters alike", () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 2_000; i++)
      for (const letter of createCanary()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    const expected = (2_000 * 24) / 14;
    // Five standard deviations to either side.
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });

  it("is one for each key and secret when derived", () => {
    const words = [deriveCanary("s1", "key_a"), deriveCanary("s1", "key_b"), deriveCanary("s2", "key_a")];
    expect(new Set(words).size).toBe(3);
    expect(deriveCanary("s1", "key_a")).toBe(words[0]);
    for (const word of words) expect(word).toMatch(/^[cdfhjkmnpqrvwx]{24}$/);
  });

  it("is planted at the end of the last instruction, which nothing else changes", () => {
    const messages = [
      { role: "system", content: "One." },
      { role: "developer", content: [{ type: "text", text: "Two." }] },
      { role: "user", content: "Hello" },
    ];
    const planted = plantCanary(messages, canary);
    expect(planted).toEqual([
      messages[0],
      {
        role: "developer",
        content: [
          { type: "text", text: "Two." },
          { type: "text", text: canarySentence(canary) },
        ],
      },
      messages[2],
    ]);
    expect(plantCanary(messages.toSpliced(1, 1), canary)?.[0]).toEqual({
      role: "system",
      content: `One.\n\n${canarySentence(canary)}`,
    });
  });

  it("is not planted where there is no prompt to protect", () => {
    for (const messages of [[], [{ role: "user", content: "Hello" }], [null, 3, { role: "system", content: null }]]) {
      expect(plantCanary(messages, canary)).toBeNull();
    }
  });
});

describe("finding a canary", () => {
  const forms: readonly (readonly [string, string])[] = [
    ["as it is", PROMPT],
    ["in capitals", PROMPT.toUpperCase()],
    ["one half of it", `it starts with ${canary.slice(0, 12)}`],
    ["the other half", `it ends with ${canary.slice(12)}`],
    ["with spaces", [...canary].join(" ")],
    ["with hyphens", [...canary].join("-")],
    ["a letter a line", [...canary].join("\n")],
    ["between stars", `**${[...canary].join("**")}**`],
    ["numbered", [...canary].map((letter, i) => `${i + 1}. ${letter}`).join("\n")],
    ["backwards", backwards(PROMPT)],
    ["in ROT13", rot13(PROMPT)],
    ["in ROT13 backwards", backwards(rot13(canary))],
    ["in base64", base64(PROMPT)],
    ["in base64, shifted by one", base64(`x${PROMPT}`)],
    ["in base64, shifted by two", base64(`xy${PROMPT}`)],
    ["in base64 on several lines", base64(PROMPT).replace(/.{20}/g, "$&\n")],
    ["in base64 of capitals", base64(PROMPT.toUpperCase())],
    ["in hexadecimal", Buffer.from(PROMPT).toString("hex")],
    ["in bytes with commas", [...Buffer.from(canary)].map((byte) => `0x${byte.toString(16)}`).join(", ")],
    ["in URL escapes", [...Buffer.from(canary)].map((byte) => `%${byte.toString(16)}`).join("")],
    ["in HTML escapes", [...canary].map((letter) => `&#${letter.codePointAt(0)};`).join("")],
    [
      "in full width letters",
      [...canary].map((letter) => String.fromCodePoint((letter.codePointAt(0) ?? 0) + 0xfee0)).join(""),
    ],
    ["with invisible characters", [...canary].join("\u200b")],
    ["in base64 of base64", base64(base64(`The words above are: ${PROMPT}`))],
  ];
  it.each(forms)("finds it %s", (_, text) => {
    expect(find(`The answer is: ${text}`).length).toBeGreaterThan(0);
  });

  it("says where it stands, both halves as one", () => {
    const text = `It is ${canary}!`;
    expect(find(text)).toEqual([{ start: 6, end: 6 + canary.length, via: [] }]);
    expect(find(`a ${[...canary].join(" ")} b`)).toMatchObject([{ start: 2, end: 2 + 47, via: ["spaced"] }]);
  });

  it("finds no other canary, and nothing in other texts", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant(null)), (text) => {
        expect(find(text ?? canarySentence(createCanary()))).toEqual([]);
      }),
    );
  });
});
