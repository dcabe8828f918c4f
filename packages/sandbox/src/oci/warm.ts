import { findLanguage } from "../languages/table.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import { createPool } from "../pool/pool.ts";
import type { Pool } from "../pool/pool.ts";
import { spareCount } from "./prepare.ts";
import type { OciOptions, Ready } from "./prepare.ts";
import { prepareContainer } from "./prepared.ts";
import type { PreparedContainer } from "./prepared.ts";

/** The pool of an engine; each sandbox in it has a control group, pipes and host ids of its own. */
export function createContainerPool(host: Ready, options: OciOptions): Pool<PreparedContainer> {
  const python: InstalledLanguage | undefined = findLanguage(options.languages, "python");
  const most = spareCount(options);
  const free = host.sparePipes.map((_, n) => host.slots + n);
  let number = 0;
  const prepare = async (key: string): Promise<PreparedContainer> => {
    const index = free.pop();
    if (index === undefined || python === undefined) throw new Error("no place for another prepared sandbox");
    number += 1;
    let isKept = false;
    try {
      const group = host.cgroups.create(`w${number}`);
      try {
        const made = await prepareContainer(host, index, key, python, group);
        isKept = true;
        let destroyed: Promise<void> | undefined;
        const destroy = async (): Promise<void> => {
          await made.destroy();
          await group.destroy();
          // Only now: something of it may have been there until here.
          free.push(index);
        };
        return {
          started: made.started,
          decoy: made.decoy,
          get isHealthy() {
            return made.isHealthy;
          },
          load: (plan, signal) => made.load(plan, signal),
          destroy: () => (destroyed ??= destroy()),
        };
      } finally {
        if (!isKept) await group.destroy();
      }
    } finally {
      if (!isKept) free.push(index);
    }
  };
  // Without a control group nothing could hold what was started before its limits are known.
  const isPossible = host.cgroups.usable && python !== undefined && host.system.has(python.toolPaths["python"] ?? "");
  return createPool({ most: isPossible ? most : 0, prepare });
}
