import type { z } from "zod";
import { ERROR_CODES, ErrorBody } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { RunEvent } from "../events.ts";
import { ROUTES } from "../routes.ts";
import type { RouteSpec } from "../routes.ts";
import { createSchemaBook } from "./schemas.ts";
import type { SchemaBook } from "./schemas.ts";
import type { Content, JsonSchema, OpenApiDocument, Operation, Parameter, ResponseObject } from "./types.ts";

const TAGS = {
  runs: "Submit programs, follow them, read what they did.",
  sandboxes: "Sandboxes that stay: run programs in them one after the other, move files.",
  screenings: "What the guard says of prompts and answers, and what it said.",
  platform: "What this host can run, and how well it isolates.",
  operations: "Health, metrics, this description.",
  openai: "Models behind the guard, for clients of the OpenAI API. Errors have its shape.",
  piston: "The execute API of Piston v2, for its clients. Errors are `{ message }`.",
} as const satisfies Record<RouteSpec["tag"], string>;

const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: "Done",
  201: "Accepted and stored",
  202: "Accepted",
  400: "Bad request",
  401: "No good key",
  403: "Refused",
  404: "Not found",
  405: "Method not allowed",
  409: "Conflict",
  410: "Gone",
  413: "Body too large",
  415: "Not JSON",
  421: "Another process has it",
  429: "Queue full",
  500: "Fault of this server",
  502: "Fault of the model's server",
  504: "No answer in time",
  503: "Not available now",
};

const REQUEST_ID: Readonly<Record<string, JsonSchema>> = { "x-request-id": { $ref: "#/components/headers/RequestId" } };

/** Each field of an object schema as a parameter. */
function parameters(schema: z.ZodType | undefined, where: "path" | "query", book: SchemaBook): Parameter[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = book.write(schema, "input") as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, json]) => {
    const { description, ...rest } = json as { description?: string };
    return {
      name,
      in: where,
      required: where === "path" || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

const BYTES: JsonSchema = { type: "string", format: "binary" };

function replyContent(form: z.ZodType | string, { events }: RouteSpec, book: SchemaBook): Content {
  if (typeof form !== "string") return { "application/json": { schema: book.write(form, "output") } };
  if (form === "application/octet-stream" || form === "application/x-tar") return { [form]: { schema: BYTES } };
  if (form !== "text/event-stream")
    return { [form]: { schema: form === "application/json" ? { type: "object" } : { type: "string" } } };
  return {
    [form]: {
      schema: {
        type: "string",
        description: `Blocks of \`event:\` (the event's type)${events === undefined ? ", `data:` (the event as JSON) and, for all but `run.output`, `id:` (its number, for Last-Event-ID)" : " and `data:` (the event as JSON)"}. A comment comes on silence.`,
        "x-event-schema": book.write(events ?? RunEvent, "output"),
      },
    },
  };
}

/** Error replies by status, each naming its codes. */
function errorResponses(codes: readonly ErrorCode[], book: SchemaBook): Record<string, ResponseObject> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes)
    byStatus.set(ERROR_CODES[code].status, [...(byStatus.get(ERROR_CODES[code].status) ?? []), code]);
  const schema = book.write(ErrorBody, "output");
  return Object.fromEntries(
    [...byStatus].map(([status, here]) => [
      status,
      {
        description: here.map((code) => `\`${code}\`: ${ERROR_CODES[code].meaning}`).join("\n"),
        headers: {
          ...REQUEST_ID,
          ...(status === 429 ? { "retry-after": { $ref: "#/components/headers/RetryAfter" } } : {}),
        },
        content: { "application/json": { schema } },
      },
    ]),
  );
}

function operation(name: string, route: RouteSpec, book: SchemaBook): Operation {
  const resumes = route.method === "GET" && Object.values(route.responses).includes("text/event-stream");
  const all: Parameter[] = [
    ...parameters(route.params, "path", book),
    ...parameters(route.query, "query", book),
    ...(resumes
      ? [
          {
            name: "Last-Event-ID",
            in: "header" as const,
            required: false,
            description: "Go on after this event.",
            schema: { type: "integer" },
          },
        ]
      : []),
  ];
  const replies = Object.entries(route.responses).map(([status, form]): [string, ResponseObject] => [
    status,
    {
      description: STATUS_TEXT[Number(status)] ?? status,
      headers: REQUEST_ID,
      content: replyContent(form, route, book),
    },
  ]);
  const security = !route.auth
    ? []
    : route.method === "GET"
      ? [{ bearerKey: [] }, { session: [] }]
      : [{ bearerKey: [] }];
  return {
    operationId: name,
    tags: [route.tag],
    summary: route.summary,
    security,
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true as const,
            content:
              typeof route.body === "string"
                ? { [route.body]: { schema: BYTES } }
                : { "application/json": { schema: book.write(route.body, "input") } },
          },
        }),
    responses: { ...errorResponses(route.errors, book), ...Object.fromEntries(replies) },
  };
}

/** The API as an OpenAPI 3.1 document, from the route table alone. `version` is the server's. */
export function openApiDocument(version: string): OpenApiDocument {
  const book = createSchemaBook();
  const paths: Record<string, Partial<Record<"get" | "post" | "put" | "delete", Operation>>> = {};
  for (const [name, route] of Object.entries<RouteSpec>(ROUTES)) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, book) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Crucible",
      version,
      description: "Runs untrusted programs in a sandbox, stores every result, streams every event.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(book.components).sort(([a], [b]) => (a < b ? -1 : 1))),
      headers: {
        RequestId: {
          description: "Names this request in the server's log; a sane one sent by the caller is kept.",
          schema: { type: "string" },
        },
        RetryAfter: { description: "Seconds to wait before trying again.", schema: { type: "integer" } },
      },
      securitySchemes: {
        bearerKey: { type: "http", scheme: "bearer", description: "An API key." },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "crucible_session",
          description: "From /login; for GET and HEAD only.",
        },
      },
    },
  };
}
