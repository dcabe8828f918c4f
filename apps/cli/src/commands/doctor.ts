import type { EngineInfo } from "@crucible/contract";
import { engineChecks, hostChecks, toolChecks } from "../doctor/checks.ts";
import type { Check } from "../doctor/checks.ts";
import type { Host } from "../doctor/host.ts";
import type { Io } from "../io.ts";
import { write } from "../io.ts";

const MARK: Readonly<Record<Check["status"], string>> = { ok: "ok  ", info: "--  ", warn: "WARN", fail: "FAIL" };

/** Looks at this host and says what isolation it offers. Exit code 1 when something must be fixed first. */
export async function doctorCommand(
  io: Io,
  host: Host,
  engines: () => Promise<readonly EngineInfo[]>,
  options: { readonly json?: boolean },
): Promise<number> {
  const checks = [...(await hostChecks(host)), ...(await toolChecks(host)), ...engineChecks(await engines())];
  const failed = checks.filter(({ status }) => status === "fail").length;
  const warned = checks.filter(({ status }) => status === "warn").length;
  if (options.json === true) {
    await write(io.stdout, `${JSON.stringify({ ok: failed === 0, checks })}\n`);
    return failed === 0 ? 0 : 1;
  }
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const { name, status, detail, fix } of checks) {
    await write(io.stdout, `${MARK[status]}  ${name.padEnd(width)}  ${detail}\n`);
    if (fix !== null && status !== "ok") await write(io.stdout, `${" ".repeat(width + 8)}${fix}\n`);
  }
  const verdict = failed > 0 ? `${failed} to fix` : "programs can run isolated here";
  await write(io.stdout, `\n${verdict}${warned > 0 ? `, ${warned} to look at` : ""}\n`);
  return failed === 0 ? 0 : 1;
}
