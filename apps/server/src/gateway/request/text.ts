/** Keys of parts that hold media, and no text. */
const MEDIA = new Set(["image_url", "input_audio", "file", "file_data"]);

/** Deeper than the guard reads, which refuses what has so many levels. */
const MAX_DEPTH = 64;

/** The texts of messages as one, in their order: what a screening was about. Too deep ones are left to the guard. */
export function textOf(messages: readonly unknown[]): string {
  const found: string[] = [];
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === "string") found.push(value);
    if (typeof value !== "object" || value === null || depth === 0) return;
    if (Array.isArray(value)) for (const item of value) walk(item, depth - 1);
    else {
      for (const [key, inner] of Object.entries(value)) {
        if (key !== "role" && key !== "type" && key !== "id" && !MEDIA.has(key)) walk(inner, depth - 1);
      }
    }
  };
  for (const message of messages) walk(message, MAX_DEPTH);
  return found.join("\n");
}
