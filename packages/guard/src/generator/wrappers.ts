import type { Grammar } from "./grammar.ts";
import type { Random } from "./random.ts";

/** What a document is made of. No wrapper looks at the label. */
export type Parts = {
  random: Random;
  /** Frames and words. */
  words: Grammar;
  /** The text that decides the label. */
  note: string;
  /** One neutral sentence. */
  sentence: () => string;
  /** How many neutral sentences the document should have. */
  sentences: number;
};

type Wrapper = (parts: Parts) => string;

/** A document of each kind with the note somewhere in it. */
export const WRAPPERS = {
  email: (parts) => {
    const { random } = parts;
    const cc = random.chance(0.3) ? `\nCc: ${word(parts, "mail")}` : "";
    const head = `From: ${word(parts, "mail")}\nTo: ${word(parts, "mail")}${cc}\nDate: ${word(parts, "date")}\nSubject: ${word(parts, "subject")}`;
    return `${head}\n\n${word(parts, "greeting")} ${word(parts, "person")},\n\n${prose(parts, "\n\n")}\n\n${word(parts, "closing")}\n${word(parts, "person")}`;
  },
  web_page: (parts) => {
    const { random, note } = parts;
    const hidden = random.pick([
      `<p style="display:none">${note}</p>`,
      `<!-- ${note} -->`,
      `<p>${note}</p>`,
      `<div hidden>${note}</div>`,
      `<li>${note}</li>`,
      `<span style="font-size:0;color:#fff">${note}</span>`,
      `<meta name="description" content="${note}">`,
      `<img src="/a.png" alt="${note}">`,
      `<footer>${note}</footer>`,
    ]);
    const body = insert(
      parts,
      lines(parts).map((line) => `<p>${line}</p>`),
      hidden,
    );
    return `<html>\n<head><title>${word(parts, "heading")}</title></head>\n<body>\n<h1>${word(parts, "heading")}</h1>\n${body.join("\n")}\n</body>\n</html>`;
  },
  markdown: (parts) => {
    const { random, note } = parts;
    const placed = random.pick([
      `> ${note}`,
      note,
      `- ${note}`,
      `[//]: # (${note})`,
      `**Note:** ${note}`,
      `![${note}](image.png)`,
      `## ${word(parts, "heading")}\n${note}`,
    ]);
    const body = insert(
      parts,
      lines(parts).map((line) => (random.chance(0.3) ? `- ${line}` : line)),
      placed,
    );
    return `# ${word(parts, "heading")}\n\n${body.join("\n\n")}`;
  },
  code_comment: (parts) => code(parts),
  csv: (parts) => {
    const rows = insert(parts, lines(parts), parts.note).map(
      (text, at) => `${at + 1},${word(parts, "person")},"${text.replaceAll('"', '""')}"`,
    );
    return `id,name,comment\n${rows.join("\n")}`;
  },
  table: (parts) => {
    const rows = insert(parts, lines(parts), parts.note).map(
      (text) => `| ${word(parts, "person")} | ${word(parts, "number")} | ${text.replaceAll("\n", " ")} |`,
    );
    return `| Name | Score | Comment |\n|---|---|---|\n${rows.join("\n")}`;
  },
  json: (parts) => {
    const { random } = parts;
    const key = random.pick(["description", "body", "text", "content", "comment", "bio", "message", "review"]);
    const items = insert(parts, lines(parts), parts.note).map((text) => ({
      id: word(parts, "id"),
      name: word(parts, "person"),
      [key]: text,
    }));
    const value =
      items.length === 1 && random.chance(0.5)
        ? items[0]
        : { [random.pick(["results", "items", "data", "messages"])]: items };
    return JSON.stringify(value, null, random.chance(0.5) ? 2 : 0);
  },
  tool_output: (parts) => {
    const { random } = parts;
    const tool = random.pick([
      "search",
      "read_file",
      "get_email",
      "fetch_url",
      "calendar.list",
      "db.query",
      "weather",
      "list_files",
      "get_reviews",
    ]);
    const body = insert(parts, lines(parts), parts.note);
    if (random.chance(0.35)) return `{"tool": "${tool}", "status": "ok", "output": ${JSON.stringify(body.join("\n"))}}`;
    const joined = body.join("\n");
    return random.pick([
      `<tool_result name="${tool}">\n${joined}\n</tool_result>`,
      `Tool: ${tool}\nResult:\n${joined}`,
      `[${tool}] returned ${body.length} lines\n${joined}`,
      `Observation: ${joined}`,
    ]);
  },
  log: (parts) => {
    const { words, random } = parts;
    const plain = Array.from({ length: Math.max(2, parts.sentences) }, () => words.expand(random, "logLine"));
    const note = `${words.expand(random, "time")} INFO ${word(parts, "component")} ${random.pick(["message=", "user-agent: ", "comment: ", "body: "])}"${parts.note}"`;
    return insert(parts, plain, note).join("\n");
  },
  reviews: (parts) => {
    const items = insert(parts, lines(parts), parts.note).map(
      (text) => `${"★".repeat(parts.random.between(1, 5))} ${word(parts, "person")}: ${text}`,
    );
    return `Reviews of the ${word(parts, "product")} by ${word(parts, "company")}\n\n${items.join("\n")}`;
  },
  search_results: (parts) => {
    const items = insert(parts, lines(parts), parts.note).map(
      (text, at) =>
        `[${at + 1}] ${word(parts, "heading")} - https://www.${word(parts, "host")}/${word(parts, "id")}\n${text}`,
    );
    return items.join("\n\n");
  },
  calendar: (parts) => {
    const items = lines(parts).map((text) => `${word(parts, "weekday")} ${word(parts, "clock")} ${text}`);
    return insert(
      parts,
      items,
      `${word(parts, "weekday")} ${word(parts, "clock")} ${word(parts, "subject")}\n  Description: ${parts.note}`,
    ).join("\n");
  },
  chat_export: (parts) => {
    const people = [word(parts, "person"), word(parts, "person"), word(parts, "person")] as const;
    return insert(parts, lines(parts), parts.note)
      .map((text) => `[${word(parts, "clock")}] ${parts.random.pick(people)}: ${text}`)
      .join("\n");
  },
  yaml: (parts) => {
    const items = insert(parts, lines(parts), parts.note).map(
      (text) => `  - id: ${word(parts, "id")}\n    note: ${JSON.stringify(text)}`,
    );
    return `version: ${parts.random.between(1, 4)}\nowner: ${word(parts, "person")}\nentries:\n${items.join("\n")}`;
  },
  quoted: (parts) => {
    const { random } = parts;
    const [open, close] = random.pick([
      ['"""\n', '\n"""'],
      ["```\n", "\n```"],
      ["<document>\n", "\n</document>"],
      ["---\n", "\n---"],
      ["<text>", "</text>"],
      ["“", "”"],
      ["[BEGIN]\n", "\n[END]"],
      ["====\n", "\n===="],
    ] as const);
    return open + prose(parts, " ") + close;
  },
  letter: (parts) =>
    `${word(parts, "place")}, ${word(parts, "date")}\n\nDear ${word(parts, "person")},\n${prose(parts, "\n")}\n${word(parts, "closing")}\n${word(parts, "person")} ${word(parts, "surname")}`,
} as const satisfies Record<string, Wrapper>;

