import type { Backend } from "../backend/types.ts";
import type { Io } from "../io.ts";
import { write } from "../io.ts";
import { table } from "../table.ts";

/** Lists the engines and what each can do where programs would run. */
export async function enginesCommand(io: Io, backend: Backend, options: { readonly json?: boolean }): Promise<number> {
  const engines = await backend.engines();
  if (options.json === true) {
    await write(io.stdout, `${JSON.stringify({ engines })}\n`);
    return 0;
  }
  const rows = engines.map((engine) => [
    `${engine.engine}${engine.isDefault ? " (default)" : ""}`,
    engine.isolation,
    engine.available ? (engine.allowed ? "yes" : "not allowed") : "no",
    engine.version ?? "",
    (engine.available && beltsText(engine.belts)) || (engine.reason ?? ""),
  ]);
  await write(io.stdout, table(["engine", "isolation", "usable", "version", "belts"], rows));
  for (const { engine, fix, available, allowed } of engines) {
    if (fix !== null && !(available && allowed)) await write(io.stdout, `to use ${engine}: ${fix}\n`);
  }
  return 0;
}

function beltsText(belts: readonly { readonly name: string; readonly on: boolean }[]): string {
  if (belts.length === 0) return "";
  const off = belts.filter(({ on }) => !on).map(({ name }) => name);
  return `${belts.length - off.length} of ${belts.length} on${off.length === 0 ? "" : `, without ${off.join(", ")}`}`;
}
