import {
  BAYES_POLICY,
  benchGuard,
  benchTable,
  benchTargets,
  createBayesStage,
  createMemoryCache,
  createPipeline,
  generate,
  loadShippedModel,
  type Pipeline,
} from "@crucible/guard";
import { machine } from "./report.ts";
import { median, type Series, summarise } from "./stats.ts";

/** Of each contender in each round. The same in all: 5% attacks, the rest harmless. */
const PROMPTS = 2_000;
const ROUNDS = 15;

interface Contender {
  readonly name: string;
  /** Takes the body of a chat request and gives the one to pass on. */
  readonly handle: (body: string) => string | Promise<string>;
}

/** What a proxy does without a guard. */
const bare: Contender = { name: "bare JSON", handle: (body) => JSON.stringify(JSON.parse(body)) };

function guarded(name: string, pipeline: Pipeline): Contender {
  return {
    name,
    handle: async (body) => {
      const request = JSON.parse(body) as { messages: unknown[] };
      await pipeline.screen(request.messages);
      return JSON.stringify(request);
    },
  };
}

async function series({ name, handle }: Contender, bodies: readonly string[]): Promise<Series> {
  const latenciesMs: number[] = [];
  const start = performance.now();
  for (const body of bodies) {
    const at = performance.now();
    await handle(body);
    latenciesMs.push(performance.now() - at);
  }
  const throughputs = [bodies.length / ((performance.now() - start) / 1000)];
  return { contender: name, concurrency: 1, latenciesMs, throughputs };
}

// Before anything else takes memory.
const stagesAlone = await benchGuard();

const texts = Array.from(generate({ seed: 3, attacks: PROMPTS / 20, benign: (PROMPTS / 20) * 19 }), ({ text }) => text);
const bodies = texts.map((content) => JSON.stringify({ model: "stub", messages: [{ role: "user", content }] }));
const stages = [createBayesStage(await loadShippedModel())];
const cache = createMemoryCache(BAYES_POLICY.cache, performance);
const contenders = [
  bare,
  guarded("bare JSON + Bayes", createPipeline({ policy: BAYES_POLICY, stages })),
  guarded("bare JSON + cached", createPipeline({ policy: BAYES_POLICY, stages, cache })),
];

for (const contender of contenders) await series(contender, bodies);
const rounds: Series[][] = [];
for (let round = 0; round < ROUNDS; round++) {
  const row: Series[] = [];
  for (const contender of contenders) row.push(await series(contender, bodies));
  rounds.push(row);
}
const rows = summarise(rounds);
const { hits, misses } = cache.stats();
const length = median(texts.map((text) => text.length));
const lines = [
  `${new Date().toISOString().slice(0, 10)}, ${machine()}`,
  `${bodies.length} prompts, median ${length} characters, ${ROUNDS} rounds, one thread`,
  "",
  "| contender          | p50 us | p99 us | requests/s | throughput by bare |",
  "| ------------------ | -----: | -----: | ---------: | -----------------: |",
  ...rows.map(({ contender, p50Ms, p99Ms, runsPerSecond, throughputRatio }) => {
    const cells = [(p50Ms * 1000).toFixed(1).padStart(6), (p99Ms * 1000).toFixed(1).padStart(6)];
    const rates = [runsPerSecond.toFixed(0).padStart(10), throughputRatio.toFixed(3).padStart(18)];
    return `| ${[contender.padEnd(18), ...cells, ...rates].join(" | ")} |`;
  }),
  "",
  `cache: ${hits} hits, ${misses} misses`,
];
process.stdout.write(`${lines.join("\n")}\n\n${benchTable(stagesAlone)}`);
if (benchTargets(stagesAlone).some(({ isReached }) => !isReached)) process.exitCode = 1;
