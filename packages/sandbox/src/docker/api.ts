import Docker from "dockerode";
import type { ContainerCreateOptions, DockerOptions } from "dockerode";
import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { boundsOf } from "./bounds.ts";
import type { ContainerBounds } from "./bounds.ts";
import { addressOf } from "./settings.ts";

/** What a daemon says of itself. */
export interface DaemonInfo {
  readonly version: string;
  readonly cgroupVersion: string;
  readonly runtimes: readonly string[];
  readonly securityOptions: readonly string[];
  readonly architecture: string;
  readonly limits: { readonly memory: boolean; readonly pids: boolean; readonly cpu: boolean };
}

/** How a container stands. */
export interface ContainerState {
  readonly isRunning: boolean;
  readonly wasOutOfMemory: boolean;
  readonly error: string;
  /** Its first process, in the numbers of the daemon's host; 0 where there is none. */
  readonly pid: number;
}

/** What a running container uses now. */
export interface ContainerUsage {
  readonly cpuMs: number | null;
  readonly memoryBytes: number | null;
}

/**
 * The calls of the Docker Engine API that the engine makes, all of them: the list in docs/how-to/use-docker.md and the
 * filtering proxy of the tests hold exactly these.
 */
export interface DockerApi {
  /** GET /_ping, GET /info */
  info(signal: AbortSignal): Promise<DaemonInfo>;
  /** GET /images/NAME/json: its digest; null where the daemon does not have it. */
  imageId(name: string, signal: AbortSignal): Promise<string | null>;
  /** GET /containers/json?all=1&filters=… */
  labelled(label: string, signal: AbortSignal): Promise<readonly { id: string; labels: Record<string, string> }[]>;
  /** POST /containers/create */
  create(options: ContainerCreateOptions, signal: AbortSignal): Promise<string>;
  /** POST /containers/ID/attach?stream=1&stdin=1&stdout=1&stderr=1, upgraded to a stream */
  attach(id: string, signal: AbortSignal): Promise<Duplex>;
  /** POST /containers/ID/start */
  start(id: string, signal: AbortSignal): Promise<void>;
  /** POST /containers/ID/wait: its exit status; never, where the daemon goes away meanwhile */
  wait(id: string): Promise<number>;
  /** POST /containers/ID/update */
  update(id: string, bounds: ContainerBounds, signal: AbortSignal): Promise<void>;
  /** GET /containers/ID/stats?stream=0&one-shot=1 */
  usage(id: string, signal: AbortSignal): Promise<ContainerUsage>;
  /** POST /containers/ID/kill */
  kill(id: string, signal: AbortSignal): Promise<void>;
  /** GET /containers/ID/json */
  state(id: string, signal: AbortSignal): Promise<ContainerState>;
  /** DELETE /containers/ID?force=1&v=1; one that is gone is fine. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

const statusOf = (error: unknown): number | undefined => (error as { statusCode?: number } | null)?.statusCode;

interface Heeding {
  readonly abortSignal: AbortSignal;
}

/** Calls that take a signal although the library's types know nothing of it. */
interface MoreCalls {
  ping(options: Heeding): Promise<unknown>;
  info(options: Heeding): Promise<InfoReply>;
  getImage(name: string): { inspect(options: Heeding): Promise<{ readonly Id: string }> };
}

/** Docker Engine API, "Get system information", as far as it is read. */
interface InfoReply {
  readonly ServerVersion: string;
  readonly CgroupVersion?: string;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
  readonly SecurityOptions?: readonly string[];
  readonly Architecture: string;
  readonly MemoryLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly CpuCfsQuota?: boolean;
}

/** An answer that has begun and never ends is not seen by the library: the signal holds for it too. */
function within<T>(signal: AbortSignal, call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(signal.reason as Error);
    if (signal.aborted) late();
    signal.addEventListener("abort", late, { once: true });
    call.then(resolve, reject).finally(() => signal.removeEventListener("abort", late));
  });
}

/**
 * The calls to the daemon at this address; each ends with its signal.
 * @throws EngineUnavailableError for an address that is none.
 */
