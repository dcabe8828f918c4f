import { dirname } from "node:path";
import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import type { RunPlan } from "../run/plan.ts";
import { INSIDE } from "./layout.ts";
import type { Ready } from "./prepare.ts";

/**
 * Shows a slot's decoy file. As root it is root's, and mounted so that the kernel notes who reads it; a program of another
 * user can change nothing about it. Without root it would be the program's own: then it is read-only, and does not tell.
 */
export function decoyMountArgs({ changesUid, decoys }: Pick<Ready, "changesUid" | "decoys">, slot: number): string[] {
  const path = decoys[slot]?.path ?? "";
  return ["--dir", dirname(INSIDE.decoy), changesUid ? "--bind" : "--ro-bind", path, INSIDE.decoy];
}

/** Puts the rest of a run's bait in place, after the writable directories: variables, and a link from the home directory. */
export function decoyArgs({ decoy }: Pick<RunPlan, "decoy">): string[] {
  const link = `${INSIDE.home}/${DECOY_IN_HOME}`;
  return [
    ...Object.entries(decoy.env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--dir", dirname(link), "--symlink", INSIDE.decoy, link],
  ];
}
