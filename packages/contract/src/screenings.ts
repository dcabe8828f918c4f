import { z } from "zod";

export const ScreeningSource = z
  .enum(["gateway", "api"])
  .meta({ id: "ScreeningSource", description: "Through which door the text came." });
export type ScreeningSource = z.infer<typeof ScreeningSource>;

export const ScreeningDirection = z
  .enum(["input", "output"])
  .meta({ id: "ScreeningDirection", description: "On its way to a model, or back." });
export type ScreeningDirection = z.infer<typeof ScreeningDirection>;

export const ScreeningDecision = z
  .enum(["allow", "flag", "redact", "block", "error"])
  .meta({ id: "ScreeningDecision", description: "`redact`: parts of an answer were replaced. `error`: no answer." });
export type ScreeningDecision = z.infer<typeof ScreeningDecision>;

const score = z.number().min(0).max(1).nullable().meta({ description: "Probability of an attack." });

export const ScreeningEvidence = z
  .object({
    text: z.string().meta({ description: "A piece of the text as the stage saw it." }),
    weight: z.number().meta({ description: "In log-odds; positive speaks for an attack." }),
    via: z.array(z.string()).meta({ description: "What had to be undone to read it, outermost first." }),
  })
  .meta({ id: "ScreeningEvidence" });

export const ScreeningFailure = z
  .object({
    stage: z.string(),
    reason: z.string(),
    message: z.string(),
    fail: z.enum(["closed", "open"]).meta({ description: "What the policy said would hold." }),
  })
  .meta({ id: "ScreeningFailure", description: "A stage that gave no probability." });

export const ScreeningStage = z
  .object({ stage: z.string(), score, latencyMs: z.number() })
  .meta({ id: "ScreeningStage", description: "What one stage did, all texts and windows together." });

export const ScreeningFinding = z
  .object({
    check: z.string().meta({ description: "`canary`, `promptLeak`, `secrets`, `toolCalls` or `text`." }),
    kind: z.string().meta({ description: "Such as `github_token`." }),
    action: z.string().meta({ description: "`flag`, `redact` or `block`." }),
    path: z.string().meta({ description: "Such as `choices[0].content`." }),
    start: z.number().int().nullable().meta({ description: "UTF-16 code units; null where it has no one place." }),
    length: z.number().int().nullable(),
    via: z.array(z.string()),
  })
  .meta({ id: "ScreeningFinding", description: "What a check of answers found; never the secret itself." });

/** In lists, without its details. */
export const ScreeningSummary = z
  .object({
    id: z.string().meta({ description: "`scr_` and a ULID." }),
    createdAt: z.iso.datetime(),
    source: ScreeningSource,
    direction: ScreeningDirection,
    decision: ScreeningDecision,
    admitted: z.boolean().meta({ description: "Whether the text passed; an error passes where the policy is open." }),
    stage: z.string().nullable().meta({ description: "The stage or check that decided." }),
    score,
    reason: z.string().meta({ description: "Such as `at_or_above_block`; of answers the kind of what was found." }),
    cached: z.boolean().meta({ description: "The verdict was known; no stage was asked." }),
    latencyMs: z.number(),
    model: z.string().nullable(),
    keyId: z.string().nullable(),
    requestId: z.string().nullable().meta({ description: "The same for the prompt and its answer." }),
    textHash: z.string().meta({
      description: "HMAC-SHA256 of the text with this server's own key: the same text has the same hash here alone.",
    }),
    textLength: z.number().int().meta({ description: "UTF-16 code units." }),
  })
  .meta({ id: "ScreeningSummary" });
export type ScreeningSummary = z.infer<typeof ScreeningSummary>;

export const Screening = z
  .object({
    ...ScreeningSummary.shape,
    text: z.string().nullable().meta({
      description: "The first 65536 code units; null unless the policy says `storeText`, and where a secret was found.",
    }),
    evidence: z.array(ScreeningEvidence),
    failures: z.array(ScreeningFailure),
    perStage: z.array(ScreeningStage),
    findings: z.array(ScreeningFinding),
  })
  .meta({ id: "Screening" });
export type Screening = z.infer<typeof Screening>;

/** What POST /api/v1/screenings takes. Exactly one of `text` and `messages`. */
export const ScreeningRequest = z
  .strictObject({
    text: z.string().optional(),
    messages: z
      .array(z.looseObject({}))
      .min(1)
      .max(10_000)
      .optional()
      .meta({ description: "In the OpenAI chat format." }),
    model: z.string().min(1).max(256).optional().meta({ description: "For the record alone." }),
  })
  .refine((request) => (request.text === undefined) !== (request.messages === undefined), {
    path: ["text"],
    message: "or `messages` must be given, and only one of them",
  })
  .meta({ id: "ScreeningRequest" });
