/** A refusal of the daemon's, as far as there is one. */
interface Refusal {
  readonly statusCode?: number;
  readonly json?: { readonly message?: unknown } | null;
  readonly message?: string;
}

/** What cannot be done, and what to do about it. */
export interface Advice {
  readonly reason: string;
  readonly fix: string;
}

const GPU_FIX =
  "install the driver and the NVIDIA Container Toolkit on the daemon's host (nvidia-ctk runtime configure, and restart the daemon), or unset CRUCIBLE_DOCKER_GPUS";

/** Refusals that operators meet, in our words; the daemon's own name parts of it that nobody has configured. */
const KNOWN: readonly (readonly [RegExp, string, string])[] = [
  // moby, daemon/devices.go: no driver has registered itself for these capabilities.
  [/could not select device driver/i, "the daemon has no driver for graphics processors", GPU_FIX],
  [
    /nvidia-container-(cli|runtime)|libnvidia|nvml error|nvidia\.com\/gpu|unresolvable CDI devices/i,
    "the driver of the graphics processors does not work on the daemon's host",
    GPU_FIX,
  ],
  // Podman looks for a file of that name on its own host.
  [
    /opening seccomp profile failed/i,
    "it takes no seccomp profile in a request, as Podman's daemon does not",
    "use a Docker daemon, or the engine runc",
  ],
];

/** The daemon's own words, without what its client puts before them. */
function wordsOf(error: unknown): string {
  const { json, message = String(error) } = (error ?? {}) as Refusal;
  const said = json?.message;
  return typeof said === "string" && said !== "" ? said : message.replace(/^\(HTTP code \d+\) [^-]*- /, "").trim();
}

/** What operators can do something about; null for everything else. */
export function adviceFor(error: unknown): Advice | null {
  const words = wordsOf(error);
  const known = KNOWN.find(([pattern]) => pattern.test(words));
  return known === undefined ? null : { reason: known[1], fix: known[2] };
}

/** Why the daemon did not do what it was asked, for an outcome or a report. */
export function faultWords(error: unknown): string {
  const advice = adviceFor(error);
  return advice === null ? wordsOf(error).slice(0, 1_000) : `${advice.reason}; ${advice.fix}`;
}
