import { z } from "zod";
import type { JsonSchema } from "./types.ts";

/** Gathers the named schemas of a document while its parts are written. */
export interface SchemaBook {
  /** The schema as a request must send it (`input`) or as a reply holds it (`output`); named parts are references. */
  write(schema: z.ZodType, io: "input" | "output"): JsonSchema;
  readonly components: Record<string, JsonSchema>;
}

const PREFIX = "#/$defs/";

function tidy(zodSchema: z.core.$ZodType, json: Record<string, unknown>, io: "input" | "output"): void {
  // zod's pattern for dates is longer than all the rest of the document and says no more than `format`.
  if (json["format"] === "date-time") delete json["pattern"];
  if (json["minimum"] === Number.MIN_SAFE_INTEGER) delete json["minimum"];
  if (json["maximum"] === Number.MAX_SAFE_INTEGER) delete json["maximum"];
  // Replies may gain fields: only what is strict on purpose stays closed.
  const { catchall } = zodSchema._zod.def as { catchall?: z.core.$ZodType };
  if (io === "output" && catchall?._zod.def.type !== "never" && json["additionalProperties"] === false)
    delete json["additionalProperties"];
}

/** A `SchemaBook` with nothing in it. */
export function createSchemaBook(): SchemaBook {
  const components: Record<string, JsonSchema> = {};

  function write(schema: z.ZodType, io: "input" | "output"): JsonSchema {
    const {
      $schema: _,
      $defs = {},
      ...root
    } = z.toJSONSchema(schema, {
      io,
      override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema as Record<string, unknown>, io),
    }) as Record<string, unknown> & { $defs?: Record<string, unknown> };
    const id = z.globalRegistry.get(schema)?.id;
    const named: Record<string, unknown> = { ...$defs };
    if (id !== undefined && root["$ref"] === undefined) named[id] = root;

    // A schema whose two forms differ gets a name for each: `Thing` as sent, `ThingReply` as answered.
    const names = new Map<string, string>();
    const nameOf = (name: string): string => names.get(name) ?? name;
    const rewrite = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(rewrite);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [
          key,
          key === "$ref" && typeof inner === "string" && inner.startsWith(PREFIX)
            ? `#/components/schemas/${nameOf(inner.slice(PREFIX.length))}`
            : rewrite(inner),
        ]),
      );
    };
    for (const [name, json] of Object.entries(named)) {
      const text = JSON.stringify(rewrite(json));
      const taken = components[name];
      if (taken !== undefined && JSON.stringify(taken) !== text) names.set(name, `${name}Reply`);
    }
    for (const [name, json] of Object.entries(named)) {
      const written = rewrite(json) as JsonSchema;
      const taken = components[nameOf(name)];
      if (taken !== undefined && JSON.stringify(taken) !== JSON.stringify(written))
        throw new Error(`two schemas are named ${nameOf(name)}`);
      components[nameOf(name)] = written;
    }
    return id === undefined ? (rewrite(root) as JsonSchema) : { $ref: `#/components/schemas/${nameOf(id)}` };
  }
  return { write, components };
}
