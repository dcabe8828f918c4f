import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Hub,
  ModelStoreError,
  openHub,
  pullModel,
  type Pulled,
  type PullEvent,
  type PullOptions,
} from "../src/index.ts";
import { type FakeHub, startFakeHub } from "./fake-hub.ts";

/** A hub, an empty store, and how a test pulls from one into the other. */
export interface Place extends AsyncDisposable {
  readonly fake: FakeHub;
  readonly dataDir: string;
  /** What the client was told to wait, milliseconds; it never really waits. */
  readonly waits: number[];
  readonly events: PullEvent[];
  /** Told of each event too. */
  onEvent: (event: PullEvent) => void;
  hub(options?: { token?: string | null; idleMs?: number; headersMs?: number; endpoint?: string }): Hub;
  pull(options?: Partial<PullOptions>): Promise<Pulled>;
}

export const NAME = "acme/guard-model";

export async function openPlace(): Promise<Place> {
  const fake = await startFakeHub();
  const dataDir = await mkdtemp(join(tmpdir(), "crucible-models-"));
  const waits: number[] = [];
  const events: PullEvent[] = [];
  const hub: Place["hub"] = ({ token = null, idleMs = 5000, headersMs = 5000, endpoint = fake.endpoint } = {}) =>
    openHub({
      endpoint,
      token,
      timing: { headersMs, idleMs, attempts: 4, firstDelayMs: 100, maxDelayMs: 60_000 },
      wait: async (ms) => void waits.push(ms),
      random: () => 1,
    });
  const place: Place = {
    onEvent: () => {},
    fake,
    dataDir,
    waits,
    events,
    hub,
    pull: async (options = {}) =>
      await pullModel({
        name: NAME,
        dataDir,
        hub: hub(),
        signal: new AbortController().signal,
        onEvent: (event) => {
          events.push(event);
          place.onEvent(event);
        },
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
  return place;
}

/** The error of a model command that must fail. */
export async function failure(promise: Promise<unknown>): Promise<ModelStoreError> {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ModelStoreError) return error;
  throw error;
}
