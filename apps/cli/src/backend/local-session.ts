import { availableParallelism } from "node:os";
import type { EngineInfo, IsolationRequest } from "@crucible/contract";
import { createEngines, MAX_LIMITS, MIN_LIMITS, SpecError, sweepLeftovers } from "@crucible/sandbox";
import type { Session, SessionSpec } from "@crucible/sandbox";
import { RefusedProblem } from "../problem.ts";
import { applyPolicy, chooseEngine, readPolicy } from "./engine-policy.ts";
import { dockerOf } from "./local.ts";

/** A sandbox of this machine that stays until it is disposed of. */
export interface LocalSession extends AsyncDisposable {
  readonly session: Session;
}

/**
 * Opens a sandbox on this machine, on the engine that a run would get where that has such sandboxes, and never on
 * a weaker one.
 * @throws CliProblem naming what is missing.
 */
export async function openLocalSession(
  env: Readonly<Record<string, string | undefined>>,
  spec: SessionSpec,
  wanted: IsolationRequest | undefined,
): Promise<LocalSession> {
  const policy = readPolicy(env);
  await sweepLeftovers();
  const engines = createEngines({
    languages: [],
    bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
    slots: Math.min(8, availableParallelism()),
    allowUnsafe: policy.allowUnsafe,
    ociRootfs: env["CRUCIBLE_OCI_ROOTFS"] || undefined,
    docker: dockerOf(env),
    network: { allow: policy.networkAllow },
  });
  const close = async (): Promise<void> => {
    await Promise.all(engines.map((engine) => engine.close()));
  };
  try {
    const infos = applyPolicy(await Promise.all(engines.map((engine) => engine.probe())), policy);
    const standard = infos.find(({ isDefault }) => isDefault);
    const lacks = ({ sessions, images }: EngineInfo): string | null => {
      if (sessions !== true) return "it has no sandboxes that stay";
      return spec.image === undefined || images === true ? null : "it has no images to choose from";
    };
    const least =
      wanted ?? (standard === undefined || lacks(standard) === null ? undefined : { atLeast: standard.isolation });
    const able = infos.map((info) => {
      const reason = lacks(info);
      if (reason === null) return info;
      return { ...info, available: false, ...(info.available ? { reason, fix: null } : {}) };
    });
    const name = chooseEngine(able, least, policy.engine);
    const session = await engines.find((engine) => engine.name === name)?.openSession?.(spec);
    if (session === undefined) throw new RangeError(`no sessions on engine ${name}`);
    return { session, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error instanceof SpecError
      ? new RefusedProblem(error.message, `change ${error.field}`, { cause: error })
      : error;
  }
}
