/**
 * Writes openapi.json from the contract, or with `--check` fails when the committed one is stale.
 */
import { readFile, writeFile } from "node:fs/promises";
import { openApiDocument } from "../packages/contract/src/openapi/document.ts";

const target = new URL("../openapi.json", import.meta.url);
const manifest = new URL("../package.json", import.meta.url);
const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
const text = `${JSON.stringify(openApiDocument(version), null, 2)}\n`;

if (process.argv.includes("--check")) {
  const committed = await readFile(target, "utf8").catch(() => "");
  if (committed !== text) {
    console.error("openapi.json is stale: run `node scripts/openapi.ts` and commit it");
    process.exitCode = 1;
  }
} else {
  await writeFile(target, text);
}
