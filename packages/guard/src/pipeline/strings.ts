/** Deeper values are not screened but refused: no honest message has them. */
export const MAX_DEPTH = 32;

/** All keys and strings of a JSON value, in their order; null when it is nested deeper than `MAX_DEPTH`. */
export function stringsOf(value: unknown): string[] | null {
  const found: string[] = [];
  const walk = (inner: unknown, depth: number): boolean => {
    if (typeof inner === "string") found.push(inner);
    if (typeof inner !== "object" || inner === null) return true;
    if (depth === 0) return false;
    if (Array.isArray(inner)) return inner.every((item) => walk(item, depth - 1));
    return Object.entries(inner).every(([key, item]) => {
      found.push(key);
      return walk(item, depth - 1);
    });
  };
  return walk(value, MAX_DEPTH) ? found : null;
}

/**
 * The arguments of a call without the JSON around them, which looks odd to a filter; as they stand where they are no
 * JSON, nested too deeply, or say more than the parser keeps, as with the same key twice.
 */
export function argumentText(argument: string): string {
  let value: unknown;
  try {
    value = JSON.parse(argument);
  } catch {
    return argument;
  }
  const strings = stringsOf(value);
  return strings === null || strings.length * 2 !== countQuotes(argument) ? argument : strings.join("\n");
}

/** Quotes that begin or end a string of JSON. */
function countQuotes(json: string): number {
  let count = 0;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === 92) i++;
    else if (code === 34) count++;
  }
  return count;
}
