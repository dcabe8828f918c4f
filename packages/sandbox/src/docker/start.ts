import { randomBytes } from "node:crypto";
import { dirname } from "node:path/posix";
import { finished } from "node:stream/promises";
import type { Readable } from "node:stream";
import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import type { Decoy } from "../behaviour/decoy.ts";
import { INSIDE } from "../bubblewrap/layout.ts";
import { boxArchive } from "../oci/script.ts";
import { commandsOf, givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { TarMember } from "../tar/write.ts";
import { attachContainer } from "./attach.ts";
import type { StartFailure } from "./attach.ts";
import { containerOptions } from "./container.ts";
import { createControl } from "./control.ts";
import { createContainerGroup } from "./group.ts";
import { imageOf } from "./images.ts";
import { isOfContainer, killHere, pidHere } from "./inner-pid.ts";
import type { Ready } from "./prepare.ts";
import { containerScript, sealedCommand } from "./script.ts";
import { splitAtMarks } from "./streams.ts";
import { faultWords } from "./words.ts";

/** A container whose launcher waits for `go`. */
export interface StartedContainer {
  readonly sandbox: RunningSandbox;
  /** Its first process; null where this host does not see it. */
  readonly innerPid: number | null;
  /** Throws where `innerPid` may have become another's number. */
  confirm(): void;
  /** What the daemon refused, or how it went away; null while all is well. */
  fault(): string | null;
  /** Removes the container, whatever it does. Rejects when the daemon does not: then it may still run. */
  close(): Promise<void>;
}

/** What is missing of the start after this will not come. */
const READY_DEADLINE_MS = 60_000;

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

/** Nothing of the host can be shown inside, so the decoy is a file of the program's own. */
const decoyMembers = ({ file }: Decoy): TarMember[] => [
  { kind: "directory", path: dirname(`home/${DECOY_IN_HOME}`) },
  { kind: "file", path: `home/${DECOY_IN_HOME}`, content: Buffer.from(file), mode: 0o600 },
];

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
      ...(plan.artifacts === null ? {} : { collectFrom: INSIDE.cwd }),
    },
    host.script,
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
    env: { ...plan.language.definition.env, ...plan.decoy.env },
    labels: host.labels,
    runtime: host.runtime,
    uid: host.uidOf(slot),
    bounds,
    boxBytes: diskBytes + givenBytes(plan) + DECOY_BYTES + launcherBytes(host.tools.get(image)?.shellBytes ?? 0),
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
/** What the decoy file takes. */
const DECOY_BYTES = PAGE_BYTES;
/** What the launcher takes of the writable place: its shell, and the page for what that says. */
const launcherBytes = (shellBytes: number): number => (Math.ceil(shellBytes / PAGE_BYTES) + 1) * PAGE_BYTES;

/** Creates and starts the container of one run, and hands it the program's files. */
export async function startContainer(
  host: Ready,
  slot: number,
  plan: RunPlan,
  seesContainers: boolean,
  cancelled: AbortSignal | undefined,
): Promise<StartedContainer | StartFailure> {
  const archive = boxArchive(plan, decoyMembers(plan.decoy));
  const { options, bounds, compiles } = planOf(host, slot, plan, archive.length);
  const deadline = AbortSignal.timeout(READY_DEADLINE_MS);
  const signal = cancelled === undefined ? deadline : AbortSignal.any([deadline, cancelled]);
  const container = await attachContainer(host, options, signal);
  if ("failure" in container) return container;
  const { stream, stdout, stderr } = container;
  const fail = async (reason: string): Promise<StartFailure> => {
    await container.close();
    return { failure: reason };
  };
  const mark = randomBytes(16).toString("hex");
  const collects = plan.artifacts !== null;
  const count = (compiles ? 5 : 3) + (collects ? 1 : 0);
  const [greeting, ...parts] = splitAtMarks(stdout, Buffer.from(mark), count) as [Readable, ...Readable[]];
  const errors = splitAtMarks(stderr, Buffer.from(mark), compiles ? 2 : 1);
  let innerPid: number | null = null;
  try {
    await host.api.start(container.id, signal);
    stream.write(`${mark}\n`);
    stream.write(archive);
    const [isReady, pid] = await Promise.all([
      saysReady(greeting, signal),
      seesContainers ? pidHere(host.api, container.id, signal) : null,
    ]);
    innerPid = pid;
    if (!isReady) {
      const said = signal.aborted ? "" : await firstWords(errors[0]);
      stream.destroy();
      return await fail(said === "" ? (container.fault() ?? "the launcher did not start") : said);
    }
  } catch (error) {
    return await fail(faultWords(error));
  }

  const kill = (): void => {
    // Nobody reads a stream that was cut at its limit, and the daemon holds an end back until all is read.
    for (const part of [...parts, ...errors]) part.resume();
    // A daemon that passes a flood on takes seconds to heed an order.
    if (innerPid === null || !killHere(innerPid, container.id)) container.kill();
  };
  const group = createContainerGroup(host.api, container.id, bounds, kill);
  const ended = (async (): Promise<void> => {
    if ((await container.stopped())?.wasOutOfMemory === true) group.sayOutOfMemory();
    await group.destroy();
  })();
  const control = createControl(
    stream,
    compiles ? [parts[1] as Readable, parts[3] as Readable] : [parts[1] as Readable],
    group.settled,
    group.read,
  );
  return {
    fault: container.fault,
    close: container.close,
    innerPid,
    confirm: () => {
      if (innerPid !== null && !isOfContainer(innerPid, container.id)) throw new Error("the container has gone");
    },
    sandbox: {
      control,
      stdout: (compiles ? parts[2] : parts[0]) as Readable,
      stderr: errors.at(-1) as Readable,
      compileOutput: compiles ? { stdout: parts[0] as Readable, stderr: errors[0] as Readable } : null,
      ...(collects ? { archive: parts.at(-1) as Readable } : {}),
      group,
      ownProcesses: OWN_PROCESSES,
      kill,
      ended,
    },
  };
}

async function firstWords(stream: Readable | undefined): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).subarray(0, 2_000).toString().trim();
}
