import { ERROR_CODES } from "@crucible/contract";
import type { JsonSchema, OpenApiDocument, Operation, Parameter } from "@crucible/contract";
import { BASE_STYLE, escapeHtml, page } from "./html.ts";
import type { Page } from "./html.ts";

const STYLE = `${BASE_STYLE}
body{display:grid;grid-template-columns:17rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.9rem}
nav h2{font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:1.2rem 0 .3rem}
nav a{display:block;padding:.12rem 0;color:inherit;text-decoration:none;overflow-wrap:anywhere}
nav a:hover{color:var(--accent)}
main{max-width:60rem;padding:2rem 2.5rem 6rem}
h1{margin:0 0 .3rem}
h2{margin:3rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}
section{margin:2rem 0;scroll-margin-top:1rem}
h3{font:600 1.02rem/1.4 ui-monospace,monospace;margin:0 0 .3rem;overflow-wrap:anywhere}
h4{font-size:.85rem;color:var(--soft);margin:1rem 0 .3rem}
.method{display:inline-block;min-width:3.2rem;color:var(--accent)}
.soft{color:var(--soft)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}
pre{background:var(--panel);padding:.8rem 1rem;border-radius:.5rem;overflow:auto}
@media(max-width:52rem){body{display:block}nav{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line)}main{padding:1.25rem}}
`;

const code = (text: string): string => `<code>${escapeHtml(text)}</code>`;
/** Prose with its backquoted words as code. */
const prose = (text: string): string =>
  escapeHtml(text)
    .replaceAll(/`([^`]+)`/g, "<code>$1</code>")
    .replaceAll("\n", "<br>");
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  rows.length === 0
    ? ""
    : `<div class="wide"><table><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead><tbody>${rows
        .map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`)
        .join("")}</tbody></table></div>`;

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** A schema's type in a few words, with links to the named ones. */
function typeOf(schema: JsonSchema): string {
  const { $ref, type, items, anyOf, oneOf, enum: values, const: fixed, additionalProperties, format } = schema;
  if (typeof $ref === "string") {
    const name = escapeHtml($ref.split("/").at(-1) ?? "");
    return `<a href="#schema-${name}">${name}</a>`;
  }
  const branches = (anyOf ?? oneOf) as JsonSchema[] | undefined;
  if (branches !== undefined) return branches.map(typeOf).join(" or ");
  if (fixed !== undefined) return code(text(fixed));
  if (Array.isArray(values)) return values.map((value) => code(text(value))).join(" ");
  if (type === "array") return `array of ${items === undefined ? "anything" : typeOf(items as JsonSchema)}`;
  if (type === "object" && typeof additionalProperties === "object" && additionalProperties !== null) {
    return `object of ${typeOf(additionalProperties as JsonSchema)}`;
  }
  return escapeHtml(
    `${typeof type === "string" ? type : "anything"}${typeof format === "string" ? ` (${format})` : ""}`,
  );
}

const BOUNDS: Readonly<Record<string, string>> = {
  default: "default",
  minimum: "at least",
  exclusiveMinimum: "more than",
  maximum: "at most",
  minLength: "characters at least",
  maxLength: "characters at most",
  minItems: "items at least",
  maxItems: "items at most",
  pattern: "pattern",
};

function notesOf(schema: JsonSchema): string {
  const { description } = schema;
  const bounds = Object.entries(BOUNDS)
    .filter(([key]) => schema[key] !== undefined)
    .map(([key, words]) => `${words} ${code(text(schema[key]))}`);
  return [...(typeof description === "string" ? [prose(description)] : []), ...bounds].join("; ");
}

function fieldsOf(schema: JsonSchema): string {
  const { properties, required, oneOf, anyOf } = schema as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
    oneOf?: JsonSchema[];
    anyOf?: JsonSchema[];
  };
  const branches = oneOf ?? anyOf;
  if (branches !== undefined) return branches.map((branch) => `<h4>One of</h4>${fieldsOf(branch)}`).join("");
  if (properties === undefined) return `<p>${typeOf(schema)}</p>`;
  const rows = Object.entries(properties).map(([name, field]) => [
    code(name),
    typeOf(field),
    required?.includes(name) ? "yes" : "",
    notesOf(field),
  ]);
  return table(["field", "type", "required", ""], rows);
}

