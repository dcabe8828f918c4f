import { dirname, join } from "node:path/posix";
import { lineOf, report, repositoryFiles, type RepositoryFile } from "./repository-files.ts";

/** One row of the rule. */
interface Row {
  /** The folder it is about. */
  readonly from: string;
  /** Folders and files of ours that it may import, besides itself. */
  readonly may: readonly string[];
  /** Those it may import only with `import()`, when they are needed. */
  readonly mayLazily?: readonly string[];
}

const SERVER = "apps/server/src/";
/** Leaves at the root of the server: types, log set-up and pure values, which import no step. */
const SERVER_LEAVES = ["log", "metrics-types", "empty-outcome"].map((name) => `${SERVER}${name}.ts`);

/**
 * Who may import whom. Arrows follow the data: `http` and `worker` meet only in the database, and the executor
 * is the only part that reaches an engine. The first row whose `from` matches decides. What is imported from npm
 * is not the matter here: knip compares it with each package.json.
 */
export const ROWS: readonly Row[] = [
  { from: "packages/sandbox/", may: [] },
  { from: "packages/guard/", may: [] },
  { from: "packages/contract/", may: [] },
  { from: "packages/evals/", may: ["packages/contract/"] },
  { from: "apps/web/", may: ["packages/contract/"] },
  {
    from: "apps/cli/",
    may: ["packages/contract/", "packages/sandbox/", "packages/guard/", "packages/evals/"],
    mayLazily: [`${SERVER}index.ts`],
  },
  {
    from: `${SERVER}submit/`,
    may: [
      `${SERVER}queue/`,
      `${SERVER}store/`,
      `${SERVER}events/`,
      `${SERVER}executor/types.ts`,
      "packages/contract/",
      ...SERVER_LEAVES,
    ],
  },
  {
    from: `${SERVER}worker/`,
    may: [
      `${SERVER}queue/`,
      `${SERVER}store/`,
      `${SERVER}events/`,
      `${SERVER}executor/types.ts`,
      "packages/contract/",
      ...SERVER_LEAVES,
    ],
  },
  { from: `${SERVER}selfcheck/`, may: ["packages/sandbox/", "packages/contract/", ...SERVER_LEAVES] },
  { from: `${SERVER}executor/`, may: ["packages/sandbox/", "packages/contract/", ...SERVER_LEAVES] },
  {
    from: `${SERVER}gateway/`,
    may: [`${SERVER}events/`, `${SERVER}store/`, "packages/guard/", "packages/contract/", ...SERVER_LEAVES],
  },
  {
    from: `${SERVER}http/`,
    may: [
      `${SERVER}submit/`,
      `${SERVER}store/`,
      `${SERVER}events/`,
      `${SERVER}executor/types.ts`,
      `${SERVER}selfcheck/types.ts`,
      `${SERVER}sandboxes/types.ts`,
      `${SERVER}sandboxes/bytes.ts`,
      `${SERVER}sandboxes/exec-stream.ts`,
      `${SERVER}sandboxes/terminal-stream.ts`,
      "packages/contract/",
      ...SERVER_LEAVES,
    ],
  },
  {
    from: `${SERVER}sandboxes/`,
    may: [
      `${SERVER}executor/types.ts`,
      `${SERVER}executor/gather-output.ts`,
      `${SERVER}store/`,
      "packages/contract/",
      ...SERVER_LEAVES,
    ],
  },
  { from: `${SERVER}queue/`, may: [`${SERVER}store/`, `${SERVER}events/`, "packages/contract/", ...SERVER_LEAVES] },
  { from: `${SERVER}store/`, may: [`${SERVER}events/`, "packages/contract/", ...SERVER_LEAVES] },
  { from: `${SERVER}events/`, may: [`${SERVER}store/types.ts`, "packages/contract/", ...SERVER_LEAVES] },
  ...SERVER_LEAVES.map((from) => ({ from, may: ["packages/contract/", ...SERVER_LEAVES] })),
  // main, compose and config wire the parts: they see all of the server.
  {
    from: SERVER,
    may: ["packages/contract/", "packages/sandbox/", "packages/guard/", "apps/server/package.json"],
  },
  { from: "test/acceptance/", may: ["packages/contract/"] },
];

/** What a package name of ours stands for. */
const PACKAGES: Readonly<Record<string, string>> = {
  "@crucible/contract": "packages/contract/src/index.ts",
  "@crucible/sandbox": "packages/sandbox/src/index.ts",
  "@crucible/sandbox/selfcheck": "packages/sandbox/src/selfcheck/index.ts",
  "@crucible/sandbox/testing": "packages/sandbox/src/testing/index.ts",
  "@crucible/guard": "packages/guard/src/index.ts",
  "@crucible/evals": "packages/evals/src/index.ts",
  "@crucible/server": `${SERVER}index.ts`,
  "@crucible/cli": "apps/cli/src/main.ts",
};

/** Tests may look behind any wall of their own app or package; black-box tests may not. */
function isFree(path: string): boolean {
  return (
    !path.startsWith("test/acceptance/") && (path.endsWith(".test.ts") || /^(packages|apps)\/[^/]+\/test\//.test(path))
  );
}

interface Import {
  readonly specifier: string;
  readonly index: number;
  readonly lazy: boolean;
}

/** The imports of a file. Text in comments is not code, and is blanked before. */
export function importsOf(source: string): Import[] {
  const blank = (text: string) => text.replace(/[^\n]/g, " ");
  const code = source.replace(/(?<=^|\s)\/\/[^\n]*|\/\*[\s\S]*?\*\//g, blank);
  const pattern =
    /(?:^|[\s;}])(?:(?:import|export)\s+(?:[\w*{}\s,$]+\s+from\s*)?|(?<lazy>import)\(\s*)["'](?<specifier>[^"'\n]+)["']/g;
  return [...code.matchAll(pattern)].map((match) => ({
    specifier: match.groups?.["specifier"] ?? "",
    index: match.index + match[0].length,
    lazy: match.groups?.["lazy"] !== undefined,
  }));
}

/** Where an import leads in the repository, or null when it leads out of it (Node, npm). */
function target(path: string, specifier: string): string | null {
  if (specifier.startsWith(".")) return join(dirname(path), specifier);
  if (!specifier.startsWith("@crucible/")) return null;
  return PACKAGES[specifier] ?? specifier;
}

/** The violations in these files, one line each. */
export function violations(files: readonly RepositoryFile[]): string[] {
  return files.flatMap((file) => {
    const row = ROWS.find(({ from }) => file.path.startsWith(from));
    if (row === undefined || isFree(file.path)) return [];
    return importsOf(file.text).flatMap(({ specifier, index, lazy }) => {
      const to = target(file.path, specifier);
      const allowed = [row.from, ...row.may, ...(lazy ? (row.mayLazily ?? []) : [])];
      if (to === null || allowed.some((prefix) => to.startsWith(prefix))) return [];
      return [`${file.path}:${lineOf(file.text, index)}: ${row.from} may not import ${to}`];
    });
  });
}

if (import.meta.filename === process.argv[1]) {
  report("import rule", violations(repositoryFiles((path) => /\.(ts|tsx|mjs)$/.test(path))));
}
