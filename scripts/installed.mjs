// Exit code 0 when node_modules holds exactly what package-lock.json asks for on this platform, else 1.
// Plain JavaScript: bootstrap.sh runs it on whatever Node the machine has.
import { readFile } from "node:fs/promises";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * Compares the `packages` of package-lock.json with those of npm's own record of the installed tree.
 * A package that is left out for another platform is no difference.
 * Types: installed.d.mts.
 */
export function differences(wanted, installed) {
  const names = new Set([...Object.keys(wanted), ...Object.keys(installed)]);
  return [...names].filter((name) => {
    if (!name.includes("node_modules/")) return false; // the root and the workspaces themselves
    const want = wanted[name];
    const have = installed[name];
    if (want === undefined) return true;
    if (have === undefined) return want.optional !== true;
    return want.version !== have.version || want.link !== have.link;
  });
}

async function packagesOf(path) {
  return JSON.parse(await readFile(new URL(path, import.meta.url), "utf8")).packages;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const [wanted, installed] = await Promise.all([
      packagesOf("../package-lock.json"),
      packagesOf("../node_modules/.package-lock.json"),
    ]);
    process.exitCode = differences(wanted, installed).length === 0 ? 0 : 1;
  } catch {
    process.exitCode = 1; // no record: not installed, or not by npm
  }
}
