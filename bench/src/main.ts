import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bare, bubblewrap, overHttp } from "./contenders.ts";
import { benchEngines } from "./engines.ts";
import { measure } from "./measure.ts";
import { machine, render, targetsOf } from "./report.ts";
import type { Report } from "./report.ts";
import { startBenchServer } from "./server.ts";
import { summarise } from "./stats.ts";

const HELP = `npm run bench -- [--rounds N] [--runs N] [--json FILE] [--engines]

Runs hello-world in Python five ways, in turn, at 1, 2 and 4 at once: as a bare child process, through the
bubblewrap engine with an interpreter started for each run and with forked ones, and both ways end to end over
HTTP with wait=true (embedded database). Prints p50, p99, throughput, peak memory of the server, and last the
ratios to the bare child process measured in the same run.
With DATABASE_URL set, end to end on that PostgreSQL too. Exit code 1 when a promised ratio is not reached.

--engines: instead, every engine that works here, afresh and prepared, with \`docker run\` beside them, one at a time
and four at once: latency, throughput, memory of a run and of a prepared sandbox that waits. Docker is that of
CRUCIBLE_DOCKER_HOST, else one of its own (root, docker.io). Takes some minutes; --rounds 3 --runs 8 are its defaults.
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string" },
    runs: { type: "string" },
    json: { type: "string" },
    engines: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const [defaultRounds, defaultRuns] = values.engines ? [3, 8] : [10, 40];
const plan = {
  rounds: Number(values.rounds ?? defaultRounds),
  runsPerRound: Number(values.runs ?? defaultRuns),
  concurrencies: [1, 2, 4],
};
if (!(plan.rounds >= 1 && plan.runsPerRound >= 1)) throw new RangeError("--rounds and --runs must be at least 1");
const progress = (done: number, all: number): void => {
  if (process.stderr.isTTY) process.stderr.write(`\rround ${done} of ${all}${done === all ? "\n" : ""}`);
};
if (values.engines) process.exit((await benchEngines(plan, values.json, progress)) ? 0 : 1);

await using undo = new AsyncDisposableStack();
const afresh = undo.use(await bubblewrap(4, false));
const forked = undo.use(await bubblewrap(4, true));
const embedded = undo.use(await startBenchServer());
const forking = undo.use(await startBenchServer({ CRUCIBLE_FORK_PYTHON: "1" }));
const contenders = [
  undo.use(bare(afresh.python)),
  afresh,
  forked,
  undo.use(overHttp("HTTP, afresh", embedded.url, embedded.key)),
  undo.use(overHttp("HTTP, forked", forking.url, forking.key)),
];
const databaseUrl = process.env["DATABASE_URL"];
if (databaseUrl !== undefined) {
  const server = undo.use(await startBenchServer({ DATABASE_URL: databaseUrl }));
  contenders.push(undo.use(overHttp("HTTP, PostgreSQL", server.url, server.key)));
}

const rounds = await measure(contenders, plan, progress);
const rows = rounds.flatMap(summarise);
const peak = embedded.peakMemoryBytes();
const report: Report = {
  date: new Date().toISOString().slice(0, 10),
  machine: machine(),
  rows,
  memory: [
    { what: "server with embedded database", bytes: peak.server },
    { what: "its executor", bytes: peak.executor },
    { what: "this benchmark", bytes: process.resourceUsage().maxRSS * 1024 },
  ],
  targets: targetsOf(rows),
};
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`${render(report)}\n`);
if (report.targets.some((target) => !target.reached)) process.exitCode = 1;
