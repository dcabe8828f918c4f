import { createKey } from "../cache/key.ts";
import type { VerdictCache } from "../cache/types.ts";
import type { Policy } from "../policy/types.ts";
import type { Stage } from "../stage.ts";
import { createCascade, type Run } from "./cascade.ts";
import { PipelineConfigError } from "./errors.ts";
import { type Conversation, readMessages } from "./messages.ts";
import { createScreenPlace } from "./screen-text.ts";
import type { Clock, MessageVerdict, PlaceVerdict, Verdict } from "./types.ts";
import { worse, worst } from "./worst.ts";

/** What a pipeline is built from. */
export interface PipelineParts {
  readonly policy: Policy;
  /** At least those that the policy names; others are not asked. */
  readonly stages: readonly Stage[];
  /** Without one every text is screened anew. */
  readonly cache?: VerdictCache;
  /** Default: the monotonic clock of the process. */
  readonly clock?: Clock;
}

/** Screens texts and conversations. Calls may overlap as far as the stages allow it; the Bayes stage does. */
export interface Pipeline {
  readonly policy: Policy;
  /**
   * Screens a text, or messages in the OpenAI chat format. Rejects with `InvalidMessagesError` when they are not in it,
   * and with the signal's reason when the caller goes; what goes wrong in a stage is in the verdict.
   */
  screen(input: string | readonly unknown[], options?: { readonly signal?: AbortSignal }): Promise<Verdict>;
}

const NOTHING = {
  decision: "allow",
  admitted: true,
  stage: null,
  probability: null,
  reason: "nothing_to_screen",
  evidence: [],
  failures: [],
  perStage: [],
  cached: false,
} as const;

/** Builds a pipeline. @throws PipelineConfigError when the policy names a stage that is not there. */
export function createPipeline({ policy, stages, cache, clock = performance }: PipelineParts): Pipeline {
  const steps = policy.stages.map((stagePolicy) => {
    const stage = stages.find(({ name }) => name === stagePolicy.name);
    if (stage !== undefined) return { stage, policy: stagePolicy };
    const given = stages.map(({ name }) => name).join(", ") || "none";
    throw new PipelineConfigError(
      `the policy names the stage ${JSON.stringify(stagePolicy.name)}, which is not loaded`,
      `name one of the loaded stages (${given}), or load it`,
    );
  });
  if (steps.length === 0) throw new PipelineConfigError("the policy names no stage", "name at least one");
  const cascade = createCascade(steps, policy.evidence, clock);
  const keyOf = createKey(
    policy,
    steps.map(({ stage }) => stage),
  );
  const kept = policy.cache.maxEntries === 0 ? undefined : cache;
  return {
    policy,
    screen: async (input, { signal } = {}) => {
      signal?.throwIfAborted();
      const conversation = typeof input === "string" ? textAlone(input) : readMessages(input, policy.screen);
      const screenPlace = createScreenPlace({ policy, cascade, cache: kept, keyOf, clock });
      return await screenAll(conversation, screenPlace, { leftMs: new Map(), signal });
    },
  };
}

type Readable = Omit<Conversation, "messages"> & {
  readonly messages: readonly (Pick<MessageVerdict, "index" | "role"> &
    Pick<Conversation["messages"][number], "places">)[];
};

function textAlone(text: string): Readable {
  const places = text.trim() === "" ? [] : [{ path: "text", text: text.toWellFormed() }];
  return { messages: places.length === 0 ? [] : [{ index: 0, role: null, places }], joined: [], unscreened: [] };
}

async function screenAll(
  { messages, joined, unscreened }: Readable,
  screenPlace: ReturnType<typeof createScreenPlace>,
  run: Run,
): Promise<Verdict> {
  const perMessage: MessageVerdict[] = [];
  const all: PlaceVerdict[] = [];
  for (const { index, role, places } of messages) {
    const verdicts: PlaceVerdict[] = [];
    for (const place of places) verdicts.push(await screenPlace(place, run));
    const verdict = { ...worst(verdicts), cached: verdicts.every(({ cached }) => cached) };
    all.push(verdict);
    perMessage.push({ ...verdict, index, role });
  }
  if (all.length === 0) return { ...NOTHING, path: "text", perMessage, joined: null, unscreened };
  const runs: PlaceVerdict[] = [];
  for (const place of joined) runs.push(await screenPlace(place, run));
  all.push(...runs);
  return {
    ...worst(all),
    cached: all.every(({ cached }) => cached),
    perMessage,
    joined: runs.length === 0 ? null : runs.reduce(worse),
    unscreened,
  };
}
