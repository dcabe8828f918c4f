import type { RunGroup } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import { DEFAULT_LIMITS, resolveLimits } from "../limits.ts";
import { checkNetwork } from "../network/hosts.ts";
import { openNetwork, PROXY_ENV } from "../network/open.ts";
import type { Proxy } from "../network/proxy.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { createSlots } from "../run/slots.ts";
import { connectAgent } from "../session/agent.ts";
import type { Agent } from "../session/agent.ts";
import { createSession } from "../session/session.ts";
import type { Session, SessionSpec } from "../session/types.ts";
import type { Limits } from "../types.ts";
import { boxArgs } from "./args.ts";
import { BASE_ENV, INSIDE } from "./layout.ts";
import { NAME, sessionSlots } from "./prepare.ts";
import type { BubblewrapOptions, Ready } from "./prepare.ts";
import { readMessage, startSandbox } from "./start.ts";
import { slotUid } from "./uids.ts";

const PYTHON = "/usr/bin/python3";
const START_DEADLINE_MS = 15_000;

/** Opens sessions in sandboxes of this host. */
export interface SessionOpener {
  open(host: Ready, spec: SessionSpec): Promise<Session>;
  /** Ends all that are open. */
  close(): Promise<void>;
}

/**
 * A /dev with pseudo-terminals: bwrap's own is a tmpfs without a size, so it is sealed once it is filled.
 */
const devArgs = (bytes: number): string[] => [
  ...["--dev", "/dev"],
  ...["--perms", "1777", "--size", `${bytes}`, "--tmpfs", "/dev/shm"],
  ...["--remount-ro", "/dev"],
];

export function createSessionOpener(options: BubblewrapOptions): SessionOpener {
  const slots = createSlots(Math.max(1, sessionSlots(options)));
  const open = new Set<() => Promise<void>>();
  let sessionNumber = 0;

  const start = async (host: Ready, slot: number, limits: Limits, group: RunGroup | null) => {
    const pipeIndex = options.slots + slot;
    const started = await startSandbox({
      bwrap: host.bwrap,
      inherited: host.inherited,
      args: [...host.shared.before, ...boxArgs(limits.diskBytes, 0)],
      argsAfter: [...devArgs(limits.diskBytes), ...host.shared.after],
      command: [PYTHON, "-I", "-S", INSIDE.agent],
      files: [],
      stdin: new Uint8Array(),
      compiles: false,
      filterPath: host.filterPath,
      pipes: host.pipes[pipeIndex] as SlotPipes,
      uid: host.changesUid ? slotUid(pipeIndex) : undefined,
      group,
    });
    if ("failure" in started) throw new Error(started.failure);
    return started;
  };

  const openIn = async (host: Ready, slot: number, spec: SessionSpec, giveBack: () => void): Promise<Session> => {
    const limits = resolveLimits(spec.limits, DEFAULT_LIMITS, options.bounds, "limits");
    const network = checkNetwork(spec.network?.allow ?? [], options.network?.allow ?? []);
    sessionNumber += 1;
    const group = host.cgroups.usable ? host.cgroups.create(`s${sessionNumber}`) : null;
    let proxy: Proxy | null = null;
    try {
      // The agent and one supervisor for each program, of which there can be as many.
      group?.limit({ ...limits, pids: limits.pids * 2 + 1 });
      const { sandbox, innerPid, close: closePipes } = await start(host, slot, limits, group);
      let reason = "its process 1 has ended";
      let isClosing: Promise<void> | undefined;
      const kill = (why: string): void => {
        reason = why;
        sandbox.kill();
      };
      const ended = sandbox.ended.then(() => {
        if (reason === "its process 1 has ended" && (group?.usage().oomKills ?? 0) > 0) reason = "it was out of memory";
        return reason;
      });
      const close = (): Promise<void> => {
        isClosing ??= (async () => {
          open.delete(close);
          proxy?.close();
          if (reason === "its process 1 has ended") reason = "it was closed";
          sandbox.kill();
          await sandbox.ended;
          closePipes();
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
        if (network.length > 0) proxy = await openNetwork(innerPid, network, options.network ?? { allow: [] });
        agent = await connectAgent(sandbox.control, kill);
      } catch (error) {
        const words = await readMessage(sandbox.stderr);
        await close();
        throw new Error(words === "" ? (error as Error).message : words);
      } finally {
        clearTimeout(late);
      }
      sandbox.stderr.resume();
      return createSession({
        engine: NAME,
        isolation: "namespace",
        limits,
        agent,
        group,
        env: { ...BASE_ENV, ...(network.length === 0 ? {} : PROXY_ENV), ...spec.env },
        rlimits: rlimitsOf(limits, host),
        cwd: INSIDE.cwd,
        kill,
        ended,
        close,
      });
    } catch (error) {
      await group?.destroy();
      throw error;
    }
  };

  return {
    open: async (host, spec) => {
      if (sessionSlots(options) === 0 || slots.busy >= sessionSlots(options)) {
        throw new EngineUnavailableError(NAME, `${slots.busy} sandboxes are open, which is all there can be`, null);
      }
      const slot = await slots.take();
      let isGiven = false;
      const giveBack = (): void => {
        if (!isGiven) slots.give(slot);
        isGiven = true;
      };
      try {
        return await openIn(host, slot, spec, giveBack);
      } catch (error) {
        giveBack();
        throw error;
      }
    },
    close: async () => {
      await Promise.all([...open].map((closeOne) => closeOne()));
    },
  };
}

function rlimitsOf(limits: Limits, host: Ready): Record<string, readonly [number, number]> {
  const cpuSeconds = Math.max(1, Math.ceil(limits.cpuTimeMs / 1000));
  const spare = host.script.spareProcesses;
  return {
    CORE: [0, 0],
    CPU: [cpuSeconds, cpuSeconds + 1],
    FSIZE: [limits.fileSizeBytes, limits.fileSizeBytes],
    NOFILE: [limits.openFiles, limits.openFiles],
    ...(spare === null ? {} : { NPROC: [limits.pids + spare, limits.pids + spare] as const }),
    ...(host.script.limitData ? { DATA: [limits.memoryBytes, limits.memoryBytes] as const } : {}),
  };
}
