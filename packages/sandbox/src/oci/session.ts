import { BASE_ENV, INSIDE } from "../bubblewrap/layout.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { AGENT_PYTHON, createSessionOpener } from "../session/opener.ts";
import type { SessionOpener } from "../session/opener.ts";
import { idsOf, writeBundle } from "./container.ts";
import { decoyMounts } from "./decoys.ts";
import { OCI_INSIDE } from "./inside.ts";
import { runPlaces, sessionCount } from "./prepare.ts";
import type { OciOptions, Ready } from "./prepare.ts";
import { ownKernelTasks } from "./prepared.ts";
import type { OciRuntime } from "./runtimes.ts";
import {
  BECOME_USER,
  boxArchive,
  DIE_WITH_RUNTIME,
  enterOwnKernelStep,
  ownKernelScript,
  unpackScript,
} from "./script.ts";
import { startContainer } from "./start.ts";

/** Waits until the host is ready, and becomes the agent, which finds the control socket where the launcher had it. */
const BECOME_AGENT = `read -r go <&3; [ "$go" = go ] || exit 0; exec "$@" 4>&- 5>&-`;

/** Sessions of an OCI runtime: the launcher makes the writable places and becomes the agent. */
export function createOciSessions(runtime: OciRuntime, options: OciOptions): SessionOpener<Ready> {
  const { name, hasOwnKernel } = runtime;
  return createSessionOpener<Ready>(options, {
    name,
    isolation: runtime.isolation,
    most: sessionCount(options),
    env: BASE_ENV,
    cwd: INSIDE.cwd,
    hasNetwork: !hasOwnKernel,
    // gVisor counts the processes itself, and the group is the belt behind.
    groupPids: (inside) => inside + (hasOwnKernel ? ownKernelTasks(inside) : 0),
    start: async (host, slot, { diskBytes }, pids, group, _spec, decoy) => {
      if (!host.system.has(AGENT_PYTHON))
        throw new EngineUnavailableError(
          name,
          `the root file system has no ${AGENT_PYTHON}`,
          "mend CRUCIBLE_OCI_ROOTFS, or use the engine bubblewrap",
        );
      const place = runPlaces(options) + slot;
      const decoyFile = host.decoys[place];
      // gVisor keeps the length that it finds.
      decoyFile?.fill(decoy.file);
      const archive = boxArchive({ files: [], stdin: new Uint8Array() });
      const launcher = [
        ...(hasOwnKernel ? [ownKernelScript()] : []),
        unpackScript(archive.length),
        ...(hasOwnKernel ? [enterOwnKernelStep({ pids })] : []),
        BECOME_AGENT,
      ].join("\n");
      const agent = [...(hasOwnKernel ? BECOME_USER : []), AGENT_PYTHON, "-I", "-S", OCI_INSIDE.agent];
      const started = await startContainer(host, {
        bundle: writeBundle(host, {
          rootfs: host.system.rootfs.dir,
          args: [...(hasOwnKernel ? [] : DIE_WITH_RUNTIME), OCI_INSIDE.shell, "-c", launcher, "sh", ...agent],
          env: {},
          boxBytes: diskBytes,
          diskBytes,
          systemMounts: [...host.system.rootfs.mounts, ...decoyMounts(decoyFile)],
          ids: idsOf(place),
          seccomp: host.seccomp,
          hasOwnKernel,
          hasTerminals: true,
        }),
        pipes: host.sessionPipes[slot] as SlotPipes,
        group,
        archive,
        compiles: false,
        compileEndMark: "",
        becomesAgent: true,
        ownProcesses: 0,
        signal: undefined,
      });
      if ("failure" in started) throw new Error(started.failure);
      return decoyFile === undefined ? started : { ...started, decoyFile };
    },
    go: ({ sandbox }) => {
      sandbox.control.write("go\n");
    },
  });
}
