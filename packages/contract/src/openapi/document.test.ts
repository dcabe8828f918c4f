import { readFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../errors.ts";
import { ROUTES } from "../routes.ts";
import type { RouteSpec } from "../routes.ts";
import { openApiDocument } from "./document.ts";
import type { JsonSchema, Operation } from "./types.ts";

const document = openApiDocument("1.2.3");
const routes = Object.entries<RouteSpec>(ROUTES);
const operationOf = (route: RouteSpec): Operation | undefined =>
  document.paths[route.path.replaceAll(/:(\w+)/g, "{$1}")]?.[
    route.method.toLowerCase() as Lowercase<RouteSpec["method"]>
  ];

/** Every `$ref` anywhere in a value. */
function refs(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === "$ref" ? [String(inner)] : refs(inner)));
}

describe("OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(document)) as Record<string, unknown>);
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it("resolves every reference", () => {
    const all = refs(document);
    expect(all.length).toBeGreaterThan(50);
    for (const ref of new Set(all)) {
      const target = ref
        .slice(2)
        .split("/")
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([ref, typeof target]).toEqual([ref, "object"]);
    }
  });

  it.each(routes)("describes %s", (name, route) => {
    const operation = operationOf(route);
    expect(operation?.operationId).toBe(name);
    expect(operation?.security.length === 0).toBe(!route.auth);
    const statuses = [...Object.keys(route.responses), ...route.errors.map((code) => String(ERROR_CODES[code].status))];
    expect(Object.keys(operation?.responses ?? {}).sort()).toEqual([...new Set(statuses)].sort());
    for (const code of route.errors)
      expect(operation?.responses[ERROR_CODES[code].status]?.description).toContain(`\`${code}\``);
    expect(operation?.requestBody === undefined).toBe(route.body === undefined);
  });

  it("lets a session read and never run", () => {
    for (const [, route] of routes) {
      const schemes = operationOf(route)?.security.flatMap((one) => Object.keys(one)) ?? [];
      expect(schemes.includes("session")).toBe(route.auth && route.method === "GET");
    }
  });

  it("gives requests their input form and replies their output form", () => {
    const { RunRequest, Run } = document.components.schemas as Record<
      string,
      JsonSchema & { properties: Record<string, unknown> }
    >;
    expect(RunRequest).toMatchObject({ required: ["language"], additionalProperties: false });
    expect(Object.keys(Run!.properties)).toContain("id");
    expect(Run).not.toHaveProperty("additionalProperties");
  });

  it("is what openapi.json holds", async () => {
    const file = await readFile(new URL("../../../../openapi.json", import.meta.url), "utf8");
    const { info } = JSON.parse(file) as { info: { version: string } };
    expect(file).toBe(`${JSON.stringify(openApiDocument(info.version), null, 2)}\n`);
  });
});
