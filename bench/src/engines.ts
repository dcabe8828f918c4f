import { writeFileSync } from "node:fs";
import { detectLanguages } from "@crucible/sandbox";
import { bare, type Contender } from "./contenders.ts";
import { type EngineContender, idleMemory, openContender, VARIANTS } from "./engines/contenders.ts";
import { dockerHost, dockerRun } from "./engines/docker.ts";
import { type EngineReport, enginesReport, renderEngines } from "./engines/report.ts";
import { measure, type Plan } from "./measure.ts";
import { summarise } from "./stats.ts";

/** How many runs may be in an engine at once: as many as the largest concurrency. */
const SLOTS = 4;

/** Measures every engine that works here, each way there is to use it. @returns whether all that is wanted was reached. */
export async function benchEngines(
  sizes: Pick<Plan, "rounds" | "runsPerRound">,
  jsonFile: string | undefined,
  onRound: (done: number, all: number) => void,
): Promise<boolean> {
  const python = (await detectLanguages(["python"]))[0]?.toolPaths["python"];
  if (python === undefined) throw new Error("python3 is not installed: apt-get install python3");
  await using undo = new AsyncDisposableStack();
  // Before the others start: what waits is told by the processes below this one.
  const idle = new Map<string, number | null>();
  for (const variant of VARIANTS) idle.set(variant.name, await idleMemory(variant));

  const docker = undo.use(await dockerHost(process.env));
  const missing = new Map<string, string>();
  const engines: EngineContender[] = [];
  for (const variant of VARIANTS) {
    const settings = docker.settings === undefined ? {} : { docker: docker.settings };
    const opened = await openContender({ ...variant, options: { ...variant.options, ...settings } }, SLOTS);
    if (typeof opened === "string") {
      missing.set(variant.engine, variant.engine === "docker" ? (docker.reason ?? opened) : opened);
    } else engines.push(undo.use(opened));
  }
  const client = docker.settings === undefined ? null : dockerRun(docker.settings);
  const contenders: Contender[] = [bare(python), ...engines, ...(client === null ? [] : [client])];
  const plan = { ...sizes, concurrencies: [1, SLOTS], warmUpRuns: 4 };
  const rows = (await measure(contenders, plan, onRound)).flatMap(summarise);
  const report: EngineReport = enginesReport(rows, engines, idle, missing);
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`${renderEngines(report)}\n`);
  return report.targets.every(({ reached }) => reached);
}
