import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { EngineUnavailableError } from "../errors.ts";
import { LANGUAGES } from "../languages/table.ts";
import type { InstalledLanguage } from "../languages/types.ts";

export const NAME = "wasm";
const FIX = "npm install, with optional dependencies";

/** The npm packages behind the engine; nothing of the system. */
export interface WasmTools {
  /** The binary out of the package for this platform: no install script has run for it. */
  readonly deno: string;
  readonly denoVersion: string;
  readonly pyodideDir: string;
  readonly pyodideVersion: string;
  readonly pythonVersion: string;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

/** The package of this platform; Deno is built for glibc alone. */
export function platformPackage(platform: NodeJS.Platform, arch: string): string {
  return `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
}

/**
 * Finds Deno and Pyodide among the installed npm packages.
 * @param denoPath in place of the package's binary.
 * @param platform what the host is taken for.
 * @throws EngineUnavailableError naming the package that is missing.
 */
export function findTools(denoPath?: string, platform: NodeJS.Platform = process.platform): WasmTools {
  const require = createRequire(import.meta.url);
  const locate = (name: string, from: NodeJS.Require): string => {
    try {
      return from.resolve(`${name}/package.json`);
    } catch (error) {
      throw new EngineUnavailableError(
        NAME,
        `the npm package ${name} is not installed: ${(error as Error).message}`,
        FIX,
      );
    }
  };
  const denoPackage = locate("deno", require);
  const { version: denoVersion } = readJson(denoPackage) as { version: string };
  const binary = platform === "win32" ? "deno.exe" : "deno";
  const deno =
    denoPath ?? join(dirname(locate(platformPackage(platform, process.arch), createRequire(denoPackage))), binary);
  const pyodidePackage = locate("pyodide", require);
  const { version: pyodideVersion } = readJson(pyodidePackage) as { version: string };
  const pyodideDir = dirname(pyodidePackage);
  const lock = readJson(join(pyodideDir, "pyodide-lock.json")) as { info: { python: string } };
  return { deno, denoVersion, pyodideDir, pyodideVersion, pythonVersion: lock.info.python };
}

/** What the engine runs; the host's own interpreters have no part in it. */
export function wasmLanguages({ denoVersion, pythonVersion }: WasmTools): InstalledLanguage[] {
  const versions = new Map([
    ["python", pythonVersion],
    ["javascript", denoVersion],
    ["typescript", denoVersion],
  ]);
  return LANGUAGES.flatMap((definition) => {
    const version = versions.get(definition.name);
    if (version === undefined) return [];
    const { name, aliases, extensions, defaultFile } = definition;
    return [{ name, aliases, extensions, defaultFile, version, compiled: false, definition, toolPaths: {} }];
  });
}
