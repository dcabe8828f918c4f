import { createHash } from "node:crypto";
import type { FastifyReply } from "fastify";

/** Text as HTML: safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

const sha256 = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** A page that needs nothing from anywhere, and the policy that lets a browser load nothing but what is in it. */
export interface Page {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

/** Builds a page. Style and script are allowed by their hashes (CSP Level 3), so nothing injected can run. */
export function page(title: string, body: string, style: string, script?: string): Page {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body}${script === undefined ? "" : `\n<script>${script}</script>`}
</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `style-src ${sha256(style)}`,
    ...(script === undefined ? [] : [`script-src ${sha256(script)}`, "connect-src 'self'"]),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return { html, contentSecurityPolicy: policy.join("; ") };
}

/** Sends one of our own pages with its own content security policy. */
export function sendPage(reply: FastifyReply, { html, contentSecurityPolicy }: Page): FastifyReply {
  return reply.header("content-security-policy", contentSecurityPolicy).type("text/html; charset=utf-8").send(html);
}

/** Colours and type shared by the pages; follows the reader's light or dark choice. */
export const BASE_STYLE = `
:root{color-scheme:light dark;--ink:light-dark(#1c1e21,#e6e7e9);--soft:light-dark(#5d6470,#9aa2ae);--line:light-dark(#dfe2e6,#363b43);--back:light-dark(#fff,#16181c);--panel:light-dark(#f6f7f9,#1f2227);--accent:light-dark(#b3420b,#ff9d5c)}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--back)}
a{color:var(--accent)}
code,pre{font:14px/1.5 ui-monospace,monospace}
`;
