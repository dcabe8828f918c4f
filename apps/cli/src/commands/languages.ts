import type { Backend } from "../backend/types.ts";
import type { Io } from "../io.ts";
import { write } from "../io.ts";
import { table } from "../table.ts";

/** Lists what is installed where programs would run. */
export async function languagesCommand(
  io: Io,
  backend: Backend,
  options: { readonly json?: boolean },
): Promise<number> {
  const languages = await backend.languages();
  if (options.json === true) {
    await write(io.stdout, `${JSON.stringify({ languages })}\n`);
    return 0;
  }
  const rows = languages.map(({ name, version, extensions, aliases, compiled }) => [
    name,
    version,
    extensions.join(" "),
    compiled ? "compiled" : "",
    aliases.join(" "),
  ]);
  await write(io.stdout, table(["language", "version", "files", "", "also called"], rows));
  return 0;
}
