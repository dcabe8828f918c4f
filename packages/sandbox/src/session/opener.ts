import { countReads } from "../behaviour/decoy-file.ts";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { DECOY_IN_HOME, newDecoy } from "../behaviour/decoy.ts";
import type { Decoy } from "../behaviour/decoy.ts";
import { watchRoutes } from "../behaviour/unroutable.ts";
import type { RouteWatch } from "../behaviour/unroutable.ts";
import { readMessage } from "../bubblewrap/start.ts";
import type { CgroupHost, RunGroup } from "../cgroup/types.ts";
import type { DeniedCallLog } from "../denied-calls/watched.ts";
import { EngineUnavailableError, TooManySessionsError } from "../errors.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { DEFAULT_LIMITS, resolveLimits } from "../limits.ts";
import { checkNetwork } from "../network/hosts.ts";
import { openNetwork, PROXY_ENV } from "../network/open.ts";
import type { Proxy } from "../network/proxy.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { createSlots } from "../run/slots.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { IsolationLevel, Limits } from "../types.ts";
import { connectAgent } from "./agent.ts";
import type { Agent } from "./agent.ts";
import { createSession } from "./session.ts";
import type { Session, SessionSpec } from "./types.ts";

/** The agent's interpreter, inside. */
export const AGENT_PYTHON = "/usr/bin/python3";
const START_DEADLINE_MS = 15_000;

/** What an engine's host has, and sessions need. */
export interface SessionHost {
  /** Null where a sandbox comes with a group that only its maker can reach. */
  readonly cgroups: CgroupHost | null;
  readonly script: ScriptOptions;
}

/** A sandbox whose process 1 is the agent, or becomes it. */
export interface StartedAgent {
  readonly sandbox: RunningSandbox;
  /** A process in the sandbox's namespaces, seen from the host; null where the host does not see it. */
  readonly innerPid: number | null;
  /** Throws where `innerPid` may have become another's number; asked once something has been done by it. */
  confirm?(): void;
  /** What the sandbox shows as its decoy; absent where that is a file of the program's own user. */
  readonly decoyFile?: DecoyFile;
  /** What programs were refused so far; absent where that is not seen. */
  deniedCalls?(): DeniedCallLog;
  /** Releases what is left. To be called when the sandbox has ended. */
  close(): void | Promise<void>;
}

/** What differs between engines. */
export interface SessionCore<Host extends SessionHost> {
  readonly name: string;
  readonly isolation: IsolationLevel;
  /** Sessions at the same time; 0 for none at all. */
  readonly most: number;
  /** Of every program. */
  readonly env: Readonly<Record<string, string>>;
  /** Inside. */
  readonly cwd: string;
  /** Whether a proxy can listen in the sandbox's network namespace; a session that wants one is refused otherwise. */
  readonly hasNetwork: boolean;
  /** What the host's group counts at most when the sandbox holds `inside` processes; default: as many. */
  groupPids?(inside: number): number;
  /**
   * Starts the sandbox in the group.
   * @param slot one of `most`, which no other session has.
   * @param pids processes inside, with the agent's own.
   * @param group null where there is none; the sandbox's own is taken then.
   * @throws Error with the reason; nothing is left then.
   */
  start(
    host: Host,
    slot: number,
    limits: Limits,
    pids: number,
    group: RunGroup | null,
    spec: SessionSpec,
    decoy: Decoy,
  ): Promise<StartedAgent>;
  /** Lets a sandbox that waits become the agent; default: it is one. */
  go?(started: StartedAgent): void;
  /** What the sandbox itself says of processes killed for want of memory; default: what its group counts. */
  oomKills?(agent: Agent): Promise<number>;
}

/** Opens sessions in sandboxes of this host. */
export interface SessionOpener<Host> {
  /** @throws EngineUnavailableError, SpecError, Error with the reason. */
  open(host: Host, spec: SessionSpec): Promise<Session>;
  /** Ends all that are open. */
  close(): Promise<void>;
}

