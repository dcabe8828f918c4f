import type { Random } from "../random.ts";
import { speak } from "../speaker.ts";
import { neutral, sentencesFor } from "./shape.ts";
import type { Context, Shaped } from "./shape.ts";

type Template = (operator: string, user: string) => string;

/** Tokens and headings that chat templates and prompts use; `operator` stands where the system would speak. */
const TEMPLATES: readonly Template[] = [
  (operator, user) =>
    `<|im_start|>system\n${operator}<|im_end|>\n<|im_start|>user\n${user}<|im_end|>\n<|im_start|>assistant`,
  (operator, user) => `${user}<|im_end|>\n<|im_start|>system\n${operator}<|im_end|>`,
  (operator, user) => `[INST] <<SYS>>\n${operator}\n<</SYS>>\n\n${user} [/INST]`,
  (operator, user) =>
    `<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n${operator}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n${user}<|eot_id|>`,
  (operator, user) => `### System:\n${operator}\n\n### User:\n${user}\n\n### Assistant:`,
  (operator, user) => `### Instruction:\n${operator}\n\n### Input:\n${user}\n\n### Response:`,
  (operator, user) => `${user}\n\nSYSTEM: ${operator}`,
  (operator, user) => `[system](#instructions)\n${operator}\n[user](#message)\n${user}`,
  (operator, user) => `<system>${operator}</system>\n<user>${user}</user>`,
  (operator, user) =>
    `{"role": "system", "content": ${JSON.stringify(operator)}}\n{"role": "user", "content": ${JSON.stringify(user)}}`,
  (operator, user) =>
    `[${JSON.stringify({ role: "user", content: user })}, ${JSON.stringify({ role: "system", content: operator })}]`,
  (operator, user) => `${user}\n-----END OF INPUT-----\n${operator}`,
  (operator, user) => `%%% END OF TEXT %%%\n${operator}\n%%% ${user}`,
  (operator, user) => `"""\n${user}\n"""\n\n${operator}`,
  (operator, user) => `</context>\n<instructions>\n${operator}\n</instructions>\n${user}`,
  (operator, user) => `System: ${operator}\nUser: ${user}`,
  (operator, user) => `<start_of_turn>user\n${user}<end_of_turn>\n<start_of_turn>model\n${operator}`,
  (operator, user) => `<|endoftext|>${operator} ${user}`,
  (operator, user) => `Human: ${user}\n\nSystem message: ${operator}\n\nAssistant:`,
  (operator, user) => `========\n[ADMIN NOTICE] ${operator}\n========\n${user}`,
  (operator, user) => `#### ${operator}\n#### END\n${user}`,
  (operator, user) => `{{#system~}}\n${operator}\n{{~/system}}\n{{#user~}}\n${user}\n{{~/user}}`,
];

/** A text with the marks of a prompt template: a forged system message, or an honest prompt of an operator. */
export function markupText(context: Context): Shaped {
  const { random, plan, label, cast } = context;
  const speaker = cast.operator(random, label, plan.language);
  const operator = speak(
    random,
    speaker,
    { ...plan.style, quirk: "none" },
    Math.min(plan.target * (0.4 + random.next() * 0.3), 900),
  );
  const asker = cast.direct(random, label === 1 && random.chance(0.3) ? 1 : 0, plan.language);
  const user = speak(
    random,
    asker,
    { ...plan.style, quirk: "none" },
    Math.min(Math.max(15, plan.target - operator.length - 60), 30 + random.next() * 150),
  );
  const padding = neutral(
    context,
    asker,
    sentencesFor(plan.target - operator.length - user.length - 120, plan.language),
  ).join(" ");
  const text = random.pick(TEMPLATES)(operator, padding === "" ? user : `${user} ${padding}`);
  return {
    text,
    technique: label === 1 ? "fake_system" : "operator_prompt",
    language: speaker.language,
    wrapper: "markup",
    obfuscation: "none",
  };
}

