import { text } from "node:stream/consumers";
import type { OciSeccomp } from "../seccomp/oci.ts";
import type { DockerApi } from "./api.ts";
import { containerOptions } from "./container.ts";
import type { ContainerPlan } from "./container.ts";
import { splitFrames } from "./streams.ts";

/** One look into an image. */
export interface OnceOptions {
  readonly api: DockerApi;
  readonly image: string;
  /** For the image's own `sh`. */
  readonly script: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly runtime: string;
  readonly uid: number;
  readonly seccomp: OciSeccomp | null;
  /** Handed to the container; default: none. */
  readonly gpus?: ContainerPlan["gpus"];
  /** Called with its id while its script waits for the line that follows. */
  readonly onStarted?: (id: string) => Promise<void>;
}

const MiB = 1024 * 1024;
/** Fourteen compilers and interpreters say their versions; the JVM alone wants 0.3 s and 100 MB. */
const DEADLINE_MS = 60_000;
const BOUNDS = { memoryBytes: 1024 * MiB, pids: 128, cpus: 2 };

/** What the script says on standard output, in a container with every defence on. @throws the daemon's refusal. */
export async function isolatedOutput(options: OnceOptions): Promise<string> {
  const { api } = options;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const id = await api.create(
    containerOptions({
      ...options,
      command: ["/bin/sh", "-c", options.script],
      env: {},
      bounds: BOUNDS,
      boxBytes: 16 * MiB,
      diskBytes: 16 * MiB,
      gpus: options.gpus,
    }),
    signal,
  );
  try {
    const stream = await api.attach(id, signal);
    const { stdout, stderr } = splitFrames(stream);
    const [said, complaint] = [text(stdout), text(stderr)];
    const stop = (): void => void stream.destroy();
    signal.addEventListener("abort", stop);
    await api.start(id, signal);
    await options.onStarted?.(id);
    stream.write("\n");
    const output = await said;
    signal.throwIfAborted();
    const status = await api.wait(id);
    if (status !== 0) throw new Error(`${options.image}: ${(await complaint).slice(0, 1_000).trim()}`);
    return output;
  } finally {
    await api.remove(id, AbortSignal.timeout(DEADLINE_MS));
  }
}
