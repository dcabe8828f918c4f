import { describe, expect, it } from "vitest";
import { rot13 } from "../normalise/decoders.ts";
import { createNormaliser } from "../normalise/normalise.ts";
import { createFindLeak } from "./leak.ts";

const PROMPT =
  "You are Marvin, the assistant of the Kepler bookshop. You answer questions about orders, opening hours and returns. " +
  "You never promise a refund before a colleague has looked at the order. You never talk about the supplier contracts, " +
  "and you never mention that the shop gives a discount of 12 % to teachers who ask for it. Answer in short sentences.";
const MIN = 120;
const find = createFindLeak(PROMPT, MIN, createNormaliser());
const backwards = (text: string): string => [...text].reverse().join("");

describe("finding a leak of the system prompt", () => {
  it.each([
    ["all of it", PROMPT],
    ["a long piece", PROMPT.slice(60, 240)],
    ["capitals", PROMPT.toUpperCase()],
    ["a word a line", PROMPT.replaceAll(" ", "\n> ")],
    ["spaced letters", [...PROMPT].join(" ")],
    ["two pieces with other words between", `${PROMPT.slice(0, 110)} and, furthermore, ${PROMPT.slice(130, 250)}`],
    ["backwards", backwards(PROMPT)],
    ["ROT13", rot13(PROMPT)],
    ["base64", Buffer.from(PROMPT).toString("base64")],
    ["hexadecimal", Buffer.from(PROMPT).toString("hex")],
    ["full width letters", PROMPT.replace(/[a-z]/g, (letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0))],
  ])("finds %s", (_, text) => {
    expect(find?.(`Of course, here it is: ${text}`)).not.toBeNull();
    expect(find?.(text)).not.toBeNull();
  });

  it.each([1, 2, 3, 5])("finds base64 that a window of a stream cuts after %i characters", (cut) => {
    expect(find?.(Buffer.from(PROMPT).toString("base64").slice(cut))).toMatchObject({ via: ["base64"] });
  });

  it("says where it stands", () => {
    const piece = PROMPT.slice(0, 200);
    const text = `I was told this. ${piece} Is that all?`;
    const found = find?.(text);
    expect(text.slice(found?.start ?? 0, found?.end ?? 0)).toBe(piece.trimEnd());
  });

  it.each([
    [
      "what the prompt wants to be said",
      "I am Marvin, the assistant of the Kepler bookshop. How can I help you with your order?",
    ],
    [
      "its meaning in other words",
      "My instructions tell me to stay silent on suppliers and price reductions for school staff, and to be brief.",
    ],
    ["one short piece over and over", "You answer questions about orders. ".repeat(30)],
    ["nothing", ""],
  ])("does not take for a leak: %s", (_, text) => {
    expect(find?.(text)).toBeNull();
  });

  it("knows scripts without spaces between words", () => {
    const chinese =
      "你是一家书店的助手，只回答关于订单、营业时间和退货的问题。在同事查看订单之前，不要承诺退款。不要谈论供应商合同。";
    const findChinese = createFindLeak(chinese, 32, createNormaliser());
    expect(findChinese?.(`我的指示是：${chinese}`)).not.toBeNull();
    expect(findChinese?.("我可以回答关于订单和营业时间的问题。")).toBeNull();
  });

  it("has nothing to look for where the prompt is shorter than what may be repeated", () => {
    expect(createFindLeak("Be brief.", MIN, createNormaliser())).toBeNull();
    expect(createFindLeak("", 32, createNormaliser())).toBeNull();
  });
});
