import { SHORT } from "../bayes/measure.ts";

/** One stretch of a training text, as n-grams. */
export interface Instance {
  readonly grams: Int32Array;
  /** Which training text it was cut from. */
  readonly document: number;
  readonly label: 0 | 1;
  /** How much it counts. */
  weight: number;
}

/** The members of the naive Bayes family that were measured against each other. */
export type Variant = "multinomial" | "complement" | "log-ratio";

/** How the weights are found. */
export interface LinearOptions {
  readonly variant: Variant;
  /** Places in the table, as a power of two. */
  readonly bits: number;
  /** Added to each count, so that an n-gram seen on one side only does not decide alone. */
  readonly smoothing: number;
  /** Passes over the data that refine the Bayes weights (`log-ratio` only). */
  readonly epochs: number;
  /** Step of the refinement. */
  readonly rate: number;
  /** Pull of each weight back to its Bayes weight. */
  readonly pull: number;
  /** How much of the Bayes weight a refined weight starts with. */
  readonly prior: number;
  /** N-grams in fewer texts than this get no weight. */
  readonly minTexts: number;
}

/** Weights of n-grams in log-odds; a stretch of n n-grams has the score `bias + sum / sqrt(n + 16)`. */
export interface Linear {
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Finds the weights. `random` gives numbers from 0 to 1 and decides the order of the instances. */
export function fitLinear(instances: readonly Instance[], options: LinearOptions, random: () => number): Linear {
  const ratios = logRatios(instances, options);
  if (options.variant !== "log-ratio") return { weights: ratios, bias: 0 };
  return refine(instances, ratios, options, random);
}

/**
 * Naive Bayes: the log of how much likelier an n-gram is in attacks. `complement` normalises the weights by their
 * total, which takes away the advantage of the class with more text (Rennie et al., 2003); `log-ratio` counts an
 * n-gram once per stretch (Wang and Manning, 2012).
 */
function logRatios(instances: readonly Instance[], options: LinearOptions): Float32Array {
  const { bits, smoothing, variant, minTexts } = options;
  const size = 2 ** bits;
  const attacks = new Float64Array(size);
  const others = new Float64Array(size);
  const texts = new Uint16Array(size);
  const lastText = new Int32Array(size).fill(-1);
  const lastInstance = new Int32Array(size).fill(-1);
  instances.forEach(({ grams, label, weight, document }, index) => {
    const counts = label === 1 ? attacks : others;
    for (const gram of grams) {
      if (lastText[gram] !== document) {
        lastText[gram] = document;
        if ((texts[gram] as number) < 65_535) texts[gram] = (texts[gram] as number) + 1;
      }
      if (variant === "log-ratio") {
        if (lastInstance[gram] === index) continue;
        lastInstance[gram] = index;
      }
      counts[gram] = (counts[gram] as number) + weight;
    }
  });
  let attackTotal = 0;
  let otherTotal = 0;
  for (let gram = 0; gram < size; gram++) {
    if ((texts[gram] as number) === 0) continue;
    attackTotal += (attacks[gram] as number) + smoothing;
    otherTotal += (others[gram] as number) + smoothing;
  }
  const weights = new Float32Array(size);
  let total = 0;
  for (let gram = 0; gram < size; gram++) {
    if ((texts[gram] as number) < minTexts) continue;
    const attack = ((attacks[gram] as number) + smoothing) / attackTotal;
    const other = ((others[gram] as number) + smoothing) / otherTotal;
    weights[gram] = Math.log(attack / other);
    total += Math.abs(weights[gram] as number);
  }
  if (variant === "complement" && total > 0) {
    for (let gram = 0; gram < size; gram++) weights[gram] = ((weights[gram] as number) / total) * 1e6;
  }
  return weights;
}

/** Logistic regression that starts at the Bayes weights and is pulled back to them; AdaGrad steps. */
function refine(
  instances: readonly Instance[],
  ratios: Float32Array,
  options: LinearOptions,
  random: () => number,
): Linear {
  const { epochs, rate, pull, prior } = options;
  const weights = ratios.map((ratio) => ratio * prior);
  const squares = new Float32Array(weights.length).fill(1e-4);
  const order = Uint32Array.from(instances, (_, index) => index);
  const mean = new Float32Array(weights.length);
  let meanBias = 0;
  if (epochs === 0) return { weights, bias: 0 };
  const averaged = Math.ceil(epochs / 2);
  let bias = 0;
  let biasSquares = 1e-4;
  for (let epoch = 0; epoch < epochs; epoch++) {
    if (epoch > 0) reweigh(instances, weights, bias);
    shuffle(order, random);
    for (const index of order) {
      const { grams, label, weight } = instances[index] as Instance;
      if (grams.length === 0 || weight === 0) continue;
      const scale = 1 / Math.sqrt(grams.length + SHORT);
      const score = bias + sumOf(weights, grams) * scale;
      const slope = (1 / (1 + Math.exp(-score)) - label) * weight;
      if (Math.abs(slope) < 1e-4) continue;
      const step = slope * scale;
      for (let i = 0; i < grams.length; i++) {
        const gram = grams[i] as number;
        const start = ratios[gram] as number;
        // Weight 0 is that of an n-gram too rare to be learned.
        if (start === 0) continue;
        const now = weights[gram] as number;
        const gradient = step + pull * (now - start * prior) * Math.abs(slope);
        const square = (squares[gram] as number) + gradient * gradient;
        squares[gram] = square;
        weights[gram] = now - (rate * gradient) / Math.sqrt(square);
      }
      biasSquares += slope * slope;
      bias -= (rate * slope) / Math.sqrt(biasSquares);
    }
    // The mean over the second half of the passes varies less from order to order than the last pass.
    if (epoch >= epochs - averaged) {
      for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) + (weights[i] as number) / averaged;
      meanBias += bias / averaged;
    }
  }
  return { weights: mean, bias: meanBias };
}

function sumOf(weights: Float32Array, grams: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < grams.length; i++) sum += weights[grams[i] as number] as number;
  return sum;
}

/**
 * Not every stretch of an attack attacks: an e-mail with one bad sentence is mostly an e-mail. And of a harmless text
 * the stretch that looks worst decides. So in both the stretches count most that by now look most like an attack;
 * the weights of a text keep their sum.
 */
function reweigh(instances: readonly Instance[], weights: Float32Array, bias: number): void {
  for (let from = 0; from < instances.length;) {
    const { document } = instances[from] as Instance;
    let to = from + 1;
    while (to < instances.length && (instances[to] as Instance).document === document) to++;
    if (to - from > 1) {
      const group = instances.slice(from, to);
      const scores = group.map(({ grams }) => bias + sumOf(weights, grams) / Math.sqrt(grams.length + SHORT));
      const top = Math.max(...scores);
      const shares = scores.map((score) => Math.exp((score - top) / 1.5));
      const shareSum = shares.reduce((a, b) => a + b, 0);
      const weightSum = group.reduce((a, { weight }) => a + weight, 0);
      group.forEach((instance, i) => {
        instance.weight = ((shares[i] as number) / shareSum) * weightSum;
      });
    }
    from = to;
  }
}

function shuffle(order: Uint32Array, random: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
}
