type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

/** The text of a content: a string, or the text parts of a list. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => (isFields(part) && typeof part["text"] === "string" ? part["text"] : ""))
    .filter((text) => text !== "")
    .join("\n");
}

/** All that a request tells the model, and the last thing that the user says. */
export interface Told {
  readonly all: string;
  readonly last: string;
}

/** Reads messages, input or prompt of any of the formats. Never throws: the stub takes what comes. */
export function toldBy(body: Fields): Told {
  const input = body["messages"] ?? body["input"] ?? body["prompt"];
  if (typeof input === "string") return { all: input, last: input };
  const items: unknown[] = Array.isArray(input) ? input : [];
  const texts = items.map((item) => (isFields(item) ? textOf(item["content"] ?? item["output"]) : String(item)));
  const users = items.flatMap((item, i) => (!isFields(item) || item["role"] === "user" ? [texts[i] ?? ""] : []));
  return { all: texts.join("\n"), last: users.at(-1) ?? texts.at(-1) ?? "" };
}

/** A count that grows with the text: four characters are about one token of an English text. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
