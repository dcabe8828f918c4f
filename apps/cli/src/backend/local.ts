import { availableParallelism, homedir } from "node:os";
import { extname, join } from "node:path";
import { RunRequest } from "@crucible/contract";
import type { EngineInfo } from "@crucible/contract";
import {
  byPreference,
  createEngines,
  detectLanguages,
  findLanguage,
  LANGUAGES,
  MAX_LIMITS,
  MIN_LIMITS,
  readDockerSettings,
  SpecError,
  sweepLeftovers,
} from "@crucible/sandbox";
import type { DockerSettings, Engine, InstalledLanguage, Language } from "@crucible/sandbox";
import { CliProblem, RefusedProblem } from "../problem.ts";
import { applyPolicy, chooseEngine, readPolicy } from "./engine-policy.ts";
import type { EnginePolicy } from "./engine-policy.ts";
import type { BackendChoice } from "./open.ts";
import type { Backend } from "./types.ts";
import { toOutcome, toSpec } from "./wire.ts";

export interface LocalParts {
  /** Owned from here on. */
  readonly engines: readonly Engine[];
  readonly languages: readonly InstalledLanguage[];
  readonly policy: EnginePolicy;
  readonly slots: number;
}

/**
 * The sandbox of this machine, in this process.
 * @param program the only one that will be run, null for none: asking every compiler for its version takes 0.5 s.
 */
export async function openLocal(
  env: Readonly<Record<string, string | undefined>>,
  program?: BackendChoice["program"],
): Promise<Backend> {
  const policy = readPolicy(env);
  const slots = Math.min(64, availableParallelism());
  // A run that was killed with this command may have left its control group: the next one removes it.
  const [languages] = await Promise.all([detectFor(program), sweepLeftovers()]);
  const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
  const engines = createEngines({
    languages,
    bounds,
    slots,
    allowUnsafe: policy.allowUnsafe,
    ociRootfs: env["CRUCIBLE_OCI_ROOTFS"] || undefined,
    docker: dockerOf(env),
    // Beside Node's compiled modules: see `main.ts`.
    cacheDir: join(homedir(), ".cache", "crucible"),
    network: { allow: policy.networkAllow },
  });
  // What a Docker daemon's images hold is not known yet.
  if (!env["CRUCIBLE_DOCKER_HOST"])
    refuseMissing(program, [...languages, ...engines.flatMap((engine) => engine.languages ?? [])]);
  return createLocalBackend({ engines, languages, policy, slots });
}

/** @throws CliProblem for variables that are wrong. */
export function dockerOf(env: Readonly<Record<string, string | undefined>>): DockerSettings | undefined {
  try {
    return readDockerSettings({
      host: env["CRUCIBLE_DOCKER_HOST"],
      runtime: env["CRUCIBLE_DOCKER_RUNTIME"],
      images: env["CRUCIBLE_DOCKER_IMAGES"],
      gpus: env["CRUCIBLE_DOCKER_GPUS"],
    });
  } catch (error) {
    throw new CliProblem((error as Error).message, "see docs/reference/configuration.md", { cause: error });
  }
}

function languageOf({ file, language }: NonNullable<BackendChoice["program"]>): Language | undefined {
  return language === undefined
    ? LANGUAGES.find(({ extensions }) => extensions.includes(extname(file).toLowerCase()))
    : findLanguage(LANGUAGES, language);
}

/** @throws CliProblem for a language that neither this host nor an engine brings. */
function refuseMissing(program: BackendChoice["program"], there: readonly { readonly name: string }[]): void {
  const wanted = program == null ? undefined : languageOf(program);
  if (wanted === undefined || there.some(({ name }) => name === wanted.name)) return;
  throw new CliProblem(
    `${wanted.name} is not installed on this host, or not where a sandbox can see it`,
    `apt-get install ${wanted.debianPackage}, or the like of it`,
  );
}

async function detectFor(program: BackendChoice["program"]): Promise<InstalledLanguage[]> {
  if (program === null) return [];
  if (program === undefined) return await detectLanguages();
  const wanted = languageOf(program);
  // All of them, for the message that says which there are.
  return await detectLanguages(wanted === undefined ? undefined : [wanted.name]);
}

/** A backend over engines of this process. */
export function createLocalBackend({ engines, languages, policy, slots }: LocalParts): Backend {
  let probed: Promise<EngineInfo[]> | undefined;
  const infos = async (): Promise<EngineInfo[]> => {
    probed ??= Promise.all(engines.map(async (engine) => await engine.probe())).then((reports) =>
      applyPolicy(reports, policy),
    );
    return await probed;
  };
  /** Asking an engine means starting a sandbox: only those are asked that could get the program. */
  const choose = async (wanted: RunRequest["isolation"]): Promise<string> => {
    const named = wanted !== undefined && "engine" in wanted ? wanted.engine : policy.engine;
    const candidates =
      named === undefined ? byPreference(engines, ({ name }) => name) : engines.filter(({ name }) => name === named);
    for (const engine of wanted !== undefined && "atLeast" in wanted ? [] : candidates) {
      const [info] = applyPolicy([await engine.probe()], policy);
      if (info?.available === true && info.allowed) return info.engine;
    }
    return chooseEngine(await infos(), wanted, policy.engine);
  };
  return {
    where: "this machine",
    slots,
    async run(input, { signal, onOutput } = {}) {
      const parsed = RunRequest.safeParse(input);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        throw new RefusedProblem(
          issue?.message ?? "the request is not valid",
          `change ${issue?.path.join(".") ?? "it"}`,
        );
      }
      const request = parsed.data;
      const name = await choose(request.isolation);
      const engine = engines.find((candidate) => candidate.name === name);
      if (engine === undefined) throw new RangeError(`no engine ${name}`);
      const language = findLanguage(engine.languages ?? languages, request.language);
      try {
        const outcome = await engine.run(toSpec(request, language?.defaultFile ?? "main"), {
          ...(signal === undefined ? {} : { signal }),
          ...(onOutput === undefined ? {} : { onOutput }),
        });
        return { runId: null, outcome: toOutcome(outcome) };
      } catch (error) {
        throw error instanceof SpecError ? explain(error) : error;
      }
    },
    languages: async () => {
      const standard = (await infos()).find(({ isDefault }) => isDefault)?.engine;
      const offered = engines.find(({ name }) => name === standard)?.languages ?? languages;
      return offered.map(({ name, aliases, extensions, version, compiled }) => ({
        name,
        aliases: [...aliases],
        extensions: [...extensions],
        version,
        compiled,
      }));
    },
    engines: infos,
    async [Symbol.asyncDispose]() {
      await Promise.all(
        engines.map(async (engine) => {
          await engine.close();
        }),
      );
    },
  };
}

function explain(error: SpecError): RefusedProblem {
  const language = error.code === "unknown_language" || error.code === "language_not_installed";
  let fix = language ? "see `crucible languages`" : `change ${error.field}`;
  if (error.code === "network_not_allowed") fix = "name it in CRUCIBLE_NETWORK_ALLOW, a comma list of name:port";
  return new RefusedProblem(error.message, fix, { cause: error });
}
