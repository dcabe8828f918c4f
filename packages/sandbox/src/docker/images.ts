import { LANGUAGES } from "../languages/table.ts";
import type { InstalledLanguage, Language } from "../languages/types.ts";
import { isolatedOutput } from "./once.ts";
import type { OnceOptions } from "./once.ts";

const MARK = "== ";
const SHELL_MARK = "shell ";
const AGENT_MARK = "agent ";

/** Which image each language of the table has, by the operator's list. */
export function imageOf(
  images: Readonly<Record<string, string>>,
  { name }: Pick<Language, "name">,
): string | undefined {
  return images[name] ?? images["*"];
}

/** For each language: the first of each tool's names that is on the path, and what the first tool says of its version. */
function detectScript(languages: readonly Language[]): string {
  const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
  const find = (names: readonly string[]): string =>
    `{ ${names.map((name) => `command -v ${quote(name)}`).join(" || ")}; } 2>/dev/null | head -n 1`;
  const one = ({ name, tools, versionArgs }: Language): string[] => [
    `echo "${MARK}${name}"`,
    ...Object.entries(tools).map(([tool, names]) => `p=$(${find(names)}); echo "tool ${tool} $p"`),
    `t=$(${find(Object.values(tools)[0] ?? [])}); [ -n "$t" ] && "$t" ${versionArgs.map(quote).join(" ")} </dev/null 2>&1 | head -n 20`,
  ];
  return [
    `echo "${SHELL_MARK}$(wc -c </bin/sh)"; echo "${AGENT_MARK}$(${find(["python3"])})"; tar --version 2>&1 | head -n 1`,
    ...languages.flatMap(one),
    "exit 0",
  ].join("\n");
}

/** Reads what the script said; a language with a tool missing, or a version that cannot be read, is not there. */
export function parseDetected(text: string, languages: readonly Language[]): InstalledLanguage[] {
  return text.split(`\n${MARK}`).flatMap((section) => {
    const [head = "", ...lines] = section.replace(MARK, "").split("\n");
    const definition = languages.find(({ name }) => name === head.trim());
    if (definition === undefined) return [];
    const toolPaths: Record<string, string> = {};
    for (const tool of Object.keys(definition.tools)) {
      const path = lines.find((line) => line.startsWith(`tool ${tool} `))?.slice(`tool ${tool} `.length);
      if (path === undefined || !path.startsWith("/")) return [];
      toolPaths[tool] = path;
    }
    const said = lines.filter((line) => !line.startsWith("tool ")).join("\n");
    const version = definition.versionPattern.exec(said)?.[1];
    if (version === undefined) return [];
    const { name, aliases, extensions, defaultFile } = definition;
    const compiled = definition.compile !== undefined;
    return [{ name, aliases, extensions, defaultFile, version, compiled, definition, toolPaths }];
  });
}

/** What an image has for us, languages apart. */
export interface ImageTools {
  /** Size of the shell that becomes the launcher. */
  readonly shellBytes: number;
  /** The interpreter of what holds a sandbox open; null where there is none. */
  readonly python3: string | null;
  /** Whether its tar is GNU's, which sorts what it packs. */
  readonly hasGnuTar: boolean;
}

/** What is in the images. */
export interface ImageContents {
  readonly languages: readonly InstalledLanguage[];
  readonly tools: ReadonlyMap<string, ImageTools>;
}

/** Looks into each image by starting it once with every defence on. */
export async function detectInImages(
  images: Readonly<Record<string, string>>,
  options: Omit<OnceOptions, "image" | "script">,
): Promise<ImageContents> {
  const byImage = Map.groupBy(LANGUAGES, (language) => imageOf(images, language));
  const tools = new Map<string, ImageTools>();
  const found = await Promise.all(
    [...byImage].map(async ([image, languages]) => {
      if (image === undefined) return [];
      const text = await isolatedOutput({ ...options, image, script: detectScript(languages) });
      tools.set(image, {
        shellBytes: Number(/^shell\s+(\d+)/.exec(text)?.[1] ?? 0),
        python3: /^agent (\/.+)$/m.exec(text)?.[1] ?? null,
        hasGnuTar: /^tar \(GNU tar\)/m.test(text),
      });
      return parseDetected(text, languages);
    }),
  );
  return { languages: found.flat(), tools };
}