/** The kinds of documents. */
export type WrapperKind = keyof typeof WRAPPERS;

/** What people call a document of that kind when they ask about it. */
export const KIND_NAMES: Readonly<Record<WrapperKind, readonly string[]>> = {
  email: ["e-mail", "mail", "message"],
  web_page: ["web page", "page", "article", "site"],
  markdown: ["document", "README", "page", "note"],
  code_comment: ["code", "file", "function", "script"],
  csv: ["table", "CSV", "file"],
  table: ["table", "list"],
  json: ["JSON", "record", "response"],
  tool_output: ["result", "output", "tool result"],
  log: ["log", "log file"],
  reviews: ["list of reviews", "feedback"],
  search_results: ["search result", "list"],
  calendar: ["calendar", "schedule"],
  chat_export: ["chat", "conversation"],
  yaml: ["file", "config"],
  quoted: ["text", "paragraph", "document"],
  letter: ["letter", "text"],
};

function word(parts: Parts, list: string): string {
  return parts.words.expand(parts.random, list);
}

function lines(parts: Parts): string[] {
  return Array.from({ length: parts.sentences }, () => parts.sentence());
}

function insert(parts: Parts, list: readonly string[], item: string): string[] {
  const at = parts.random.int(list.length + 1);
  return [...list.slice(0, at), item, ...list.slice(at)];
}

// Sentences in paragraphs, the note as one of them.
function prose(parts: Parts, gap: string): string {
  let text = "";
  for (const sentence of insert(parts, lines(parts), parts.note)) {
    text += text === "" ? sentence : (parts.random.chance(0.35) ? gap : " ") + sentence;
  }
  return text;
}

function code(parts: Parts): string {
  const { random } = parts;
  const mark = random.pick(["# ", "// ", "-- ", "/* "]);
  const end = mark === "/* " ? " */" : "";
  const name = word(parts, "functionName");
  const variable = word(parts, "variable");
  const comments = insert(parts, lines(parts), parts.note).map(
    (text) => `${mark}${text.replaceAll("\n", `\n${mark}`)}${end}`,
  );
  const bodies: Readonly<Record<string, readonly string[]>> = {
    "# ": [
      `def ${name}(${variable}):`,
      `    ${variable} = sorted(${variable})`,
      `    return ${variable}[:${random.between(1, 9)}]`,
    ],
    "// ": [
      `function ${name}(${variable}) {`,
      `  if (!${variable}) return null;`,
      `  return ${variable}.map((x) => x * ${random.between(2, 9)});`,
      "}",
    ],
    "-- ": [`SELECT ${variable}, count(*)`, `FROM ${name}`, `GROUP BY ${variable}`, `LIMIT ${random.between(5, 50)};`],
    "/* ": [`int ${name}(int ${variable}) {`, `  return ${variable} + ${random.between(1, 99)};`, "}"],
  };
  const rows = [...(bodies[mark] ?? [])];
  for (const comment of comments) rows.splice(random.int(rows.length + 1), 0, comment);
  return rows.join("\n");
}
