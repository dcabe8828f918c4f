import type { GatewayConfig } from "./config/types.ts";

/** The name of the built-in model, and of the upstream that serves it. */
export const STUB = "stub";

/** Where a model's name leads. */
export interface Target {
  /** Name of the upstream. */
  readonly upstream: string;
  /** What that upstream calls the model. */
  readonly model: string;
}

/** The models that can be asked for. */
export interface ModelMap {
  /** Null for a name that no upstream takes. */
  find(model: string): Target | null;
  /** Names that are no pattern, in the order of the file. */
  readonly named: readonly { readonly id: string; readonly upstream: string }[];
}

/**
 * Reads the names of all upstreams. A whole name goes before a pattern, a pattern with more letters before one with
 * fewer, and the default upstream takes the rest. The stub has `stub`, and `stub?…` with what it shall do.
 */
export function createModelMap({ upstreams, defaultUpstream, stub }: GatewayConfig): ModelMap {
  const named = new Map<string, Target>();
  const patterns: { readonly parts: readonly string[]; readonly letters: number; readonly upstream: string }[] = [];
  for (const { name, models, aliases } of upstreams) {
    for (const model of models) {
      if (!model.includes("*")) named.set(model, { upstream: name, model });
      else patterns.push({ parts: model.split("*"), letters: model.replaceAll("*", "").length, upstream: name });
    }
    for (const [alias, model] of Object.entries(aliases)) named.set(alias, { upstream: name, model });
  }
  if (stub !== null && !named.has(STUB)) named.set(STUB, { upstream: STUB, model: STUB });
  patterns.sort((a, b) => b.letters - a.letters);
  return {
    find: (model) => {
      const whole = named.get(model);
      if (whole !== undefined) return whole;
      if (stub !== null && model.startsWith(`${STUB}?`)) return { upstream: STUB, model };
      const pattern = patterns.find(({ parts }) => fits(model, parts));
      const upstream = pattern?.upstream ?? defaultUpstream;
      return upstream === null ? null : { upstream, model };
    },
    named: [...named].map(([id, { upstream }]) => ({ id, upstream })),
  };
}

/** Whether a name is the parts in their order with anything between them; linear, whatever the pattern. */
function fits(name: string, parts: readonly string[]): boolean {
  const [first = "", ...rest] = parts;
  const last = rest.pop() ?? "";
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}
