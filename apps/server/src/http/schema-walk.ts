import type { z } from "zod";

/** The parts of a zod schema's definition that walking it needs (zod's own types hide them per kind). */
interface SchemaDef {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
  readonly checks?: readonly {
    readonly _zod: { readonly def: { readonly check: string; readonly maximum?: number } };
  }[];
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

/** An array in the input that is longer than its schema allows. */
export interface OversizedArray {
  readonly path: readonly PropertyKey[];
  readonly maximum: number;
}

/**
 * The first array that is too long, found without looking at its items. zod checks each item before it
 * checks the length, and keeps an issue per bad item: a body of millions of them would cost gigabytes.
 */
export function findOversizedArray(schema: z.ZodType, data: unknown): OversizedArray | null {
  if (typeof data !== "object" || data === null) return null;
  const inner = unwrap(schema);
  const def = defOf(inner);
  if (def.type === "array" && def.element !== undefined && Array.isArray(data)) {
    const maximum = def.checks?.find((check) => check._zod.def.check === "max_length")?._zod.def.maximum;
    if (maximum !== undefined && data.length > maximum) return { path: [], maximum };
    if (defOf(unwrap(def.element)).shape === undefined) return null;
    for (const [index, item] of data.entries()) {
      const found = findOversizedArray(def.element, item);
      if (found !== null) return { ...found, path: [index, ...found.path] };
    }
  }
  if (def.shape !== undefined) {
    for (const [name, field] of Object.entries(def.shape)) {
      const found = findOversizedArray(field, (data as Record<string, unknown>)[name]);
      if (found !== null) return { ...found, path: [name, ...found.path] };
    }
  }
  return null;
}
