import { readFile, writeFile } from "node:fs/promises";
import { ClientError, createClient } from "@crucible/contract";
import type { Client, ListSandboxesQuery, Sandbox, SandboxRequestInput } from "@crucible/contract";
import { findKey } from "../../backend/keys.ts";
import { addressOf } from "../../backend/open.ts";
import { explain } from "../../backend/remote.ts";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { table } from "../../table.ts";
import { isolationOf, specOf } from "./options.ts";
import type { SandboxOptions } from "./options.ts";

const PAGE = 200;
/** Newest ones that a list shows: ended ones are kept for ever. */
const MOST_LISTED = 1000;

/** Where the server is. */
export interface RemoteOptions {
  readonly url?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

/** Asks the server; what it refuses comes with its next step. */
export async function onServer<T>(
  io: Io,
  { url, keyFile }: RemoteOptions,
  ask: (client: Client) => Promise<T>,
): Promise<T> {
  const named = url ?? io.env["CRUCIBLE_URL"];
  if (named === undefined || named === "")
    throw new CliProblem("sandboxes that stay live on a server", "name it with --url or CRUCIBLE_URL");
  const baseUrl = addressOf(named);
  const client = createClient({ baseUrl, apiKey: await findKey(baseUrl, keyFile, io) });
  try {
    return await ask(client);
  } catch (error) {
    throw error instanceof ClientError ? explain(error, baseUrl) : error;
  }
}

async function show(io: Io, sandboxes: readonly Sandbox[], json: boolean | undefined): Promise<void> {
  if (json === true) return write(io.stdout, `${JSON.stringify({ sandboxes })}\n`);
  const rows = sandboxes.map(({ id, status, engine, createdAt, endsAt, reason }) => [
    id,
    status,
    engine,
    createdAt,
    status === "open" ? `until ${endsAt}` : (reason ?? ""),
  ]);
  await write(io.stdout, table(["id", "status", "engine", "created", ""], rows));
}

/** What only `sandbox create` takes. */
interface CreateOptions extends RemoteOptions, SandboxOptions {
  readonly idle?: number;
  readonly lifetime?: number;
}

/** What the server is asked for. @throws CliProblem for what cannot be read. */
export function requestOf(options: CreateOptions): SandboxRequestInput {
  const { env = {}, limits = {}, network, image } = specOf(options);
  const isolation = isolationOf(options);
  return {
    env,
    limits,
    ...(network === undefined ? {} : { network: { allow: [...network.allow] } }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(image === undefined ? {} : { image }),
    ...(options.idle === undefined ? {} : { idleTimeoutMs: options.idle }),
    ...(options.lifetime === undefined ? {} : { lifetimeMs: options.lifetime }),
  };
}

export async function createCommand(io: Io, options: CreateOptions): Promise<number> {
  const sandbox = await onServer(io, options, (client) => client.createSandbox(requestOf(options)));
  await write(io.stdout, options.json === true ? `${JSON.stringify(sandbox)}\n` : `${sandbox.id}\n`);
  return 0;
}

export async function listCommand(
  io: Io,
  options: RemoteOptions & { readonly status: ListSandboxesQuery["status"] },
): Promise<number> {
  const { status } = options;
  const found = await onServer(io, options, async (client) => {
    const all: Sandbox[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listSandboxes({ status, limit: PAGE, cursor });
      all.push(...page.sandboxes);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && all.length < MOST_LISTED);
    return all;
  });
  await show(io, found, options.json);
  return 0;
}

export async function closeCommand(io: Io, id: string, options: RemoteOptions): Promise<number> {
  await show(io, [await onServer(io, options, (client) => client.deleteSandbox(id))], options.json);
  return 0;
}

export async function putCommand(
  io: Io,
  id: string,
  file: string,
  path: string,
  options: RemoteOptions,
): Promise<number> {
  const content = await readFile(file);
  await onServer(io, options, (client) => client.writeSandboxFile(id, path, content));
  return 0;
}

export async function getCommand(
  io: Io,
  id: string,
  path: string,
  file: string | undefined,
  options: RemoteOptions,
): Promise<number> {
  const bytes = await onServer(io, options, (client) => client.readSandboxFile(id, path));
  if (file === undefined) await write(io.stdout, bytes);
  // A name that is taken is somebody's file: not ours to write over.
  else await writeFile(file, bytes, { flag: "wx" });
  return 0;
}
