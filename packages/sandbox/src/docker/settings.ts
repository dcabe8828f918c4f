import { MAX_SLOTS } from "../bubblewrap/uids.ts";
import { EngineUnavailableError } from "../errors.ts";
import { LANGUAGES } from "../languages/table.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import type { IsolationLevel } from "../types.ts";

export const NAME = "docker";

/** What the operator says of the daemon. */
export interface DockerSettings {
  /** `unix:///path` or `tcp://host:port`, without TLS: a filtering proxy beside us, or a network that nobody else is on. */
  readonly host: string;
  /** A runtime's name in the daemon's own configuration. Default: `runc`, level `container`. */
  readonly runtime?: string;
  /** Image by language; `*` is for those that have none. Only images that the daemon has are used. */
  readonly images: Readonly<Record<string, string>>;
  /** Graphics processors handed to every container: `all` or a number. Default: none. */
  readonly gpus?: "all" | number;
}

export interface DockerOptions extends Omit<EngineOptions, "languages"> {
  /** Undefined: the operator has not named a daemon, and the engine is not available. */
  readonly docker: DockerSettings | undefined;
  /** Sessions at the same time, beside the runs; with the slots at most 64. Default: 8. */
  readonly sessions?: number;
}

const DEFAULT_SESSIONS = 8;

/** Sessions at the same time: each has a user of its own beside those of the runs. */
export const sessionCount = ({ slots, sessions }: Pick<DockerOptions, "slots" | "sessions">): number =>
  Math.max(0, Math.min(sessions ?? DEFAULT_SESSIONS, MAX_SLOTS - slots));

/** The level that a runtime gives, by the names under which the runtimes' own documentation has them configured. */
const LEVELS: readonly (readonly [RegExp, IsolationLevel])[] = [
  [/^(runc|crun|io\.containerd\.runc\.v2)$/, "container"],
  [/^runsc(-[\w-]+)?$/, "gvisor"],
  [/^(kata(-[\w-]+)?|io\.containerd\.kata(-[\w-]+)?\.v2)$/, "microvm"],
];

/** @throws EngineUnavailableError for a runtime whose level is not known. */
export function levelOf(runtime: string): IsolationLevel {
  const found = LEVELS.find(([name]) => name.test(runtime));
  if (found !== undefined) return found[1];
  throw new EngineUnavailableError(
    NAME,
    `the isolation of the Docker runtime ${JSON.stringify(runtime)} is not known`,
    "set CRUCIBLE_DOCKER_RUNTIME to runc, runsc or kata-…",
  );
}

/** Where the client connects. @throws EngineUnavailableError for anything but a socket or plain tcp. */
export function addressOf(
  host: string,
): { readonly socketPath: string } | { readonly host: string; readonly port: number; readonly protocol: "http" } {
  const url = URL.canParse(host) ? new URL(host) : null;
  if (url?.protocol === "unix:" && url.host === "" && url.pathname.length > 1) return { socketPath: url.pathname };
  if (url?.protocol === "tcp:" && url.hostname !== "" && url.port !== "") {
    return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port), protocol: "http" };
  }
  throw new EngineUnavailableError(
    NAME,
    `CRUCIBLE_DOCKER_HOST is ${JSON.stringify(host)}`,
    "give unix:///path/of/the/socket or tcp://host:port",
  );
}

/** What the settings look like as text, such as variables of the environment; empty counts as not given. */
export interface DockerTexts {
  readonly host: string | undefined;
  readonly runtime: string | undefined;
  readonly images: string | undefined;
  readonly gpus: string | undefined;
}

/**
 * Reads the texts; undefined without a host.
 * @throws RangeError that says which is wrong, and what would be right.
 */
export function readDockerSettings({ host, runtime, images, gpus }: DockerTexts): DockerSettings | undefined {
  if (!host) return undefined;
  if (gpus && gpus !== "all" && !/^[1-9]\d?$/.test(gpus)) {
    throw new RangeError("CRUCIBLE_DOCKER_GPUS must be all, or a number from 1 to 99");
  }
  return {
    host,
    images: readImages(images || "{}"),
    ...(runtime ? { runtime } : {}),
    ...(gpus ? { gpus: gpus === "all" ? gpus : Number(gpus) } : {}),
  };
}

function readImages(text: string): Record<string, string> {
  const fault = new RangeError(
    'CRUCIBLE_DOCKER_IMAGES must be a JSON object of images by language, such as {"python": "python:3.13", "*": "IMAGE"}',
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw fault;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw fault;
  const entries = Object.entries(value) as [string, unknown][];
  for (const [language, image] of entries) {
    const isKnown = language === "*" || LANGUAGES.some(({ name }) => name === language);
    if (!isKnown || typeof image !== "string" || image === "") throw fault;
  }
  return Object.fromEntries(entries) as Record<string, string>;
}
