import { basename, extname } from "node:path";
import type { Language } from "./types.ts";

const withExtension = (files: readonly string[], ...extensions: string[]): string[] =>
  files.filter((file) => extensions.includes(extname(file)));

/** Entry first, then the other translation units. */
const units = (entry: string, files: readonly string[], ...extensions: string[]): string[] => [
  entry,
  ...withExtension(files, ...extensions).filter((file) => file !== entry),
];

/** A path that a compiler cannot take for an option. */
const asPath = (file: string): string => `./${file}`;

/** The Java heap is told its limit: the JVM would otherwise size it by the host's memory and be killed. */
const heapMiB = (memoryBytes: number): number => Math.max(16, Math.floor((memoryBytes * 0.6) / (1024 * 1024)));

const JAVA_OPTIONS = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:-UsePerfData"];

const JAVA_TYPE =
  /^[ \t]*((?:(?:public|final|abstract|strictfp|sealed|non-sealed)\s+)*)(?:class|interface|enum|record)\s+([\p{L}_$][\p{L}\d_$]*)/gmu;

/** javac wants a file called as its public class, and java starts the class that the file is called after. */
function javaFile(source: string): string | null {
  const types = [...source.matchAll(JAVA_TYPE)];
  const main = types.find(([, modifiers]) => /\bpublic\b/.test(modifiers ?? ""));
  // With a class Main at hand the default name is right; else the first class is what `java FILE` would start.
  const named = main ?? (types.some(([, , name]) => name === "Main") ? undefined : types[0]);
  return named === undefined ? null : `${named[2]}.java`;
}

/** V8 maps this much for its heap and thread stacks at the start (measured: Node 24 does not start with less). */
const NODE_SLACK_BYTES = 640 * 1024 * 1024;

