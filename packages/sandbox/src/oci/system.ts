import { accessSync, constants, copyFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { EngineUnavailableError } from "../errors.ts";
import { probeShell, SHELL } from "../launcher/shell.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { isReachableByAll, openScratch, scratchPlaces } from "../process/scratch.ts";
import type { Scratch } from "../process/scratch.ts";
import { runTool } from "../process/spawn.ts";
import { unpackedImage } from "./image/cache.ts";
import { isImageLayout } from "./image/layout.ts";
import { insideRoot } from "./inside-root.ts";
import { writeGivenRootfs, writeHostRootfs } from "./rootfs.ts";
import type { Rootfs } from "./rootfs.ts";

/** The system that programs see, ready to be mounted. */
export interface System {
  readonly rootfs: Rootfs;
  /** How the system's shell spells its limits. */
  readonly shell: Pick<ScriptOptions, "processFlag">;
  /** False for a program that the system does not have. */
  has(path: string): boolean;
}

/** What the launcher runs inside, and the engine outside. */
const NEEDED_TOOLS = ["setpriv", "head", "tar", "mount", "mkdir", "df", "find"].map((name) => `/usr/bin/${name}`);

function isExecutable(path: string | null): boolean {
  try {
    if (path === null) return false;
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A directory of this engine's own, on the first file system that lets programs in it start. */
export async function openWorkplace(engine: string): Promise<Scratch> {
  const places = scratchPlaces();
  for (const place of places) {
    const scratch = openScratch(place);
    const trial = join(scratch.dir, "trial");
    copyFileSync(SHELL, trial);
    if ((await runTool(trial, ["-c", ":"], 5_000)).ok) return scratch;
    scratch[Symbol.dispose]();
  }
  throw new EngineUnavailableError(
    engine,
    `no directory for the launcher that all users can reach and programs can be started in (tried ${places.join(", ")})`,
    "set TMPDIR to such a directory",
  );
}

/** The given directory, or what the image layout in it unpacks to. @throws Error with the reason. */
async function givenSystem(given: string): Promise<string> {
  if (statSync(given, { throwIfNoEntry: false })?.isDirectory() !== true) throw new Error("it is no directory");
  if (isImageLayout(given)) {
    const [place] = scratchPlaces();
    if (place === undefined) throw new Error("there is no place to unpack it to: set TMPDIR");
    return await unpackedImage(given, place);
  }
  if (!isReachableByAll(given)) throw new Error("other users cannot enter it, and programs run as another user");
  return given;
}

/**
 * Prepares the root file system in `dir`.
 * @param given the operator's root file system or image layout; undefined for the host's system directories.
 * @throws EngineUnavailableError when there is none, or it lacks what the launcher needs.
 */
export async function prepareSystem(
  engine: string,
  dir: string,
  given: string | undefined,
  hasOwnKernel: boolean,
): Promise<System> {
  const fix = given === undefined ? "apt-get install util-linux tar coreutils findutils" : "mend CRUCIBLE_OCI_ROOTFS";
  const demand = (has: (path: string) => boolean, where: string): void => {
    const missing = NEEDED_TOOLS.filter((tool) => !has(tool));
    if (missing.length > 0) {
      throw new EngineUnavailableError(engine, `not found in ${where}: ${missing.join(", ")}`, fix);
    }
  };
  if (given === undefined) {
    demand(isExecutable, "the host's system");
    return { rootfs: writeHostRootfs(dir, hasOwnKernel), shell: await probeShell(), has: () => true };
  }
  try {
    const source = await givenSystem(given);
    const has = (path: string): boolean => isExecutable(insideRoot(source, path));
    demand(has, given);
    const rootfs = writeGivenRootfs(dir, source, hasOwnKernel);
    const isDash = basename(insideRoot(source, "/bin/sh") ?? "") === "dash";
    return { rootfs, shell: { processFlag: isDash ? "-p" : "-u" }, has };
  } catch (error) {
    if (error instanceof EngineUnavailableError) throw error;
    const reason = `${given} cannot be the root file system: ${(error as Error).message}`;
    throw new EngineUnavailableError(engine, reason, fix);
  }
}
