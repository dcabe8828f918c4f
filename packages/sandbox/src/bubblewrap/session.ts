import type { SlotPipes } from "../process/fifo.ts";
import { AGENT_PYTHON, createSessionOpener } from "../session/opener.ts";
import type { SessionOpener } from "../session/opener.ts";
import { boxArgs } from "./args.ts";
import { decoyArgs, decoyMountArgs } from "./decoy-args.ts";
import { BASE_ENV, INSIDE } from "./layout.ts";
import { NAME, sessionSlots } from "./prepare.ts";
import type { BubblewrapOptions, Ready } from "./prepare.ts";
import { startSandbox } from "./start.ts";
import { slotUid } from "./uids.ts";

/**
 * A /dev with pseudo-terminals: bwrap's own is a tmpfs without a size, so it is sealed once it is filled.
 */
const devArgs = (bytes: number): string[] => [
  ...["--dev", "/dev"],
  ...["--perms", "1777", "--size", `${bytes}`, "--tmpfs", "/dev/shm"],
  ...["--remount-ro", "/dev"],
];

/** Sessions of bubblewrap: process 1 is the agent itself. */
export function createBubblewrapSessions(options: BubblewrapOptions): SessionOpener<Ready> {
  return createSessionOpener<Ready>(options, {
    name: NAME,
    isolation: "namespace",
    most: sessionSlots(options),
    env: BASE_ENV,
    cwd: INSIDE.cwd,
    hasNetwork: true,
    start: async (host, slot, { diskBytes }, _pids, group, _spec, decoy) => {
      const pipeIndex = options.slots + slot;
      const started = await startSandbox({
        bwrap: host.bwrap,
        inherited: host.inherited,
        args: [
          ...host.shared.before,
          ...decoyMountArgs(host, pipeIndex),
          ...boxArgs(diskBytes, 0),
          ...decoyArgs({ decoy }),
        ],
        argsAfter: [...devArgs(diskBytes), ...host.shared.after],
        command: [AGENT_PYTHON, "-I", "-S", INSIDE.agent],
        files: [],
        stdin: new Uint8Array(),
        compiles: false,
        filterPath: host.filterPath,
        pipes: host.pipes[pipeIndex] as SlotPipes,
        uid: host.changesUid ? slotUid(pipeIndex) : undefined,
        group,
      });
      if ("failure" in started) throw new Error(started.failure);
      const decoyFile = host.decoys[pipeIndex];
      return decoyFile === undefined ? started : { ...started, decoyFile };
    },
  });
}
