// Runs a JavaScript or TypeScript program whose files exist in memory alone, as Node would: CommonJS or ES modules.
import Module, { registerHooks, stripTypeScriptTypes } from "node:module";
import process from "node:process";
import { readFrame, sayReady, WORKING_DIRECTORY } from "./request.mjs";

const ROOT = `file://${WORKING_DIRECTORY}/`;
const ENDINGS = ["", ".js", ".ts", ".mjs", ".cjs", ".json", ".mts", ".cts", "/index.js", "/index.ts"];
/** Where CommonJS files stand for the ES modules that import them: the runtime goes by the ending, and reads `.cjs` itself. */
const IMPORTED_ROOT = "file:///box/imported/";

/** Types are blanked out, which keeps every position; syntax that stands for code (`enum`) is rewritten. */
const withoutTypes = (url, source) => {
  try {
    return stripTypeScriptTypes(source);
  } catch {
    try {
      return stripTypeScriptTypes(source, { mode: "transform" });
    } catch (error) {
      throw new SyntaxError(`${error.message.replace("file:///stripTypeScriptTypes.ts", url)}`);
    }
  }
};

const compilesAsCommonJs = (source) => {
  try {
    Reflect.construct(Function, ["exports", "require", "module", "__filename", "__dirname", source]);
    return true;
  } catch {
    return false;
  }
};

/** As Node does: by the ending, by package.json, and else by what the text is. */
const formatOf = (url, source, packageType) => {
  if (url.endsWith(".json")) return "json";
  if (/\.m[jt]s$/.test(url)) return "module";
  if (/\.c[jt]s$/.test(url)) return "commonjs";
  if (packageType !== undefined) return packageType;
  return compilesAsCommonJs(source) ? "commonjs" : "module";
};

sayReady();
const { header, parts } = readFrame();
const urlOf = (path) => new URL(path.split("/").map(encodeURIComponent).join("/"), ROOT).href;
const texts = new Map(header.paths.map((path, index) => [urlOf(path), new TextDecoder().decode(parts[index])]));

const packageText = texts.get(`${ROOT}package.json`);
const typeOf = (text) => {
  try {
    return JSON.parse(text)?.type;
  } catch {
    // As without the file.
    return undefined;
  }
};
const packageType = packageText === undefined ? undefined : typeOf(packageText);

const load = (url) => {
  const text = texts.get(url);
  const source = /\.[mc]?ts$/.test(url) ? withoutTypes(url, text) : text;
  return { source, format: formatOf(url, source, packageType), shortCircuit: true };
};

/** CommonJS seen from an ES module: `module.exports` is the default, and names that are assigned are names. */
const asModule = (url) => {
  const { source } = load(url);
  const names = new Set([...source.matchAll(/\bexports\.([A-Za-z_$][\w$]*)\s*=(?!=)/g)].map(([, name]) => name));
  names.delete("default");
  const exported = [...names].map((name) => `export const ${name} = value[${JSON.stringify(name)}];`);
  const required = `createRequire(${JSON.stringify(ROOT)})(${JSON.stringify(url)})`;
  return `import { createRequire } from "node:module";\nconst value = ${required};\nexport default value;\n${exported.join("\n")}`;
};

registerHooks({
  resolve: (specifier, context, next) => {
    if (!/^(?:\.{0,2}\/|file:)/.test(specifier)) return next(specifier, context);
    const parent = context.parentURL?.startsWith(ROOT) ? context.parentURL : ROOT;
    const wanted = new URL(specifier, parent).href;
    const required = context.conditions?.includes("require") ?? false;
    const found = ENDINGS.map((ending) => wanted + ending).find((url) => texts.has(url));
    // What is not the program's falls to the runtime, which may read nothing.
    if (found === undefined) return next(specifier, context);
    return {
      url: required || load(found).format !== "commonjs" ? found : `${IMPORTED_ROOT}${found.slice(ROOT.length)}.mjs`,
      shortCircuit: true,
    };
  },
  load: (url, context, next) => {
    if (texts.has(url)) return load(url);
    if (url.startsWith(IMPORTED_ROOT)) {
      const imported = ROOT + url.slice(IMPORTED_ROOT.length, -".mjs".length);
      if (texts.has(imported)) return { source: asModule(imported), format: "module", shortCircuit: true };
    }
    return next(url, context);
  },
});

const given = { ...header.env };
Object.defineProperty(process, "env", { value: given, writable: true, configurable: true });
// Own ones alone: `toString` is no variable.
Object.defineProperty(Deno.env, "get", { value: (name) => (Object.hasOwn(given, name) ? given[name] : undefined) });
Object.defineProperty(Deno.env, "has", { value: (name) => Object.hasOwn(given, name) });
Object.defineProperty(Deno.env, "set", { value: (name, value) => void (given[name] = `${value}`) });
Object.defineProperty(Deno.env, "delete", { value: (name) => void delete given[name] });
Object.defineProperty(Deno.env, "toObject", { value: () => ({ ...given }) });
Object.defineProperty(Deno, "args", { value: Object.freeze([...header.args]) });
Object.defineProperty(process, "cwd", { value: () => WORKING_DIRECTORY });
Object.defineProperty(Deno, "cwd", { value: () => WORKING_DIRECTORY });
process.argv.splice(0, process.argv.length, "node", `${WORKING_DIRECTORY}/${header.entry}`, ...header.args);

/** Frames of this file say nothing to the program's author. */
const report = (error) => {
  const text = error instanceof Error ? (error.stack ?? `${error}`) : error;
  const lines =
    typeof text === "string" ? text.split("\n").filter((line) => !line.includes("data:text/javascript")) : [text];
  console.error("Uncaught", ...(typeof text === "string" ? [lines.join("\n")] : lines));
  Deno.exit(1);
};

const entry = urlOf(header.entry);
try {
  if (load(entry).format === "module") await import(entry);
  else Module._load(`${WORKING_DIRECTORY}/${header.entry}`, null, true);
} catch (error) {
  report(error);
}
