import type { Random } from "./random.ts";

/**
 * Named lists of templates. In a template
 *
 * - `{name}` is one template of that list, expanded;
 * - `{a|b|}` is one of the alternatives written in place (they may nest and may be empty);
 * - `{^name}` and `{^a|b}` do the same and make the first letter a capital, as does `{^text}`;
 * - `{NAME}` (capitals) is a value given by the caller, the same wherever it stands in the text;
 * - `{a|an}` is the article that fits the word after it;
 * - any other brace is itself, so JSON and code need no escapes.
 */
export type Rules = Readonly<Record<string, readonly string[]>>;

/** Values for the `{NAME}` slots. */
export type Bindings = Readonly<Record<string, string>>;

type Node =
  | { kind: "text"; text: string }
  | { kind: "rule"; name: string; capital: boolean }
  | { kind: "bound"; name: string }
  | { kind: "choice"; options: readonly (readonly Node[])[]; capital: boolean };

/** A compiled set of rules. */
export type Grammar = {
  /** One text from the list `start`. Throws when the list or a bound value is missing. */
  expand(random: Random, start: string, bindings?: Bindings): string;
  /** Whether the grammar has that list. */
  has(name: string): boolean;
};

const NAME = /^[a-z][a-zA-Z0-9]*$/;
// Names of lists with a capital inside: never an ordinary word, so a stray one is a slip.
const CAMEL = /^[a-z]+[A-Z][a-zA-Z0-9]*$/;
// Marks an article that is settled when the next word is known; U+E000 is private, so no template has it.
const ARTICLE = "\uE000";
const BOUND = /^[A-Z][A-Z0-9]*$/;

/** Compiles layers of rules; a later layer replaces lists of an earlier one. Throws on a name that no layer has. */
export function compileGrammar(...layers: readonly Rules[]): Grammar {
  const merged: Rules = Object.assign({}, ...layers) as Rules;
  const rules = new Map<string, readonly (readonly Node[])[]>();
  for (const [name, templates] of Object.entries(merged)) {
    rules.set(
      name,
      templates.map((template) => parse(template, merged)),
    );
  }
  return {
    has: (name) => rules.has(name),
    expand(random, start, bindings = {}) {
      const templates = rules.get(start);
      if (templates === undefined) throw new Error(`the grammar has no list "${start}"`);
      return tidy(write(random.pick(templates), rules, random, bindings));
    },
  };
}

function write(
  nodes: readonly Node[],
  rules: ReadonlyMap<string, readonly (readonly Node[])[]>,
  random: Random,
  bindings: Bindings,
): string {
  let text = "";
  for (const node of nodes) {
    if (node.kind === "text") {
      text += node.text;
    } else if (node.kind === "bound") {
      const value = bindings[node.name];
      if (value === undefined) throw new Error(`no value for {${node.name}}`);
      text += value;
    } else {
      const options = node.kind === "rule" ? (rules.get(node.name) ?? []) : node.options;
      const part = write(random.pick(options), rules, random, bindings);
      text += node.capital ? capitalise(part) : part;
    }
  }
  return text;
}

/** The text with its first letter in upper case. */
export function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// An empty alternative leaves two spaces or one before a full stop; indentation at line starts stays.
function tidy(text: string): string {
  return text
    .replace(/\uE000(?= +[aeiouAEIOU])/g, "n")
    .replaceAll(ARTICLE, "")
    .replace(/(?<=\S) {2,}/g, " ")
    .replace(/ +(?=[.,!?](?:\s|$))/g, "")
    .trim();
}

function parse(template: string, merged: Rules): readonly Node[] {
  const nodes: Node[] = [];
  let text = "";
  let at = 0;
  while (at < template.length) {
    const char = template.charAt(at);
    const end = char === "{" ? closing(template, at) : -1;
    const node = end < 0 ? undefined : slot(template.slice(at + 1, end), merged);
    if (node === undefined) {
      text += char;
      at += 1;
      continue;
    }
    if (text !== "") nodes.push({ kind: "text", text });
    text = "";
    nodes.push(node);
    at = end + 1;
  }
  if (text !== "") nodes.push({ kind: "text", text });
  return nodes;
}

function slot(inner: string, merged: Rules): Node | undefined {
  const capital = inner.startsWith("^");
  const body = capital ? inner.slice(1) : inner;
  if (BOUND.test(body)) return { kind: "bound", name: body };
  if (Object.hasOwn(merged, body)) return { kind: "rule", name: body, capital };
  if (CAMEL.test(body) || (NAME.test(body) && !capital)) throw new Error(`no list "${body}" for {${inner}}`);
  if (body === "a|an") return { kind: "text", text: capital ? `A${ARTICLE}` : `a${ARTICLE}` };
  const parts = alternatives(body);
  if (parts.length < 2 && !capital) return undefined;
  for (const part of parts) {
    if (CAMEL.test(part)) throw new Error(`"${part}" stands as a word in {${inner}}; write {${part}} for the list`);
  }
  return { kind: "choice", capital, options: parts.map((part) => parse(part, merged)) };
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === "{") depth += 1;
    if (char === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

function alternatives(inner: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < inner.length; at += 1) {
    const char = inner.charAt(at);
    if (char === "{") depth += 1;
    if (char === "}") depth -= 1;
    if (char === "|" && depth === 0) {
      parts.push(inner.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(inner.slice(from));
  return parts;
}
