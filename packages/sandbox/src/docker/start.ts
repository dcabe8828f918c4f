import { randomBytes } from "node:crypto";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Duplex, Readable } from "node:stream";
import { INSIDE } from "../bubblewrap/layout.ts";
import { boxArchive } from "../oci/script.ts";
import { commandsOf, givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { ContainerState, DockerApi } from "./api.ts";
import { containerOptions } from "./container.ts";
import { createControl } from "./control.ts";
import { createContainerGroup } from "./group.ts";
import { imageOf } from "./images.ts";
import { CALL_TIMEOUT_MS } from "./prepare.ts";
import type { Ready } from "./prepare.ts";
import { containerScript, sealedCommand } from "./script.ts";
import { splitAtMarks, splitFrames } from "./streams.ts";

/** A container whose launcher waits for `go`. */
export interface StartedContainer {
  readonly sandbox: RunningSandbox;
  /** What the daemon refused, or how it went away; null while all is well. */
  fault(): string | null;
  /** Removes the container, whatever it does. Rejects when the daemon does not: then it may still run. */
  close(): Promise<void>;
}

export interface StartFailure {
  readonly failure: string;
}

/** What is missing of the start after this will not come. */
const READY_DEADLINE_MS = 60_000;
const STOP_LOOKS = 40;
const STOP_LOOK_MS = 50;

/** Everything up to the end of the line that says `ready`; false when the stream ends or the signal comes first. */
async function saysReady(part: Readable, signal: AbortSignal): Promise<boolean> {
  let said = "";
  const stop = (): void => void part.destroy();
  signal.addEventListener("abort", stop, { once: true });
  part.on("data", (chunk: Buffer) => {
    said += chunk.toString("latin1");
    if (said.includes("\n")) part.emit("ready");
  });
  const ready = new Promise<void>((resolve) => {
    part.once("ready", resolve);
  });
  await Promise.race([ready, finished(part).catch(() => undefined)]);
  signal.removeEventListener("abort", stop);
  return said.startsWith("ready\n");
}

function planOf(host: Ready, slot: number, plan: RunPlan, archiveBytes: number) {
  const commands = commandsOf(plan, INSIDE.build);
  const compile =
    commands.compile === null || plan.compileLimits === null
      ? null
      : { argv: commands.compile, limits: plan.compileLimits };
  const script = containerScript(
    {
      compile,
      runLimits: plan.limits,
      dataSlackBytes: plan.language.definition.dataSlackBytes ?? 0,
      stdinPath: plan.stdin.length === 0 ? null : INSIDE.stdin,
      writableDirs: [INSIDE.box, "/tmp", "/dev/shm"],
    },
    { processFlag: "-p", spareProcesses: null, limitData: !host.info.limits.memory },
    archiveBytes,
  );
  const image = imageOf(host.settings.images, plan.language) ?? "";
  const first = plan.compileLimits ?? plan.limits;
  const pids = Math.max(LEAST_PIDS, first.pids + OWN_PROCESSES);
  const bounds = { memoryBytes: first.memoryBytes, pids, cpus: first.cpus };
  const diskBytes = Math.max(plan.limits.diskBytes, plan.compileLimits?.diskBytes ?? 0);
  const options = containerOptions({
    image,
    command: [...sealedCommand(script), ...commands.run],
    env: plan.language.definition.env ?? {},
    labels: host.labels,
    runtime: host.runtime,
    uid: host.uidOf(slot),
    bounds,
    boxBytes: diskBytes + givenBytes(plan) + launcherBytes(host.shellBytes.get(image) ?? 0),
    diskBytes,
    seccomp: host.seccomp,
    gpus: host.settings.gpus,
  });
  return { options, bounds, compiles: compile !== null };
}

/** The launcher. */
const OWN_PROCESSES = 1;
/** While it unpacks, the launcher has two helpers. */
const LEAST_PIDS = 3;
const PAGE_BYTES = 4096;
/** What the launcher takes of the writable place: its shell, and the page for what that says. */
const launcherBytes = (shellBytes: number): number => (Math.ceil(shellBytes / PAGE_BYTES) + 1) * PAGE_BYTES;

/** Creates and starts the container of one run, and hands it the program's files. */
export async function startContainer(
  host: Ready,
  slot: number,
  plan: RunPlan,
  cancelled: AbortSignal | undefined,
): Promise<StartedContainer | StartFailure> {
  const { api } = host;
  const archive = boxArchive(plan);
  const { options, bounds, compiles } = planOf(host, slot, plan, archive.length);
  const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
  const signal = cancelled === undefined ? deadline : AbortSignal.any([deadline, cancelled]);
  const soon = (): AbortSignal => AbortSignal.timeout(CALL_TIMEOUT_MS);
  let fault: string | null = null;
  const blame = (error: unknown): void => {
    fault ??= (error as Error).message;
  };

  // Not cancelled by the caller: an answer that nobody waits for would be a container that nobody knows.
  const id = await api.create(options, soon());
  const close = async (): Promise<void> => {
    try {
      await api.remove(id, soon());
    } catch (error) {
      host.leftovers.add(id);
      throw error;
    }
  };
  const fail = async (reason: string): Promise<StartFailure> => {
    await close();
    return { failure: reason };
  };
  let stream: Duplex;
  try {
    signal.throwIfAborted();
    stream = await api.attach(id, signal);
  } catch (error) {
    return await fail((error as Error).message);
  }
  stream.on("error", blame);
  const { stdout, stderr } = splitFrames(stream);
  const mark = randomBytes(16).toString("hex");
  const [greeting, ...parts] = splitAtMarks(stdout, Buffer.from(mark), compiles ? 5 : 3) as [Readable, ...Readable[]];
  const errors = splitAtMarks(stderr, Buffer.from(mark), compiles ? 2 : 1);
  try {
    await api.start(id, signal);
    stream.write(`${mark}\n`);
    stream.write(archive);
    if (!(await saysReady(greeting, signal))) {
      const said = signal.aborted ? "" : await firstWords(errors[0]);
      stream.destroy();
      return await fail(said === "" ? (fault ?? "the launcher did not start") : said);
    }
  } catch (error) {
    stream.destroy();
    return await fail((error as Error).message);
  }

  const kill = (): void => {
    // Nobody reads a stream that was cut at its limit, and the daemon holds an end back until all is read.
    for (const part of [...parts, ...errors]) part.resume();
    // Should the daemon not answer, `ended` comes with the connection, and `close` says that it did not go.
    api.kill(id, soon()).catch((error: unknown) => {
      blame(error);
      stream.destroy();
    });
  };
  const group = createContainerGroup(api, id, bounds, kill);
  const lost = new Promise<void>((resolve) => {
    stream.once("close", () => resolve());
  });
  const ended = (async (): Promise<void> => {
    try {
      await Promise.race([api.wait(id), lost]);
      const state = await stoppedState(api, id);
      if (state.wasOutOfMemory) group.sayOutOfMemory();
      if (state.error !== "") fault ??= state.error;
      if (state.isRunning) throw new Error("the connection to the container was lost");
    } catch (error) {
      blame(error);
      stream.destroy();
    }
    await group.destroy();
  })();
  const control = createControl(
    stream,
    compiles ? [parts[1] as Readable, parts[3] as Readable] : [parts[1] as Readable],
    group.settled,
    group.read,
  );
  return {
    fault: () => fault,
    close: async () => {
      stream.destroy();
      await close();
    },
    sandbox: {
      control,
      stdout: (compiles ? parts[2] : parts[0]) as Readable,
      stderr: errors.at(-1) as Readable,
      compileOutput: compiles ? { stdout: parts[0] as Readable, stderr: errors[0] as Readable } : null,
      group,
      ownProcesses: OWN_PROCESSES,
      kill,
      ended,
    },
  };
}

/** How it stands once it has ended; the stream may close a moment before. */
async function stoppedState(api: DockerApi, id: string): Promise<ContainerState> {
  for (let look = 1; ; look += 1) {
    const state = await api.state(id, AbortSignal.timeout(CALL_TIMEOUT_MS));
    if (!state.isRunning || look === STOP_LOOKS) return state;
    await delay(STOP_LOOK_MS);
  }
}

async function firstWords(stream: Readable | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).subarray(0, 2_000).toString().trim();
}
