/** Weights of a logistic regression over standardised features. */
export interface Logistic {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
  readonly weights: Float64Array;
  readonly bias: number;
}

/** Solves a small linear system by elimination with row exchange; `a` and `b` are overwritten. */
function solve(a: Float64Array[], b: Float64Array): Float64Array {
  const n = b.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs((a[row] as Float64Array)[column] as number) > Math.abs((a[pivot] as Float64Array)[column] as number))
        pivot = row;
    }
    [a[column], a[pivot]] = [a[pivot] as Float64Array, a[column] as Float64Array];
    [b[column], b[pivot]] = [b[pivot] as number, b[column] as number];
    const top = a[column] as Float64Array;
    const head = (top[column] as number) || 1e-12;
    for (let row = column + 1; row < n; row++) {
      const line = a[row] as Float64Array;
      const factor = (line[column] as number) / head;
      if (factor === 0) continue;
      for (let k = column; k < n; k++) line[k] = (line[k] as number) - factor * (top[k] as number);
      b[row] = (b[row] as number) - factor * (b[column] as number);
    }
  }
  const x = new Float64Array(n);
  for (let row = n - 1; row >= 0; row--) {
    const line = a[row] as Float64Array;
    let sum = b[row] as number;
    for (let k = row + 1; k < n; k++) sum -= (line[k] as number) * (x[k] as number);
    x[row] = sum / ((line[row] as number) || 1e-12);
  }
  return x;
}

/**
 * Fits a logistic regression by Newton steps, with ridge penalty `ridge` on all but the bias. With one feature and
 * ridge 0 this is Platt's calibration. `floor[i]` is the least weight feature i may get: 0 keeps a feature that must
 * only raise suspicion from lowering it.
 */
export function fitLogistic(
  rows: readonly ArrayLike<number>[],
  labels: ArrayLike<number>,
  rowWeights: ArrayLike<number>,
  ridge: number,
  floor: ArrayLike<number> = [],
): Logistic {
  const width = rows[0]?.length ?? 0;
  const mean = new Float64Array(width);
  const scale = new Float64Array(width).fill(1);
  let total = 0;
  rows.forEach((row, r) => {
    total += rowWeights[r] as number;
    for (let i = 0; i < width; i++) mean[i] = (mean[i] as number) + (row[i] as number) * (rowWeights[r] as number);
  });
  for (let i = 0; i < width; i++) mean[i] = (mean[i] as number) / total;
  for (let i = 0; i < width; i++) {
    let square = 0;
    rows.forEach((row, r) => {
      square += ((row[i] as number) - (mean[i] as number)) ** 2 * (rowWeights[r] as number);
    });
    scale[i] = Math.max(Math.sqrt(square / total), 1e-3);
  }
  const standard = rows.map((row) =>
    Float64Array.from({ length: width + 1 }, (_, i) =>
      i === width ? 1 : ((row[i] as number) - (mean[i] as number)) / (scale[i] as number),
    ),
  );
  const free = Array.from({ length: width + 1 }, () => true);
  let weights = new Float64Array(width + 1);
  // A feature that would fall below its floor is fixed there and the rest is fitted again.
  for (let attempt = 0; attempt <= width; attempt++) {
    weights = newton(standard, labels, rowWeights, ridge, free, floor);
    let lowest = -1;
    for (let i = 0; i < width; i++) {
      const limit = floor[i];
      if (limit !== undefined && free[i] === true && (weights[i] as number) < limit - 1e-9) {
        if (lowest < 0 || (weights[i] as number) < (weights[lowest] as number)) lowest = i;
      }
    }
    if (lowest < 0) break;
    free[lowest] = false;
  }
  return { mean, scale, weights: weights.slice(0, width), bias: weights[width] as number };
}

function newton(
  rows: readonly Float64Array[],
  labels: ArrayLike<number>,
  rowWeights: ArrayLike<number>,
  ridge: number,
  free: readonly boolean[],
  floor: ArrayLike<number>,
): Float64Array<ArrayBuffer> {
  const width = free.length;
  const active = free.flatMap((isFree, i) => (isFree ? [i] : []));
  const weights = Float64Array.from({ length: width }, (_, i) => (free[i] === true ? 0 : (floor[i] ?? 0)));
  for (let round = 0; round < 25; round++) {
    const gradient = new Float64Array(active.length);
    const hessian = active.map(() => new Float64Array(active.length));
    rows.forEach((row, r) => {
      let score = 0;
      for (let i = 0; i < width; i++) score += (weights[i] as number) * (row[i] as number);
      const p = 1 / (1 + Math.exp(-score));
      const slope = (p - (labels[r] as number)) * (rowWeights[r] as number);
      const curve = Math.max(p * (1 - p), 1e-6) * (rowWeights[r] as number);
      active.forEach((i, a) => {
        gradient[a] = (gradient[a] as number) + slope * (row[i] as number);
        const line = hessian[a] as Float64Array;
        const factor = curve * (row[i] as number);
        for (let b = 0; b < active.length; b++)
          line[b] = (line[b] as number) + factor * (row[active[b] as number] as number);
      });
    });
    active.forEach((i, a) => {
      const penalty = i === width - 1 ? 1e-9 : ridge;
      gradient[a] = (gradient[a] as number) + penalty * (weights[i] as number);
      const line = hessian[a] as Float64Array;
      line[a] = (line[a] as number) + penalty;
    });
    const step = solve(hessian, gradient);
    let moved = 0;
    active.forEach((i, a) => {
      // Long steps of a nearly separable problem would overshoot.
      const by = Math.max(-4, Math.min(4, step[a] as number));
      weights[i] = (weights[i] as number) - by;
      moved = Math.max(moved, Math.abs(by));
    });
    if (moved < 1e-7) break;
  }
  return weights;
}
