import type { Metric, Registry } from "prom-client";

/**
 * Counters and histograms for what every request touches. Those of prom-client build the text of all labels at each
 * call: 8 calls of a request took 20 µs of its 125. These look one short key up, and write the labels when they are
 * read. The registry prints both kinds alike.
 */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

interface Value {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** Between the values of labels; no label holds it. */
const APART = "\u001f";

function register(registry: Registry, { name, help }: Described, type: string, values: () => Value[]): void {
  const get = async (): Promise<object> => ({ name, help, type, values: values(), aggregator: "sum" });
  registry.registerMetric({ name, help, type, get } as unknown as Metric);
}

function labelsOf(names: readonly string[], key: string): Record<string, string> {
  const parts = key.split(APART);
  return Object.fromEntries(names.map((name, i) => [name, parts[i] ?? ""]));
}

/** Adds to one counter of a family; label values in the order of their names. */
export type QuickCounter = (value: number, ...labels: readonly string[]) => void;

/** A family of counters. Label values must be few, as everywhere. */
export function createQuickCounter(registry: Registry, described: Described): QuickCounter {
  const counts = new Map<string, number>();
  register(registry, described, "counter", () =>
    [...counts].map(([key, value]) => ({ labels: labelsOf(described.labelNames, key), value })),
  );
  return (value, ...labels) => {
    const key = labels.join(APART);
    counts.set(key, (counts.get(key) ?? 0) + value);
  };
}

/** Notes one value of a family; label values in the order of their names. */
export type QuickHistogram = (value: number, ...labels: readonly string[]) => void;

interface Distribution {
  /** One more than there are bounds: the last has what is above all of them. */
  readonly counts: Float64Array;
  sum: number;
}

/** A family of histograms; `buckets` are upper bounds, growing. */
export function createQuickHistogram(
  registry: Registry,
  described: Described & { readonly buckets: readonly number[] },
): QuickHistogram {
  const { name, labelNames, buckets } = described;
  const all = new Map<string, Distribution>();
  register(registry, described, "histogram", () =>
    [...all].flatMap(([key, { counts, sum }]) => {
      const labels = labelsOf(labelNames, key);
      let count = 0;
      const bounds = [...buckets, "+Inf"].map((le, i): Value => {
        count += counts[i] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
      });
      const totals = [
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
      return [...bounds, ...totals];
    }),
  );
  return (value, ...labels) => {
    const key = labels.join(APART);
    let one = all.get(key);
    if (one === undefined) all.set(key, (one = { counts: new Float64Array(buckets.length + 1), sum: 0 }));
    let at = 0;
    while (at < buckets.length && value > (buckets[at] ?? 0)) at++;
    one.counts[at] = (one.counts[at] ?? 0) + 1;
    one.sum += value;
  };
}
