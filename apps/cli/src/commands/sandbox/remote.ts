import { readFile, writeFile } from "node:fs/promises";
import { createClient } from "@crucible/contract";
import type { Client, Sandbox } from "@crucible/contract";
import { findKey } from "../../backend/keys.ts";
import { addressOf } from "../../backend/open.ts";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { table } from "../../table.ts";
import { isolationOf, specOf } from "./options.ts";
import type { SandboxOptions } from "./options.ts";

/** Where the server is. */
export interface RemoteOptions {
  readonly url?: string;
  readonly keyFile?: string;
  readonly json?: boolean;
}

async function connect(io: Io, { url, keyFile }: RemoteOptions): Promise<Client> {
  const named = url ?? io.env["CRUCIBLE_URL"];
  if (named === undefined || named === "")
    throw new CliProblem("sandboxes that stay live on a server", "name it with --url or CRUCIBLE_URL");
  const baseUrl = addressOf(named);
  return createClient({ baseUrl, apiKey: await findKey(baseUrl, keyFile, io) });
}

async function show(io: Io, sandboxes: readonly Sandbox[], json: boolean | undefined): Promise<void> {
  if (json === true) return write(io.stdout, `${JSON.stringify({ sandboxes })}\n`);
  const rows = sandboxes.map(({ id, status, engine, createdAt, endsAt, reason }) => [
    id,
    status,
    engine,
    createdAt,
    status === "running" ? `until ${endsAt}` : (reason ?? ""),
  ]);
  await write(io.stdout, table(["id", "status", "engine", "created", ""], rows));
}

export async function createCommand(
  io: Io,
  options: RemoteOptions & SandboxOptions & { readonly idle?: number; readonly lifetime?: number },
): Promise<number> {
  const client = await connect(io, options);
  const { env = {}, limits = {}, network } = specOf(options);
  const isolation = isolationOf(options);
  const sandbox = await client.createSandbox({
    env,
    limits,
    ...(network === undefined ? {} : { network: { allow: [...network.allow] } }),
    ...(isolation === undefined ? {} : { isolation }),
    ...(options.idle === undefined ? {} : { idleTimeoutMs: options.idle }),
    ...(options.lifetime === undefined ? {} : { lifetimeMs: options.lifetime }),
  });
  await write(io.stdout, options.json === true ? `${JSON.stringify(sandbox)}\n` : `${sandbox.id}\n`);
  return 0;
}

export async function listCommand(io: Io, options: RemoteOptions): Promise<number> {
  await show(io, await (await connect(io, options)).listSandboxes(), options.json);
  return 0;
}

export async function closeCommand(io: Io, id: string, options: RemoteOptions): Promise<number> {
  await show(io, [await (await connect(io, options)).deleteSandbox(id)], options.json);
  return 0;
}

export async function putCommand(
  io: Io,
  id: string,
  file: string,
  path: string,
  options: RemoteOptions,
): Promise<number> {
  await (await connect(io, options)).writeSandboxFile(id, path, await readFile(file));
  return 0;
}

export async function getCommand(
  io: Io,
  id: string,
  path: string,
  file: string | undefined,
  options: RemoteOptions,
): Promise<number> {
  const bytes = await (await connect(io, options)).readSandboxFile(id, path);
  if (file === undefined) await write(io.stdout, bytes);
  // A name that is taken is somebody's file: not ours to write over.
  else await writeFile(file, bytes, { flag: "wx" });
  return 0;
}
