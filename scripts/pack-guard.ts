/**
 * Builds the npm package @crucible/guard: Node runs TypeScript here, but not below node_modules, so a package needs
 * JavaScript. `node scripts/pack-guard.ts FOLDER` writes the tarball there and prints its path.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ROOT, runStep, type Step } from "./steps.ts";

const FROM = join(ROOT, "packages", "guard");

/** Writes the tarball into a folder that is there, and returns its path. Rejects with what a tool said when one fails. */
export async function packGuard(into: string): Promise<string> {
  await using undo = new AsyncDisposableStack();
  const stage = await mkdtemp(join(tmpdir(), "crucible-pack-"));
  undo.defer(() => rm(stage, { recursive: true, force: true }));
  const project = join(stage, "tsconfig.json");
  await writeFile(project, JSON.stringify(buildOf(stage)));
  await succeed({ name: "build", command: ["tsc", "-p", project] });
  await rm(project);

  const manifest = JSON.parse(await readFile(join(FROM, "package.json"), "utf8")) as { name: string; version: string };
  const exports = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  await writeFile(join(stage, "package.json"), `${JSON.stringify({ ...manifest, exports }, null, 2)}\n`);
  for (const name of ["models", "policies", "data-card.md"]) {
    await cp(join(FROM, name), join(stage, name), { recursive: true });
  }
  await cp(join(ROOT, "LICENSE"), join(stage, "LICENSE"));
  await succeed({ name: "pack", command: ["npm", "pack", stage, "--pack-destination", into] });
  return join(into, `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`);
}

/** Our compiler settings, with output: paths keep their depth, by which the code finds models and policies. */
function buildOf(stage: string): object {
  return {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: join(FROM, "src"),
      outDir: join(stage, "dist"),
      typeRoots: [join(ROOT, "node_modules", "@types")],
    },
    include: [join(FROM, "src")],
    exclude: [join(FROM, "src", "**", "*.test.ts"), join(FROM, "src", "**", "testing")],
  };
}

async function succeed(step: Step): Promise<void> {
  const { ok, output } = await runStep(step);
  if (!ok) throw new Error(`${step.name} failed:\n${output}`);
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  console.log(await packGuard(resolve(process.argv[2] ?? ".")));
}
