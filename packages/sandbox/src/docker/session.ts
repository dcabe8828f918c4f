import { readFileSync } from "node:fs";
import { Duplex, Readable } from "node:stream";
import { BASE_ENV, INSIDE } from "../bubblewrap/layout.ts";
import { EngineUnavailableError, SpecError } from "../errors.ts";
import { findLanguage } from "../languages/table.ts";
import type { Agent } from "../session/agent.ts";
import { createSessionOpener } from "../session/opener.ts";
import type { SessionOpener, StartedAgent } from "../session/opener.ts";
import type { SessionSpec } from "../session/types.ts";
import type { IsolationLevel, Limits } from "../types.ts";
import { attachContainer } from "./attach.ts";
import type { AttachedContainer } from "./attach.ts";
import { containerOptions } from "./container.ts";
import { createContainerGroup } from "./group.ts";
import { imageOf } from "./images.ts";
import { isOfContainer, pidHere } from "./inner-pid.ts";
import type { Ready } from "./prepare.ts";
import { NAME, sessionCount } from "./settings.ts";
import type { DockerOptions } from "./settings.ts";
import { faultWords } from "./words.ts";

const START_DEADLINE_MS = 30_000;
const AGENT_SOURCE = new URL("../session/agent.py", import.meta.url);
/** Where the agent listens and speaks. */
const FDS = { control: 3, replies: 4 } as const;

/**
 * Makes the places to write, takes the agent's source from the container's input and becomes it: nothing of it is in
 * the image or on a disk. What comes after the source are the agent's frames.
 */
const becomeAgent = (sourceBytes: number): string => `
import os, sys
os.umask(0o022)
os.dup2(0, ${FDS.control}); os.dup2(1, ${FDS.replies})
null = os.open("/dev/null", os.O_RDWR)
os.dup2(null, 0); os.dup2(null, 1); os.close(null)
for path in ${JSON.stringify([INSIDE.cwd, INSIDE.build, INSIDE.home, INSIDE.tmp])}: os.mkdir(path)
os.chdir("${INSIDE.cwd}")
source = b""
while len(source) < ${sourceBytes}:
    part = os.read(${FDS.control}, ${sourceBytes} - len(source))
    if not part: sys.exit("no agent came")
    source += part
exec(compile(source, "agent", "exec"))
`;

/** Counters of the container's own group, v2 and v1, as it sees them. */
const OOM_FILES = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
const OOM_FILE_BYTES = 4_096;

/** 0 where the container does not see its group. */
async function oomKillsInside(agent: Agent): Promise<number> {
  for (const path of OOM_FILES) {
    const text = await agent.read(path, OOM_FILE_BYTES).catch(() => null);
    if (text !== null) return Number(/^oom_kill (\d{1,15})$/m.exec(text.toString("latin1"))?.[1] ?? 0);
  }
  return 0;
}

/**
 * The image of a session and its Python.
 * @throws SpecError for an image that the operator has not named, or a language that no image has;
 * EngineUnavailableError for an image without Python.
 */
function imageFor({ settings, tools, languages }: Ready, spec: SessionSpec): [string, string] {
  const { images } = settings;
  const named = Object.values(images);
  if (spec.image !== undefined && !named.includes(spec.image))
    throw new SpecError("invalid_field", "image", `the image ${spec.image} is none that CRUCIBLE_DOCKER_IMAGES names`);
  const language = spec.language === undefined ? undefined : findLanguage(languages, spec.language);
  if (spec.language !== undefined && language === undefined)
    throw new SpecError("language_not_installed", "language", `no image here has the language ${spec.language}`);
  const ofLanguage = language === undefined ? undefined : imageOf(images, language);
  const image = spec.image ?? ofLanguage ?? images["*"] ?? images["python"] ?? named[0] ?? "";
  const python3 = tools.get(image)?.python3 ?? null;
  if (python3 === null)
    throw new EngineUnavailableError(
      NAME,
      `the image ${image} has no python3, which a sandbox that stays needs`,
      "name an image with python3 in CRUCIBLE_DOCKER_IMAGES",
    );
  return [image, python3];
}

/** A session on Docker; `before` runs ahead of each, and may refuse it. */
export interface DockerSessionOptions extends DockerOptions {
  readonly isolation: IsolationLevel;
  readonly hasNetwork: () => boolean;
  readonly before: (host: Ready) => Promise<void>;
}

/** Sessions in containers: the agent is the container's first process, and speaks over the attached streams. */
export function createDockerSessions(options: DockerSessionOptions): SessionOpener<Ready> {
  const optionsOf = (host: Ready, slot: number, limits: Limits, pids: number, spec: SessionSpec, agent: Buffer) => {
    const [image, python3] = imageFor(host, spec);
    const bounds = { memoryBytes: limits.memoryBytes, pids, cpus: limits.cpus };
    const made = containerOptions({
      image,
      command: [python3, "-I", "-S", "-c", becomeAgent(agent.length), `${FDS.replies}`],
      env: {},
      labels: host.labels,
      runtime: host.runtime,
      uid: host.uidOf(options.slots + slot),
      bounds,
      boxBytes: limits.diskBytes,
      diskBytes: limits.diskBytes,
      seccomp: host.seccomp,
      gpus: host.settings.gpus,
    });
    return { made, bounds };
  };
  /** Starts it, and gives it the agent. @returns its first process; null where this host does not see it. */
  const begin = async (host: Ready, container: AttachedContainer, agent: Buffer): Promise<number | null> => {
    const signal = AbortSignal.timeout(START_DEADLINE_MS);
    try {
      await host.api.start(container.id, signal);
      container.stream.write(agent);
      return options.hasNetwork() ? await pidHere(host.api, container.id, signal) : null;
    } catch (error) {
      await container.close();
      throw new Error(faultWords(error), { cause: error });
    }
  };
  const start = async (host: Ready, slot: number, limits: Limits, pids: number, spec: SessionSpec) => {
    await options.before(host);
    const agent = readFileSync(AGENT_SOURCE);
    const { made, bounds } = optionsOf(host, slot, limits, pids, spec, agent);
    const container = await attachContainer(host, made, AbortSignal.timeout(START_DEADLINE_MS));
    if ("failure" in container) throw new Error(container.failure);
    const innerPid = await begin(host, container, agent);
    const group = createContainerGroup(host.api, container.id, bounds, container.kill);
    const control = Duplex.from({ writable: container.stream, readable: container.stdout });
    // It breaks off with the container, whose end is waited for.
    control.on("error", () => undefined);
    return {
      sandbox: {
        control,
        stdout: Readable.from([]),
        stderr: container.stderr,
        compileOutput: null,
        group,
        ownProcesses: 0,
        kill: container.kill,
        ended: container.stopped().then((state) => {
          if (state?.wasOutOfMemory === true) group.sayOutOfMemory();
        }),
      },
      innerPid,
      confirm: () => {
        if (innerPid !== null && !isOfContainer(innerPid, container.id)) throw new Error("the container has gone");
      },
      // One that is not removed is among the leftovers: nothing starts until it is gone.
      close: () => container.close().catch(() => undefined),
    } satisfies StartedAgent;
  };
  return createSessionOpener<Ready>(options, {
    name: NAME,
    isolation: options.isolation,
    most: sessionCount(options),
    env: BASE_ENV,
    cwd: INSIDE.cwd,
    get hasNetwork() {
      return options.hasNetwork();
    },
    start: (host, slot, limits, pids, _group, spec) => start(host, slot, limits, pids, spec),
    oomKills: oomKillsInside,
  });
}