export type ScreeningRequest = z.infer<typeof ScreeningRequest>;

const placeFields = {
  path: z.string().meta({ description: "Such as `messages[2].content[0].text`." }),
  decision: ScreeningDecision,
  admitted: z.boolean(),
  stage: z.string().nullable(),
  score,
  reason: z.string(),
  cached: z.boolean(),
  evidence: z.array(ScreeningEvidence),
};
export const ScreenedPlace = z.object(placeFields).meta({ id: "ScreenedPlace" });
export const ScreenedMessage = z
  .object({ index: z.number().int(), role: z.string().nullable(), ...placeFields })
  .meta({ id: "ScreenedMessage", description: "The worst place of one message; the role of a bare text is null." });

/** What POST /api/v1/screenings answers. */
export const ScreeningReply = z
  .object({
    ...Screening.omit({ text: true }).shape,
    recorded: z.boolean().meta({ description: "False where the record had no room in time: the screening holds." }),
    perMessage: z.array(ScreenedMessage),
    joined: ScreenedPlace.nullable().meta({ description: "The worst of the runs of user turns read as one text." }),
    unscreened: z.array(z.object({ path: z.string(), why: z.enum(["media", "policy"]) })),
  })
  .meta({ id: "ScreeningReply" });
export type ScreeningReply = z.infer<typeof ScreeningReply>;

const moment = z.iso.datetime({ offset: true, error: "must be a date and time such as 2026-01-31T12:00:00Z" });
const filterFields = {
  source: ScreeningSource.optional(),
  direction: ScreeningDirection.optional(),
  key: z.string().max(64).optional().meta({ description: "Id of the API key." }),
  model: z.string().max(256).optional(),
  since: moment.optional().meta({ description: "From this moment on." }),
  until: moment.optional().meta({ description: "Before this moment." }),
};

export const ListScreeningsQuery = z.strictObject({
  decision: ScreeningDecision.optional(),
  stage: z.string().max(64).optional(),
  ...filterFields,
  minScore: z.coerce.number().min(0).max(1).optional(),
  textHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")
    .optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().meta({ description: "`nextCursor` of the page before." }),
});
export type ListScreeningsQuery = z.infer<typeof ListScreeningsQuery>;
export const ScreeningPage = z
  .object({ screenings: z.array(ScreeningSummary), nextCursor: z.string().nullable() })
  .meta({ id: "ScreeningPage", description: "Newest first." });
export type ScreeningPage = z.infer<typeof ScreeningPage>;

export const ScreeningIdParams = z.strictObject({
  id: z.string().regex(/^scr_[0-9A-HJKMNP-TV-Z]{26}$/, "must be a screening id"),
});

/** Longest span of statistics: hours are counted one by one. */
const MAX_SPAN_MS = 92 * 86_400_000;
export const ScreeningStatisticsQuery = z
  .strictObject(filterFields)
  .refine(
    ({ since, until }) =>
      since === undefined || Date.parse(until ?? new Date().toISOString()) - Date.parse(since) <= MAX_SPAN_MS,
    {
      path: ["since"],
      message: "must be at most 92 days before `until`",
    },
  );
export type ScreeningStatisticsQuery = z.infer<typeof ScreeningStatisticsQuery>;

const decisionCounts = z.object(
  Object.fromEntries(ScreeningDecision.options.map((name) => [name, z.number().int()])) as Record<
    ScreeningDecision,
    z.ZodInt
  >,
);
export const ScreeningStatistics = z
  .object({
    since: z.iso.datetime(),
    until: z.iso.datetime(),
    total: z.number().int(),
    byDecision: decisionCounts,
    byStage: z.array(z.object({ stage: z.string().nullable(), count: z.number().int() })),
    byReason: z.array(z.object({ reason: z.string(), count: z.number().int() })),
    byHour: z
      .array(z.object({ hour: z.iso.datetime(), ...decisionCounts.shape }))
      .meta({ description: "Hours in which something was screened, oldest first." }),
    latencyMs: z
      .object({ p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() })
      .nullable()
      .meta({ description: "Null where nothing was screened." }),
    cacheHitRate: z
      .number()
      .nullable()
      .meta({ description: "Share of the screenings of prompts whose verdict was known." }),
  })
  .meta({ id: "ScreeningStatistics", description: "Of the last 24 hours where no `since` is given." });
export type ScreeningStatistics = z.infer<typeof ScreeningStatistics>;
