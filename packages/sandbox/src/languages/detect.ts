import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { runTool, TOOL_PATH } from "../process/spawn.ts";
import { LANGUAGES } from "./table.ts";
import type { InstalledLanguage, Language } from "./types.ts";

/** The JVM and R take longest to say their version: about 0.3 s on an idle core. */
const VERSION_TIMEOUT_MS = 15_000;

async function findTool(candidates: readonly string[]): Promise<string | null> {
  for (const name of candidates) {
    // The Node that runs us is known to work; a system one may be years older.
    if (name === "node") return process.execPath;
    for (const dir of TOOL_PATH.split(":")) {
      const path = join(dir, name);
      try {
        await access(path, constants.X_OK);
        return path;
      } catch {
        continue;
      }
    }
  }
  return null;
}

async function detect(definition: Language): Promise<InstalledLanguage | null> {
  const toolPaths: Record<string, string> = {};
  for (const [tool, candidates] of Object.entries(definition.tools)) {
    const path = await findTool(candidates);
    if (path === null) return null;
    toolPaths[tool] = path;
  }
  const first = Object.values(toolPaths)[0];
  if (first === undefined) return null;
  // Some print their version on standard error.
  const { ok, stdout, stderr } = await runTool(first, definition.versionArgs, VERSION_TIMEOUT_MS);
  const version = ok ? definition.versionPattern.exec(`${stdout}\n${stderr}`)?.[1] : undefined;
  if (version === undefined) return null;
  const { name, aliases, extensions, defaultFile } = definition;
  return {
    name,
    aliases,
    extensions,
    defaultFile,
    version,
    compiled: definition.compile !== undefined,
    definition,
    toolPaths,
  };
}

/**
 * Looks for each language's tools in the system directories (those a sandbox can see) and asks their version.
 * @param only names to look for; default: the whole table. Takes about 0.5 s for all.
 */
export async function detectLanguages(only?: readonly string[]): Promise<InstalledLanguage[]> {
  const wanted = LANGUAGES.filter((language) => only === undefined || only.includes(language.name));
  const found = await Promise.all(wanted.map(detect));
  return found.filter((language) => language !== null);
}
