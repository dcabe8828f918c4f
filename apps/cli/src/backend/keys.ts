import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Io } from "../io.ts";
import { CliProblem } from "../problem.ts";

/** Where a server started here keeps its things, unless told otherwise. */
export function dataDirectory(io: Pick<Io, "env" | "cwd">): string {
  return resolve(io.cwd, io.env["CRUCIBLE_DATA_DIR"] || ".crucible");
}

/** True for addresses that cannot leave this machine. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

/**
 * The API key for a server: from `--key-file`, from `CRUCIBLE_API_KEY`, or, for a server on this machine,
 * the one it wrote into its data directory. That one is an administrator's and is never sent anywhere else.
 */
export async function findKey(url: string, keyFile: string | undefined, io: Pick<Io, "env" | "cwd">): Promise<string> {
  if (keyFile !== undefined) {
    const key = (await readFile(resolve(io.cwd, keyFile), "utf8")).trim();
    if (key === "") throw new CliProblem(`${keyFile} is empty`, "put the API key in it");
    return key;
  }
  const fromEnv = io.env["CRUCIBLE_API_KEY"];
  if (fromEnv !== undefined && fromEnv !== "") return fromEnv;
  if (isLoopback(url)) {
    const own = await readFile(join(dataDirectory(io), "api-key"), "utf8").catch(() => "");
    if (own.trim() !== "") return own.trim();
  }
  throw new CliProblem(`no API key for ${url}`, "set CRUCIBLE_API_KEY, or name a file that holds it with --key-file");
}
