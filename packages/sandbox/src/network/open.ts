import { violation } from "../behaviour/rules.ts";
import { listenInside } from "../process/listen-inside.ts";
import type { RunOutcome, Violation } from "../types.ts";
import type { AllowedHost } from "./hosts.ts";
import { serveProxy } from "./proxy.ts";
import type { Proxy } from "./proxy.ts";
import { createLookup } from "./resolve.ts";
import type { NetworkLog, Outside } from "./types.ts";

/** What an operator lets runs reach. */
export interface NetworkOptions {
  /** `name:port` and `*.name:port`; a run's own list must lie within it. Empty: no run has a network. */
  readonly allow: readonly string[];
  /** Both directions of one run together. Default: 256 MiB. */
  readonly transferBytes?: number;
  /** For tests: name service and routes other than the host's. */
  readonly outside?: Outside;
}

const PORT = 3128;
const DEFAULT_TRANSFER_BYTES = 256 * 1024 * 1024;
const ADDRESS = `http://127.0.0.1:${PORT}`;

/** What tells programs of the proxy: both spellings, because tools read one or the other. */
export const PROXY_ENV: Readonly<Record<string, string>> = {
  http_proxy: ADDRESS,
  HTTP_PROXY: ADDRESS,
  https_proxy: ADDRESS,
  HTTPS_PROXY: ADDRESS,
  no_proxy: "localhost,127.0.0.1,::1",
  NO_PROXY: "localhost,127.0.0.1,::1",
  // Node from 24 on reads the others only where this says so (nodejs.org/api/cli.html).
  NODE_USE_ENV_PROXY: "1",
};

/**
 * A proxy of its own for one sandbox, on the loopback of its otherwise empty network namespace.
 * @param innerPid a process in that namespace, before the program starts.
 * @throws Error when the socket cannot be made: the run must not start then.
 */
export async function openNetwork(
  innerPid: number,
  allow: readonly AllowedHost[],
  options: NetworkOptions,
  signal?: AbortSignal,
): Promise<Proxy> {
  const listening = await listenInside(innerPid, PORT, signal);
  return serveProxy(listening, {
    allow,
    transferBytes: options.transferBytes ?? DEFAULT_TRANSFER_BYTES,
    outside: options.outside ?? { lookup: createLookup() },
  });
}

const MAX_NAMED = 10;

/** Each denied target of the requests after the first `skipped`, the first ten by name. */
export function deniedTargets(network: NetworkLog, skipped = 0): Violation[] {
  const denied = network.requests.slice(skipped).filter(({ allowed, reason }) => !allowed && reason !== "unreachable");
  const targets = [
    ...new Set(denied.map(({ host, port, reason }) => `${host}${port === null ? "" : `:${port}`} (${reason})`)),
  ];
  return targets.slice(0, MAX_NAMED).map((target) => violation("denied_network_request", `asked for ${target}`));
}

/** The outcome with what the run asked for. */
export function withNetwork(outcome: RunOutcome, network: NetworkLog): RunOutcome {
  return { ...outcome, network, violations: [...outcome.violations, ...deniedTargets(network)] };
}
