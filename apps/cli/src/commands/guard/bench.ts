import { performance } from "node:perf_hooks";
import { benchGuard, benchSteps, benchTable, benchTargets } from "@crucible/guard";
import { createProgress } from "../../batch/progress.ts";
import { type Io, write } from "../../io.ts";
import { choosePolicy, loading, type PolicyOptions } from "./policy.ts";

/** The options of `crucible guard bench`, parsed. */
export interface BenchOptions extends PolicyOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Measures how fast the stages are on this machine and what memory they take. Exit code 0, whatever is reached. */
export async function benchCommand(io: Io, options: BenchOptions): Promise<number> {
  const { policy, options: guard } = await choosePolicy(io, options);
  const progress = createProgress({
    stream: io.stderr,
    total: benchSteps({ policy }),
    quiet: options.quiet === true,
    now: () => performance.now(),
  });
  const { cache: _cache, workers: _workers, policy: _policy, ...models } = guard;
  const bench = await loading(
    async () => await benchGuard({ ...models, policy, onStep: () => progress.step(false) }),
  ).finally(() => progress.end());
  const text = JSON.stringify({ ...bench, targets: benchTargets(bench) });
  await write(io.stdout, options.json === true ? `${text}\n` : benchTable(bench));
  return 0;
}
