import type { Io } from "../io.ts";
import { CliProblem } from "../problem.ts";
import { findKey } from "./keys.ts";
import type { Backend } from "./types.ts";

/** The options of every command that needs a backend, and what it needs it for. */
export interface BackendChoice {
  readonly url?: string;
  readonly keyFile?: string;
  readonly local?: boolean;
  /** The only program to be run, or null when none will be: looking for fewer languages is quicker. */
  readonly program?: { readonly file: string; readonly language: string | undefined } | null;
}

/** The backend that the options and the environment name: a server, or this machine. */
export async function openBackend(choice: BackendChoice, io: Io): Promise<Backend> {
  if (choice.local === true && choice.url !== undefined) {
    throw new CliProblem("--local and --url cannot both be given", "leave one out");
  }
  const named = choice.url ?? io.env["CRUCIBLE_URL"];
  if (choice.local === true || named === undefined || named === "") {
    const { openLocal } = await import("./local.ts");
    return await openLocal(io.env, choice.program);
  }
  const base = addressOf(named);
  const { openRemote } = await import("./remote.ts");
  return openRemote({ url: base, apiKey: await findKey(base, choice.keyFile, io) });
}

/** The address of a server as it was named, without slashes at its end. @throws CliProblem */
export function addressOf(named: string): string {
  const url = URL.canParse(named) ? new URL(named) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new CliProblem(`${JSON.stringify(named)} is no web address`, "give one such as http://127.0.0.1:4180");
  }
  return url.href.replace(/\/+$/, "");
}
