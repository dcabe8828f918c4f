/** New bounds of a running container. */
export interface ContainerBounds {
  readonly memoryBytes: number;
  readonly pids: number;
  readonly cpus: number;
}

/** Bounds as the API has them: swap counts with memory, so that there is none. */
export const boundsOf = ({ memoryBytes, pids, cpus }: ContainerBounds) => ({
  Memory: memoryBytes,
  MemorySwap: memoryBytes,
  PidsLimit: pids,
  NanoCpus: Math.round(cpus * 1e9),
});
