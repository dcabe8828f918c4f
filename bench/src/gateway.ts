import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createBayesStage, decide, generate, loadShippedModel } from "@crucible/guard";
import { cpuMs, type Running, startCrucible, startPortkey, startScript } from "./gateway/contenders.ts";
import { type Connection, load, openConnection, requestBytes } from "./gateway/load.ts";
import { gatewayTargets, type Measured, renderRows, rowsOf } from "./gateway/report.ts";
import { machine, renderTarget } from "./report.ts";
import { median } from "./stats.ts";

const HELP = `npm run bench:gateway -- [--rounds N] [--concurrency N] [--json FILE]

Sends chat requests to the same stub upstream five ways, in turn: directly, through a bare Node reverse proxy that
parses and re-emits the JSON, through Crucible's gateway with prompts it has not seen (Bayes) and with repeated ones
(cache), and through the npm package @portkey-ai/gateway. Every contender is a process of its own on loopback.
Latency is taken one at a time, "added" is what a contender takes longer than direct; throughput is taken at
--concurrency. Exit code 1 when a promised number is not reached. Let nothing else run on the machine.
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "8" },
    concurrency: { type: "string", default: "16" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const rounds = Number(values.rounds);
const concurrency = Number(values.concurrency);
if (!(rounds >= 1 && rounds <= 100 && concurrency >= 1 && concurrency <= 256)) {
  throw new RangeError("--rounds must be from 1 to 100, --concurrency from 1 to 256");
}
/** Of each contender in each round: one at a time, and together. */
const ALONE = 300;
const TOGETHER = 2000;
/** How many prompts are repeated again and again for the cache. */
const REPEATED = 200;

const model = await loadShippedModel();
const stage = createBayesStage(model);
const harmless = generate({
  seed: 11,
  attacks: 0,
  benign: Math.ceil((rounds + 1) * (ALONE + TOGETHER) * 1.2) + REPEATED,
});
// No prompt that the guard blocks: it would not reach the upstream. The number makes each one new.
const bodies = Array.from(harmless, ({ text }, i) => `${text} (${i})`)
  .filter((text) => decide(stage.screen(text, { evidence: 0 }).probability, model.thresholds) !== "block")
  .map((content) => JSON.stringify({ model: "stub", messages: [{ role: "user", content }], temperature: 0.2 }));
const repeated = bodies.splice(0, REPEATED);
const lengths = bodies.map((body) => body.length);
const perRound = ALONE + TOGETHER;
if (bodies.length < (rounds + 1) * perRound) throw new Error(`only ${bodies.length} prompts pass the guard`);

await using undo = new AsyncDisposableStack();
const stub = undo.use(await startScript("./stub-server.ts"));
const crucible = undo.use(await startCrucible(stub.port, model.thresholds));
const portkey = undo.use(await startPortkey(stub.port));
const BARE = "bare proxy";
const OURS = ["Crucible, new prompts", "Crucible, repeated prompts"] as const;
const contenders: readonly { readonly name: string; readonly running: Running; readonly cached: boolean }[] = [
  { name: "direct", running: stub, cached: false },
  { name: BARE, running: undo.use(await startScript("./bare-proxy.ts", String(stub.port))), cached: false },
  { name: OURS[0], running: crucible, cached: false },
  { name: OURS[1], running: crucible, cached: true },
  { name: `Portkey ${portkey.version}`, running: portkey, cached: false },
];

const results = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  const fresh = bodies.slice(round * perRound, (round + 1) * perRound);
  const again = Array.from({ length: perRound }, (_, i) => repeated[i % REPEATED] ?? "");
  for (const { name, running, cached } of contenders) {
    const requests = (cached ? again : fresh).map((body) => requestBytes(running, body));
    const connections: Connection[] = [];
    for (let i = 0; i < concurrency; i++) connections.push(await openConnection(running.port));
    const alone = await load(connections.slice(0, 1), requests.slice(0, ALONE));
    const before = cpuMs(running.pid);
    const together = await load(connections, requests.slice(ALONE));
    const cpuUs = ((cpuMs(running.pid) - before) * 1000) / TOGETHER;
    for (const connection of connections) connection[Symbol.dispose]();
    // The first round warms all of them up.
    if (round > 0) results.get(name)?.push({ alone, together, cpuUs });
  }
  if (process.stderr.isTTY) process.stderr.write(`\rround ${round} of ${rounds}${round === rounds ? "\n" : ""}`);
}
const rows = rowsOf(results, "direct", BARE);
const targets = gatewayTargets(rows, OURS);
const date = new Date().toISOString().slice(0, 10);
if (values.json !== undefined) {
  const report = { date, machine: machine(), rounds, concurrency, alone: ALONE, together: TOGETHER, rows, targets };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
process.stdout.write(
  [
    `${date}, ${machine()}`,
    `${rounds} rounds in turn, ${ALONE} requests one at a time and ${TOGETHER} at ${concurrency} at once, bodies of ${median(lengths)} bytes (median)`,
    "",
    renderRows(rows, concurrency),
    "",
    ...targets.map(renderTarget),
    "",
  ].join("\n"),
);
if (targets.some(({ reached }) => !reached)) process.exitCode = 1;
