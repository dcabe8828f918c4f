import { dirname, join } from "node:path/posix";
import type { RepositoryFile } from "./repository-files.ts";

/** A heading or a link of a Markdown file; code blocks are left out. */
interface Markdown {
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly { readonly text: string; readonly href: string; readonly line: number }[];
}

/** The anchor that a heading gets on the usual hosts: lower case, spaces to `-`, punctuation dropped. */
export function anchorOf(heading: string): string {
  const text = heading.replace(/[`*]/g, "").trim().toLowerCase();
  return text.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

/** Headings and links of a Markdown text. */
export function readMarkdown(text: string): Markdown {
  const anchors = new Set<string>();
  const links: { text: string; href: string; line: number }[] = [];
  let inCode = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (/^\s*```/.test(line)) inCode = !inCode;
    if (inCode) continue;
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (heading !== undefined) anchors.add(anchorOf(heading));
    for (const match of line.matchAll(/\[((?:[^\][]|\[[^\]]*\])+)\]\(([^)\s]+)\)/g)) {
      links.push({ text: match[1] ?? "", href: match[2] ?? "", line: index + 1 });
    }
  }
  return { anchors, links };
}

/** What a title in a document and one in a test are compared by: quotes and escapes differ between the two. */
const plain = (text: string) => text.replace(/[\\`"']/g, "").replace(/\s+/g, " ");

/** Whether a file holds a title; `…` in it stands for what a test fills in. */
const holds = (target: string, title: string): boolean =>
  title.split("…").every((part) => plain(target).includes(plain(part)));

/**
 * Links that lead nowhere, and promises whose test is gone. In SPECIFICATION.md and THREAT_MODEL.md a link to a
 * `.ts` file names what it holds: the link's text must stand in that file, unless it is the file's name in backticks.
 */
export function linkFindings(files: readonly RepositoryFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file.text]));
  const folders = new Set(
    files.flatMap(({ path }) => path.split("/").map((_, i, parts) => parts.slice(0, i).join("/"))),
  );
  const documents = files.filter((file) => file.path.endsWith(".md"));
  return documents.flatMap((document) =>
    readMarkdown(document.text).links.flatMap(({ text, href, line }) => {
      const at = `${document.path}:${line}`;
      if (/^[a-z]+:/.test(href)) return [];
      const [path = "", anchor] = href.split("#");
      const to = path === "" ? document.path : join(dirname(document.path), path).replace(/\/$/, "");
      const target = byPath.get(to);
      if (target === undefined) return folders.has(to) ? [] : [`${at}: no such file: ${href}`];
      if (anchor !== undefined && to.endsWith(".md") && !readMarkdown(target).anchors.has(anchor)) {
        return [`${at}: no such heading: ${href}`];
      }
      const provesSomething = /^(SPECIFICATION|THREAT_MODEL)\.md$/.test(document.path) && to.endsWith(".ts");
      if (provesSomething && !text.startsWith("`") && !holds(target, text)) {
        return [`${at}: ${to} holds no "${text}"`];
      }
      return [];
    }),
  );
}

/** Names that stand in one of two places only: `what` is for the message. */
export function differenceFindings(what: string, code: ReadonlySet<string>, docs: ReadonlySet<string>): string[] {
  return [
    ...[...code].filter((name) => !docs.has(name)).map((name) => `${what} ${name} is not documented`),
    ...[...docs].filter((name) => !code.has(name)).map((name) => `${what} ${name} is documented but does not exist`),
  ];
}

/** Every `## name` of a text, where name is code. */
export function sections(text: string): Set<string> {
  return new Set([...text.matchAll(/^## `?([\w.]+)`?$/gm)].map((match) => match[1] ?? ""));
}

/** The first cell of every table row that starts with code. */
export function rowNames(text: string): Set<string> {
  return new Set([...text.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? ""));
}
