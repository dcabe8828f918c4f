import type { z } from "zod";

/** The parts of a zod schema's definition that walking it needs (zod's own types hide them per kind). */
interface SchemaDef {
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
}

const defOf = (schema: z.ZodType): SchemaDef => schema._zod.def as unknown as SchemaDef;

/** The schema below `optional`, `nullable`, `default` and their like. */
function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  for (let next = defOf(inner).innerType; next !== undefined; next = defOf(inner).innerType) inner = next;
  return inner;
}

/** Field names that the object at `path` takes, or null where the schema there is no plain object. */
export function knownFields(schema: z.ZodType, path: readonly PropertyKey[]): string[] | null {
  let here = unwrap(schema);
  for (const key of path) {
    const def = defOf(here);
    const next = typeof key === "number" ? def.element : (def.shape?.[String(key)] ?? def.valueType);
    if (next === undefined) return null;
    here = unwrap(next);
  }
  const shape = defOf(here).shape;
  return shape === undefined ? null : Object.keys(shape);
}