/** Every language Crucible knows. To add one, add a row; nothing else names languages. */
export const LANGUAGES: readonly Language[] = [
  {
    name: "python",
    aliases: ["py", "python3"],
    extensions: [".py"],
    defaultFile: "main.py",
    tools: { python: ["python3"] },
    versionArgs: ["--version"],
    versionPattern: /Python (\d+\.\d+\.\d+)/,
    debianPackage: "python3",
    env: { PYTHONDONTWRITEBYTECODE: "1" },
    run: ({ tool, entry }) => [tool("python"), asPath(entry)],
  },
  {
    name: "javascript",
    aliases: ["js", "node", "node-js", "node-javascript"],
    extensions: [".js", ".mjs", ".cjs"],
    defaultFile: "main.js",
    tools: { node: ["node"] },
    versionArgs: ["--version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    debianPackage: "nodejs",
    dataSlackBytes: NODE_SLACK_BYTES,
    run: ({ tool, entry }) => [tool("node"), asPath(entry)],
  },
  {
    name: "typescript",
    aliases: ["ts", "node-ts"],
    extensions: [".ts", ".mts", ".cts"],
    defaultFile: "main.ts",
    tools: { node: ["node"] },
    versionArgs: ["--version"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    debianPackage: "nodejs",
    dataSlackBytes: NODE_SLACK_BYTES,
    // Node strips the types; `enum` and other syntax that needs code generation too is transformed.
    run: ({ tool, entry }) => [
      tool("node"),
      "--experimental-transform-types",
      "--disable-warning=ExperimentalWarning",
      asPath(entry),
    ],
  },
  {
    name: "bash",
    aliases: ["sh", "shell"],
    extensions: [".sh", ".bash"],
    defaultFile: "main.sh",
    tools: { bash: ["bash"] },
    versionArgs: ["--version"],
    versionPattern: /version (\d+\.\d+\.\d+)/,
    debianPackage: "bash",
    run: ({ tool, entry }) => [tool("bash"), asPath(entry)],
  },
  {
    name: "c",
    aliases: ["gcc"],
    extensions: [".c"],
    defaultFile: "main.c",
    tools: { gcc: ["gcc"] },
    versionArgs: ["-dumpfullversion"],
    versionPattern: /(\d+\.\d+\.\d+)/,
    debianPackage: "gcc libc6-dev",
    compile: ({ tool, entry, files, buildDir }) => [
      tool("gcc"),
      "-O2",
      "-std=gnu17",
      "-o",
      `${buildDir}/program`,
      ...units(entry, files, ".c").map(asPath),
      "-lm",
      "-pthread",
    ],
    run: ({ buildDir }) => [`${buildDir}/program`],
  },
  {
    name: "c++",
    aliases: ["cpp", "g++", "cxx"],
    extensions: [".cpp", ".cc", ".cxx"],
    defaultFile: "main.cpp",
    tools: { gxx: ["g++"] },
    versionArgs: ["-dumpfullversion"],
    versionPattern: /(\d+\.\d+\.\d+)/,
    debianPackage: "g++",
    compile: ({ tool, entry, files, buildDir }) => [
      tool("gxx"),
      "-O2",
      "-std=gnu++20",
      "-o",
      `${buildDir}/program`,
      ...units(entry, files, ".cpp", ".cc", ".cxx").map(asPath),
      "-pthread",
    ],
    run: ({ buildDir }) => [`${buildDir}/program`],
  },
  {
    name: "go",
    aliases: ["golang"],
    extensions: [".go"],
    defaultFile: "main.go",
    tools: { go: ["go"] },
    versionArgs: ["version"],
    versionPattern: /go(\d+\.\d+(?:\.\d+)?)/,
    debianPackage: "golang-go",
    env: { GO111MODULE: "off", CGO_ENABLED: "0", GOFLAGS: "-p=2", GOTELEMETRY: "off" },
    compile: ({ tool, entry, files, buildDir }) => [
      tool("go"),
      "build",
      "-o",
      `${buildDir}/program`,
      ...units(entry, files, ".go").map(asPath),
    ],
    run: ({ buildDir }) => [`${buildDir}/program`],
  },
  {
    name: "rust",
    aliases: ["rs"],
    extensions: [".rs"],
    defaultFile: "main.rs",
    tools: { rustc: ["rustc"], cc: ["cc", "gcc"] },
    versionArgs: ["--version"],
    versionPattern: /rustc (\d+\.\d+\.\d+)/,
    debianPackage: "rustc",
    compile: ({ tool, entry, buildDir }) => [
      tool("rustc"),
      "--edition=2021",
      "-C",
      "opt-level=2",
      "-C",
      `linker=${tool("cc")}`,
      "-o",
      `${buildDir}/program`,
      asPath(entry),
    ],
    run: ({ buildDir }) => [`${buildDir}/program`],
  },
  {
    name: "java",
    aliases: [],
    extensions: [".java"],
    defaultFile: "Main.java",
    fileFor: javaFile,
    tools: { javac: ["javac"], java: ["java"] },
    versionArgs: ["-version"],
    versionPattern: /javac (\d+(?:\.\d+)*)/,
    debianPackage: "default-jdk-headless",
    compile: ({ tool, entry, files, buildDir }) => [
      tool("javac"),
      ...JAVA_OPTIONS.map((option) => `-J${option}`),
      "-d",
      buildDir,
      ...units(entry, files, ".java").map(asPath),
    ],
    run: ({ tool, entry, buildDir, limits }) => [
      tool("java"),
      ...JAVA_OPTIONS,
      `-Xmx${heapMiB(limits.memoryBytes)}m`,
      "-cp",
      buildDir,
      basename(entry, ".java"),
    ],
  },
  {
    name: "ruby",
    aliases: ["rb"],
    extensions: [".rb"],
    defaultFile: "main.rb",
    tools: { ruby: ["ruby"] },
    versionArgs: ["--version"],
    versionPattern: /ruby (\d+\.\d+\.\d+)/,
    debianPackage: "ruby",
    run: ({ tool, entry }) => [tool("ruby"), asPath(entry)],
  },
  {
    name: "perl",
    aliases: ["pl"],
    extensions: [".pl"],
    defaultFile: "main.pl",
    tools: { perl: ["perl"] },
    versionArgs: ["-e", "printf 'v%vd', $^V"],
    versionPattern: /v(\d+\.\d+\.\d+)/,
    debianPackage: "perl",
    run: ({ tool, entry }) => [tool("perl"), asPath(entry)],
  },
  {
    name: "php",
    aliases: [],
    extensions: [".php"],
    defaultFile: "main.php",
    tools: { php: ["php"] },
    versionArgs: ["--version"],
    versionPattern: /PHP (\d+\.\d+\.\d+)/,
    debianPackage: "php-cli",
    run: ({ tool, entry }) => [tool("php"), asPath(entry)],
  },
  {
    name: "lua",
    aliases: [],
    extensions: [".lua"],
    defaultFile: "main.lua",
    tools: { lua: ["lua", "lua5.4", "lua5.3"] },
    versionArgs: ["-v"],
    versionPattern: /Lua (\d+\.\d+\.\d+)/,
    debianPackage: "lua5.4",
    run: ({ tool, entry }) => [tool("lua"), asPath(entry)],
  },
  {
    name: "r",
    aliases: ["rscript"],
    extensions: [".R", ".r"],
    defaultFile: "main.R",
    tools: { rscript: ["Rscript"] },
    versionArgs: ["--version"],
    versionPattern: /version (\d+\.\d+\.\d+)/,
    debianPackage: "r-base-core",
    run: ({ tool, entry }) => [tool("rscript"), "--vanilla", asPath(entry)],
  },
];

/** By name or alias, without regard to case. */
export function findLanguage<T extends { readonly name: string; readonly aliases: readonly string[] }>(
  languages: readonly T[],
  wanted: string,
): T | undefined {
  const name = wanted.toLowerCase();
  return languages.find((language) => language.name === name || language.aliases.includes(name));
}
