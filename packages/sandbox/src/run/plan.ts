import { checkArtifacts } from "../artifacts/limits.ts";
import { ARTIFACTS_DIR } from "../artifacts/read.ts";
import type { ArtifactLimits } from "../artifacts/types.ts";
import { type Decoy, newDecoy } from "../behaviour/decoy.ts";
import { SpecError } from "../errors.ts";
import { findLanguage, LANGUAGES } from "../languages/table.ts";
import type { CommandContext, InstalledLanguage } from "../languages/types.ts";
import { DEFAULT_COMPILE_LIMITS, DEFAULT_LIMITS, resolveLimits } from "../limits.ts";
import type { LimitBounds } from "../limits.ts";
import { checkNetwork } from "../network/hosts.ts";
import type { AllowedHost } from "../network/hosts.ts";
import { PROXY_ENV } from "../network/open.ts";
import type { Limits, RunSpec, SourceFile } from "../types.ts";
import { checkFiles } from "./files.ts";

/** A checked spec, with every default filled in. */
export interface RunPlan {
  readonly language: InstalledLanguage;
  readonly files: readonly SourceFile[];
  readonly entry: string;
  readonly args: readonly string[];
  readonly stdin: Uint8Array;
  readonly env: Readonly<Record<string, string>>;
  /** What the proxy lets through; empty: no network. */
  readonly network: readonly AllowedHost[];
  /** Null where no files are given back. */
  readonly artifacts: ArtifactLimits | null;
  readonly limits: Limits;
  /** Null for languages that run from source. */
  readonly compileLimits: Limits | null;
  /** Bait for this run alone; engines place what they can of it. */
  readonly decoy: Decoy;
}

const PAGE_BYTES = 4096;

/** What the request itself takes on a tmpfs, which stores whole pages: not the program's doing, so not in its limit. */
export function givenBytes(plan: Pick<RunPlan, "files" | "stdin">): number {
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
  return plan.files.reduce((sum, file) => sum + pages(file.content.length), pages(plan.stdin.length));
}

/** Programs need not make the directory of what they give back; a file of that name is theirs. */
export function makesArtifactsDir({ artifacts, files }: Pick<RunPlan, "artifacts" | "files">): boolean {
  return artifacts !== null && !files.some(({ path }) => path === ARTIFACTS_DIR);
}

/** Command lines for the places where an engine puts things. */
export interface Commands {
  readonly compile: readonly string[] | null;
  readonly run: readonly string[];
}

/** execve(2): MAX_ARG_STRLEN with its NUL for one string; all together are bounded by a quarter of the stack, 2 MiB. */
const MAX_ARG_BYTES = 128 * 1024 - 1;
const MAX_ARGS_BYTES = 1024 * 1024;
const MAX_ARGS = 4096;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Gives the bytes that these strings take together. */
function checkStrings(field: string, values: readonly string[]): number {
  if (values.length > MAX_ARGS)
    throw new SpecError("invalid_field", field, `${field} must hold at most ${MAX_ARGS} values`);
  let total = 0;
  for (const value of values) {
    const bytes = Buffer.byteLength(value);
    total += bytes + 1;
    if (!value.isWellFormed()) throw new SpecError("invalid_field", field, `${field} must be Unicode text`);
    if (value.includes("\0")) throw new SpecError("invalid_field", field, `${field} must not hold NUL`);
    if (bytes > MAX_ARG_BYTES)
      throw new SpecError("invalid_field", field, `${field}: one value has over ${MAX_ARG_BYTES} bytes`);
  }
  return total;
}

/** @throws SpecError for everything that is wrong with the spec; nothing is started before. */
export function planRun(
  spec: RunSpec,
  installed: readonly InstalledLanguage[],
  bounds: LimitBounds,
  networkAllow: readonly string[] = [],
): RunPlan {
  const language = findLanguage(installed, spec.language);
  if (language === undefined) {
    const known = findLanguage(LANGUAGES, spec.language);
    throw known === undefined
      ? new SpecError("unknown_language", "language", `unknown language ${JSON.stringify(spec.language)}`)
      : new SpecError(
          "language_not_installed",
          "language",
          `${known.name} is not installed here; Debian: apt-get install ${known.debianPackage}`,
        );
  }
  checkFiles(spec.files);
  const entry = spec.entry ?? spec.files[0]?.path ?? "";
  if (!spec.files.some((file) => file.path === entry)) {
    throw new SpecError("invalid_field", "entry", `entry ${JSON.stringify(entry)} is none of the files`);
  }
  const env = spec.env ?? {};
  for (const name of Object.keys(env)) {
    if (!ENV_NAME.test(name)) throw new SpecError("invalid_field", `env.${name}`, `env.${name} is not a variable name`);
  }
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const total = checkStrings("args", spec.args ?? []) + checkStrings("env", variables);
  if (total > MAX_ARGS_BYTES) {
    throw new SpecError("invalid_field", "args", `args and env together have over ${MAX_ARGS_BYTES} bytes`);
  }
  const network = checkNetwork(spec.network?.allow ?? [], networkAllow);
  const compiled = language.definition.compile !== undefined;
  return {
    language,
    files: spec.files,
    entry,
    args: spec.args ?? [],
    stdin: spec.stdin ?? new Uint8Array(),
    env: network.length === 0 ? env : { ...PROXY_ENV, ...env },
    network,
    artifacts: checkArtifacts(spec.artifacts),
    limits: resolveLimits(spec.limits, DEFAULT_LIMITS, bounds, "limits"),
    compileLimits: compiled ? resolveLimits(spec.compileLimits, DEFAULT_COMPILE_LIMITS, bounds, "compileLimits") : null,
    decoy: newDecoy(),
  };
}

/**
 * The request's variables are set for the program alone, by env(1) after the launcher has set the limits:
 * LD_PRELOAD and its like must not reach the launcher, let alone bwrap.
 */
function setVariables(env: Readonly<Record<string, string>>): string[] {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return assignments.length === 0 ? [] : ["/usr/bin/env", ...assignments];
}

/** @param toolPath where a tool of the host is seen from inside; default: the same path. */
export function commandsOf(
  plan: RunPlan,
  buildDir: string,
  toolPath: (path: string) => string = (path) => path,
): Commands {
  const { definition, toolPaths } = plan.language;
  const context = (limits: Limits): CommandContext => ({
    entry: plan.entry,
    files: plan.files.map((file) => file.path),
    buildDir,
    limits,
    tool: (name) => {
      const path = toolPaths[name];
      if (path === undefined) throw new Error(`language table: ${definition.name} has no tool ${name}`);
      return toolPath(path);
    },
  });
  return {
    compile: plan.compileLimits === null ? null : (definition.compile?.(context(plan.compileLimits)) ?? null),
    run: [...setVariables(plan.env), ...definition.run(context(plan.limits)), ...plan.args],
  };
}
