import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { SelfcheckGroup, SelfcheckReport } from "@crucible/contract";
import { SELFCHECK_GROUPS } from "@crucible/sandbox/selfcheck";
import { readPolicy } from "../../backend/engine-policy.ts";
import { dockerOf } from "../../backend/local.ts";
import { createProgress } from "../../batch/progress.ts";
import type { Progress } from "../../batch/progress.ts";
import { interruptible, write } from "../../io.ts";
import type { Io } from "../../io.ts";
import { reportPage } from "../../selfcheck/page.ts";
import { proveHost } from "../../selfcheck/prove.ts";
import { exitCodeOf } from "../../selfcheck/report.ts";
import { reportText } from "../../selfcheck/text.ts";

export interface SelfcheckCommandOptions {
  readonly engine: readonly string[];
  readonly group: readonly SelfcheckGroup[];
  /** A file for the JSON; true prints it instead of the table. */
  readonly json?: string | true;
  readonly html?: string;
  readonly quick?: boolean;
  readonly dataDir?: string;
}

const INTERRUPTED = 130;

/** Proves the isolation on this host. Exit code: 0 all held, 1 something broke or is not known, 130 interrupted. */
export async function selfcheckCommand(io: Io, options: SelfcheckCommandOptions): Promise<number> {
  const { allowUnsafe } = readPolicy(io.env);
  using interrupt = interruptible(io);
  const quick = options.quick === true;
  const groups = SELFCHECK_GROUPS.filter((group) => options.group.length === 0 || options.group.includes(group));
  let progress: Progress | undefined;
  const report = await proveHost(
    { engines: options.engine.length === 0 ? null : options.engine, groups, quick },
    { allowUnsafe, ociRootfs: io.env["CRUCIBLE_OCI_ROOTFS"] || undefined, docker: dockerOf(io.env) },
    {
      path: io.env["PATH"] ?? "",
      signal: interrupt.signal,
      onProgress: ({ total, failed }) => {
        progress ??= createProgress({ stream: io.stderr, total, quiet: false, now: () => performance.now() });
        progress.step(failed);
      },
    },
  );
  progress?.end();
  await hand(io, options, report);
  return interrupt.signal.aborted ? INTERRUPTED : exitCodeOf(report);
}

/** Writes the report wherever it was asked for, and where a server of this host finds it. */
async function hand(io: Io, options: SelfcheckCommandOptions, report: SelfcheckReport): Promise<void> {
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (options.json === true) await write(io.stdout, json);
  else await write(io.stdout, reportText(report));
  if (typeof options.json === "string") await writeFile(resolve(io.cwd, options.json), json);
  if (options.html !== undefined) await writeFile(resolve(io.cwd, options.html), reportPage(report));

  const named = options.dataDir ?? (io.env["CRUCIBLE_DATA_DIR"] || undefined);
  const directory = resolve(io.cwd, named ?? ".crucible");
  if (named === undefined && !(await stat(directory).catch(() => null))?.isDirectory()) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Whole or not at all: a server may read it at this moment.
  const path = join(directory, "selfcheck.json");
  await writeFile(`${path}.new`, json, { mode: 0o600 });
  await rename(`${path}.new`, path);
  await write(io.stderr, `stored for GET /api/v1/selfcheck in ${path}\n`);
}