export function openDockerApi(host: string): DockerApi {
  const api = openUnbounded(host);
  return {
    info: (signal) => within(signal, api.info(signal)),
    imageId: (name, signal) => within(signal, api.imageId(name, signal)),
    labelled: (label, signal) => within(signal, api.labelled(label, signal)),
    create: (options, signal) => within(signal, api.create(options, signal)),
    attach: (id, signal) => within(signal, api.attach(id, signal)),
    start: (id, signal) => within(signal, api.start(id, signal)),
    wait: (id) => api.wait(id),
    update: (id, bounds, signal) => within(signal, api.update(id, bounds, signal)),
    usage: (id, signal) => within(signal, api.usage(id, signal)),
    kill: (id, signal) => within(signal, api.kill(id, signal)),
    state: (id, signal) => within(signal, api.state(id, signal)),
    remove: (id, signal) => within(signal, api.remove(id, signal)),
  };
}

function openUnbounded(host: string): DockerApi {
  // A connection for each call: kept ones would be held by whoever asked last, and gone with a daemon's restart.
  const options: DockerOptions & { readonly agent: Agent } = {
    ...addressOf(host),
    agent: new Agent({ keepAlive: false }),
  };
  const docker = new Docker(options);
  const more = docker as unknown as MoreCalls;
  const at = (id: string) => docker.getContainer(id);
  return {
    info: async (abortSignal) => {
      await more.ping({ abortSignal });
      const info = await more.info({ abortSignal });
      return {
        version: info.ServerVersion,
        cgroupVersion: info.CgroupVersion ?? "1",
        runtimes: Object.keys(info.Runtimes ?? {}),
        securityOptions: info.SecurityOptions ?? [],
        architecture: info.Architecture,
        limits: {
          memory: info.MemoryLimit === true,
          pids: info.PidsLimit === true,
          cpu: info.CpuCfsQuota === true,
        },
      };
    },
    imageId: async (name, abortSignal) => {
      try {
        return (await more.getImage(name).inspect({ abortSignal })).Id;
      } catch (error) {
        if (statusOf(error) === 404) return null;
        throw error;
      }
    },
    labelled: async (label, abortSignal) => {
      const found = await docker.listContainers({ all: true, filters: { label: [label] }, abortSignal });
      return found.map(({ Id, Labels }) => ({ id: Id, labels: Labels }));
    },
    // The library puts options into the query as well, and a profile in there is longer than any server's limit.
    create: async (options, abortSignal) =>
      (await docker.createContainer({ _query: {}, _body: options, abortSignal } as ContainerCreateOptions)).id,
    attach: async (id, abortSignal) =>
      (await at(id).attach({
        stream: true,
        stdin: true,
        stdout: true,
        stderr: true,
        hijack: true,
        abortSignal,
      })) as unknown as Duplex,
    start: async (id, abortSignal) => void (await at(id).start({ abortSignal })),
    wait: async (id) => ((await at(id).wait()) as { StatusCode: number }).StatusCode,
    update: async (id, bounds, abortSignal) => void (await at(id).update({ ...boundsOf(bounds), abortSignal })),
    usage: async (id, abortSignal) => {
      const query = { stream: false, "one-shot": true, abortSignal } as { stream: false };
      const stats = await at(id).stats(query);
      const cpuNs = stats.cpu_stats.cpu_usage?.total_usage;
      const { max_usage: peak, usage } = stats.memory_stats as { max_usage?: number; usage?: number };
      return { cpuMs: cpuNs === undefined ? null : cpuNs / 1e6, memoryBytes: peak ?? usage ?? null };
    },
    kill: async (id, abortSignal) => {
      try {
        await at(id).kill({ signal: "SIGKILL", abortSignal });
      } catch (error) {
        // 404: it is gone; 409: it is not running.
        if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
      }
    },
    state: async (id, abortSignal) => {
      const { State } = await at(id).inspect({ abortSignal });
      return { isRunning: State.Running, wasOutOfMemory: State.OOMKilled, error: State.Error, pid: State.Pid };
    },
    remove: async (id, abortSignal) => {
      try {
        await at(id).remove({ force: true, v: true, abortSignal });
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
    },
  };
}