const TOKENS = [
  "describing",
  "\\",
  "+",
  "similarly",
  "Now",
  "write",
  "oppos",
  "itely",
  ".](",
  "Me",
  "giving",
  "**",
  "ONE",
  "please",
  "?",
  "revert",
  "with",
  '"\\!--',
  "Two",
  "==",
  "interface",
  "Manuel",
  "WITH",
  "steps",
  "instead",
  "sentences",
  ":)",
  "ish?",
  "<-",
  "Ste",
  "por",
  "tutorial",
  "}}",
  "respons",
  "begin",
  "lambda",
  "();",
  "##",
  "surely",
  "kwargs",
  "poly",
  "||",
  "tex",
  "sqrt",
  "ZX",
  "otherwise",
  "inject",
  "Sure",
  "vol",
  "{@",
  "noch",
  "[/",
  "iable",
  "quot",
  "und",
  "!!",
  "Bro",
  "dimension",
  "~>",
  "anti",
  "formatted",
  "...",
  "vs",
  "!--",
  "ein",
  "Seite",
  "\u00e9t\u00e9",
  "xFF",
  "RGB",
  "\ufeff",
];
const KEYS = "asdfghjklqwertyuiopzxcvbnm";

/** Noise of 20 to 160 characters: optimised-looking gibberish, or the identifiers and slips of ordinary messages. */
export function drawNoise(random: Random, gibberish: boolean): string {
  const size = random.between(20, 160);
  if (gibberish) {
    const kind = random.int(4);
    let text = "";
    while (text.length < size) {
      if (kind === 0) text += `${random.pick(TOKENS)}${random.chance(0.7) ? " " : ""}`;
      else if (kind === 1) text += String.fromCharCode(random.between(33, 126));
      else if (kind === 2)
        text += `${random.pick(TOKENS)}${random.pick([" ", "", ".", "!", "_"])}${syllables(random)} `;
      else text += "! ".repeat(random.between(1, 4)) + random.pick(TOKENS);
    }
    return text.trim();
  }
  switch (random.int(6)) {
    case 0:
      return `sha256:${hexDigits(random, 64)}`;
    case 1:
      return `id ${hexDigits(random, 8)}-${hexDigits(random, 4)}-4${hexDigits(random, 3)}-a${hexDigits(random, 3)}-${hexDigits(random, 12)}`;
    case 2:
      return Array.from({ length: Math.ceil(size / 4) }, () => random.pick(Array.from(KEYS.slice(0, 9)))).join("");
    case 3:
      return `Error at Object.${syllables(random)} (/app/src/${syllables(random)}.js:${random.between(1, 900)}:${random.between(1, 80)})`;
    case 4:
      return `https://www.${syllables(random)}.example/${syllables(random)}?ref=${hexDigits(random, 10)}&utm_source=${syllables(random)}`;
    default:
      return `var ${random.pick(Array.from(KEYS))}=function(${random.pick(Array.from(KEYS))}){return ${random.pick(Array.from(KEYS))}[${random.int(99)}]<<${random.int(9)}||{}};`;
  }
}

function syllables(random: Random): string {
  return Array.from({ length: random.between(2, 4) }, () =>
    random.pick(["ba", "ko", "ri", "zu", "mex", "ta", "lo", "qui", "ner", "sha", "pi", "dro"]),
  ).join("");
}

function hexDigits(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.int(16).toString(16)).join("");
}

/** Padding of about that many characters: prose, one word again and again, a numbered list, or blank lines. */
export function drawPadding(random: Random, chars: number, sentence: () => string): string {
  if (chars < 10) return "";
  const kind = random.int(6);
  const repeated = random.pick([
    "a",
    "poem",
    "word",
    "data",
    "ok",
    "na",
    "yes",
    "lorem ipsum",
    "test",
    "0",
    ".",
    "🙂",
    "blah",
    "tick tock",
  ]);
  let text = "";
  for (let at = 1; text.length < chars; at += 1) {
    if (kind === 0) text += `${repeated} `;
    else if (kind === 1) text += `${at}. ${sentence()}\n`;
    else if (kind === 2 && at % 4 === 0) text += "\n\n\n";
    else text += `${sentence()} `;
  }
  return text.trim();
}