/** Slots, limits, network and ends of sessions: the same for every engine. */
export function createSessionOpener<Host extends SessionHost>(
  options: Pick<EngineOptions, "bounds" | "network">,
  core: SessionCore<Host>,
): SessionOpener<Host> {
  const slots = createSlots(Math.max(1, core.most));
  const open = new Set<() => Promise<void>>();
  const opening = new Set<Promise<Session>>();
  let isClosed = false;
  let sessionNumber = 0;

  const openIn = async (host: Host, slot: number, spec: SessionSpec, giveBack: () => void): Promise<Session> => {
    let group: RunGroup | null = null;
    let proxy: Proxy | null = null;
    let routes: RouteWatch | null = null;
    try {
      const limits = resolveLimits(spec.limits, DEFAULT_LIMITS, options.bounds, "limits");
      const network = checkNetwork(spec.network?.allow ?? [], options.network?.allow ?? []);
      if (network.length > 0 && !core.hasNetwork)
        throw new EngineUnavailableError(core.name, "it cannot give a sandbox a network", "use the engine bubblewrap");
      sessionNumber += 1;
      group = host.cgroups?.usable === true ? host.cgroups.create(`s${sessionNumber}`) : null;
      // The agent and one supervisor for each program, of which there can be as many.
      const pids = limits.pids * 2 + 1;
      group?.limit({ ...limits, pids: core.groupPids?.(pids) ?? pids });
      const decoy = newDecoy();
      const started = await core.start(host, slot, limits, pids, group, spec, decoy);
      const { sandbox, innerPid } = started;
      let reason = "its process 1 has ended";
      let isClosing: Promise<void> | undefined;
      const kill = (why: string): void => {
        reason = why;
        sandbox.kill();
      };
      const ended = sandbox.ended.then(() => {
        if (reason === "its process 1 has ended" && (sandbox.group?.usage().oomKills ?? 0) > 0)
          reason = "it was out of memory";
        return reason;
      });
      const close = (): Promise<void> => {
        isClosing ??= (async () => {
          open.delete(close);
          proxy?.close();
          routes?.[Symbol.dispose]();
          if (reason === "its process 1 has ended") reason = "it was closed";
          sandbox.kill();
          await sandbox.ended;
          await started.close();
          await group?.destroy();
          giveBack();
        })();
        return isClosing;
      };
      // What ends by itself is cleaned up as what is closed.
      void ended.then(close).catch(() => undefined);
      open.add(close);
      sandbox.stdout.resume();
      const late = setTimeout(() => kill("it was not ready in time"), START_DEADLINE_MS);
      let agent: Agent;
      try {
        if (network.length > 0) {
          if (innerPid === null) throw new Error("the sandbox's network cannot be reached from here");
          proxy = await openNetwork(innerPid, network, options.network ?? { allow: [] });
          started.confirm?.();
        }
        // gVisor has no routes that the host's kernel would count.
        routes = core.hasNetwork && innerPid !== null ? watchRoutes(innerPid) : null;
        core.go?.(started);
        agent = await connectAgent(sandbox.control, kill);
      } catch (error) {
        sandbox.kill();
        const words = await readMessage(sandbox.stderr);
        await close();
        throw new Error(words === "" ? (error as Error).message : words);
      } finally {
        clearTimeout(late);
      }
      sandbox.stderr.resume();
      const { decoyFile } = started;
      // The agent does one thing after another: it is there before any program. Where it cannot be, the variable is.
      if (decoyFile === undefined && core.env["HOME"] !== undefined)
        void agent.write(`${core.env["HOME"]}/${DECOY_IN_HOME}`, Buffer.from(decoy.file), 0o600).catch(() => undefined);
      return createSession({
        engine: core.name,
        isolation: core.isolation,
        limits,
        agent,
        group: sandbox.group,
        signs: {
          decoy,
          decoyReads: decoyFile === undefined ? null : countReads(decoyFile, decoy.file),
          group: sandbox.group,
          routes,
          networkLog: proxy?.log ?? null,
          deniedCalls: started.deniedCalls ?? null,
        },
        ...(core.oomKills === undefined ? {} : { oomKills: () => core.oomKills?.(agent) ?? Promise.resolve(0) }),
        env: { ...core.env, ...(network.length === 0 ? {} : PROXY_ENV), ...decoy.env, ...spec.env },
        rlimits: rlimitsOf(limits, host.script),
        cwd: core.cwd,
        kill,
        ended,
        close,
      });
    } catch (error) {
      // Where this fails, something may still be there: the slot, and with it its uid, is not used again.
      await group?.destroy();
      giveBack();
      throw error;
    }
  };

  const openNext = async (host: Host, spec: SessionSpec): Promise<Session> => {
    if (isClosed) throw new EngineUnavailableError(core.name, "the engine has been closed", null);
    if (core.most === 0 || slots.busy >= core.most) {
      throw new TooManySessionsError(core.name, slots.busy);
    }
    const slot = await slots.take();
    let isGiven = false;
    return openIn(host, slot, spec, () => {
      if (!isGiven) slots.give(slot);
      isGiven = true;
    });
  };

  return {
    open: async (host, spec) => {
      const session = openNext(host, spec);
      opening.add(session);
      try {
        return await session;
      } finally {
        opening.delete(session);
      }
    },
    close: async () => {
      isClosed = true;
      await Promise.allSettled(opening);
      await Promise.all([...open].map((closeOne) => closeOne()));
    },
  };
}

function rlimitsOf(limits: Limits, script: ScriptOptions): Record<string, readonly [number, number]> {
  const cpuSeconds = Math.max(1, Math.ceil(limits.cpuTimeMs / 1000));
  const spare = script.spareProcesses;
  return {
    CORE: [0, 0],
    CPU: [cpuSeconds, cpuSeconds + 1],
    FSIZE: [limits.fileSizeBytes, limits.fileSizeBytes],
    NOFILE: [limits.openFiles, limits.openFiles],
    ...(spare === null ? {} : { NPROC: [limits.pids + spare, limits.pids + spare] as const }),
    ...(script.limitData ? { DATA: [limits.memoryBytes, limits.memoryBytes] as const } : {}),
  };
}
