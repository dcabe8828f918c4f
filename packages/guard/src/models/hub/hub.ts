import { setTimeout } from "node:timers/promises";
import { ModelStoreError } from "../errors.ts";

/** Times and counts of the conversation with a hub. */
export interface HubTiming {
  /** From a request to the head of its reply. */
  readonly headersMs: number;
  /** A body that brings less than `MIN_BYTES_PER_IDLE` in this time is given up, and resumed. */
  readonly idleMs: number;
  /** In a row without a byte of progress. */
  readonly attempts: number;
  /** Before the first repetition; doubles with each, and a random share of it is taken (full jitter). */
  readonly firstDelayMs: number;
  /** No wait is longer. A hub that wants more (`Retry-After`) is told to the user instead. */
  readonly maxDelayMs: number;
}

export const DEFAULT_TIMING: HubTiming = {
  headersMs: 30_000,
  idleMs: 30_000,
  attempts: 6,
  firstDelayMs: 500,
  maxDelayMs: 60_000,
};

/** A trickle is no download. */
export const MIN_BYTES_PER_IDLE = 1024;

/** A Hugging Face-compatible hub, and how to talk to it. */
export interface Hub {
  /** Ends in `/`. */
  readonly endpoint: URL;
  /** Sent to the endpoint's own origin only. */
  readonly token: string | null;
  readonly timing: HubTiming;
  /** Ends early, by rejecting, when the signal fires. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Where models are looked for unless told otherwise. */
export const DEFAULT_ENDPOINT = "https://huggingface.co";

/** @throws ModelStoreError for an address that is none, or to which a token may not be sent. */
export function openHub({
  endpoint = DEFAULT_ENDPOINT,
  token = null,
  timing = DEFAULT_TIMING,
  wait = pause,
  random = Math.random,
}: Partial<Omit<Hub, "endpoint">> & { readonly endpoint?: string }): Hub {
  const refuse = (what: string, fix: string): ModelStoreError => new ModelStoreError("model_invalid", what, fix);
  let url: URL;
  try {
    url = new URL(endpoint.endsWith("/") ? endpoint : `${endpoint}/`);
  } catch (cause) {
    throw new ModelStoreError("model_invalid", "HF_ENDPOINT is no URL", `such as ${DEFAULT_ENDPOINT}`, cause);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw refuse("HF_ENDPOINT is no address of a web server", `such as ${DEFAULT_ENDPOINT}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse("HF_ENDPOINT holds a password", "give the token in HF_TOKEN, the address without it");
  }
  if (token !== null && !/^[\x21-\x7e]{1,512}$/.test(token)) {
    throw refuse("HF_TOKEN is no token", "it is one line without spaces, such as hf_...");
  }
  if (token !== null && url.protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)) {
    throw refuse("HF_TOKEN is not sent unencrypted over a network", "use an https:// address in HF_ENDPOINT");
  }
  return { endpoint: url, token, timing, wait, random };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