function parametersOf(parameters: readonly Parameter[]): string {
  const rows = parameters.map((one) => [
    code(one.name),
    one.in,
    typeOf(one.schema),
    one.required ? "yes" : "",
    notesOf({ ...one.schema, ...(one.description === undefined ? {} : { description: one.description }) }),
  ]);
  return rows.length === 0 ? "" : `<h4>Parameters</h4>${table(["name", "in", "type", "required", ""], rows)}`;
}

function operationSection(method: string, path: string, operation: Operation): string {
  const body = operation.requestBody?.content["application/json"]?.schema;
  const replies = Object.entries(operation.responses).map(([status, { description, content = {} }]) => [
    code(status),
    Object.entries(content)
      .map(([media, { schema }]) => (media === "application/json" ? typeOf(schema) : code(media)))
      .join(", "),
    prose(description),
  ]);
  return `<section id="${operation.operationId}">
<h3><span class="method">${method.toUpperCase()}</span> ${escapeHtml(path)}</h3>
<p>${prose(operation.summary)}${operation.security.length === 0 ? ' <span class="soft">No key needed.</span>' : ""}</p>
${parametersOf(operation.parameters ?? [])}
${body === undefined ? "" : `<h4>Body</h4><p>${typeOf(body)} as application/json</p>`}
<h4>Replies</h4>${table(["status", "body", ""], replies)}
</section>`;
}

const EXAMPLE = `curl -s "$CRUCIBLE_URL/api/v1/runs?wait=true" \\
  -H "Authorization: Bearer $CRUCIBLE_API_KEY" -H "Content-Type: application/json" \\
  -d '{"language":"python","code":"print(6 * 7)"}'`;

/** The API reference as one page that loads nothing: made from the OpenAPI document, once. */
export function docsPage(document: OpenApiDocument): Page {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const groups = document.tags.map((tag) => ({
    ...tag,
    operations: operations.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
  const nav = groups
    .map(
      ({ name, operations: here }) =>
        `<h2>${name}</h2>${here.map(({ path, method, operation }) => `<a href="#${operation.operationId}"><span class="method">${method.toUpperCase()}</span>${escapeHtml(path)}</a>`).join("")}`,
    )
    .join("");
  const sections = groups
    .map(
      ({ name, description, operations: here }) =>
        `<h2>${name}</h2><p>${prose(description)}</p>${here.map(({ method, path, operation }) => operationSection(method, path, operation)).join("")}`,
    )
    .join("");
  const schemas = Object.entries(document.components.schemas)
    .map(
      ([name, schema]) =>
        `<section id="schema-${name}"><h3>${name}</h3>${typeof schema["description"] === "string" ? `<p>${prose(schema["description"])}</p>` : ""}${fieldsOf(schema)}</section>`,
    )
    .join("");
  const errors = Object.entries(ERROR_CODES)
    .map(
      ([name, { status, meaning }]) =>
        `<section id="error-${name}"><h3>${name}</h3><p>${code(String(status))} ${prose(meaning)}</p></section>`,
    )
    .join("");
  const body = `<nav aria-label="Contents"><strong>Crucible ${escapeHtml(document.info.version)}</strong>${nav}<h2>more</h2><a href="#errors">Errors</a><a href="#schemas">Schemas</a><a href="/openapi.json">openapi.json</a><a href="/openapi.yaml">openapi.yaml</a></nav>
<main>
<h1>Crucible API</h1>
<p>${prose(document.info.description)}</p>
<p>Send a key with every call: ${code("Authorization: Bearer <key>")}. A login session reads these pages and cannot run code.</p>
<pre>${escapeHtml(EXAMPLE)}</pre>
${sections}
<h2 id="errors">Errors</h2>
<p>Every error is ${code('{"error": {code, message, field?, docs, requestId}}')}; ${code("message")} says what would be right.</p>
${errors}
<h2 id="schemas">Schemas</h2>
${schemas}
</main>`;
  return page("API reference · Crucible", body, STYLE);
}
