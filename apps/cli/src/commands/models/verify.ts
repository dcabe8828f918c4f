import { type Damage, findDamage, listModels, modelsFolder } from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import { interruptible, type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";

/** Compares models with their manifests. Exit code 1 when one is damaged. */
export async function verifyCommand(
  io: Io,
  name: string | undefined,
  { json }: { readonly json?: boolean },
): Promise<number> {
  using interrupt = interruptible(io);
  const all = await listModels(modelsFolder(dataDirectory(io)));
  const models = all.filter((model) => name === undefined || model.name === name);
  if (models.length === 0 && name !== undefined) {
    throw new CliProblem(`${name} is not installed`, "see crucible models list");
  }
  const results: { name: string; revision: string; ok: boolean; damage: readonly Damage[] }[] = [];
  for (const { folder, manifest, ...model } of models) {
    const none: Damage = { path: "crucible-model.json", what: "missing" };
    const damage = manifest === null ? [none] : await findDamage(folder, manifest, interrupt.signal);
    results.push({ name: model.name, revision: model.revision, ok: damage.length === 0, damage });
    if (json === true) continue;
    await write(io.stdout, `${damage.length === 0 ? "ok     " : "DAMAGED"}  ${model.name} at ${model.revision}\n`);
    // JSON keeps a stranger's control characters off the terminal.
    for (const { path, what } of damage) await write(io.stdout, `         ${JSON.stringify(path)} is ${what}\n`);
  }
  const ok = results.every((result) => result.ok);
  if (json === true) await write(io.stdout, `${JSON.stringify({ ok, models: results })}\n`);
  else if (results.length === 0) await write(io.stdout, "no models are installed\n");
  return ok ? 0 : 1;
}
