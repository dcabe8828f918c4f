import { z } from "zod";
import { outputSchema } from "../output/schema.ts";
import { DEFAULT_POLICY } from "./default.ts";
import { mapping, quoted, share, whole, yesNo } from "./fields.ts";
import { type Policy, ROLES } from "./types.ts";

const MODEL = "must be ORG/NAME, ORG/NAME@COMMIT, or a path that begins with /, ./ or ../";

/** Builds the schema of a policy that may name these stages. */
export function policySchema(stageNames: readonly string[]): z.ZodType<Policy> {
  const { screen, window, cache, evidence, storeText } = DEFAULT_POLICY;
  const stage = mapping({
    name: z.enum(stageNames as [string, ...string[]], {
      error: ({ input }) =>
        `${input === undefined ? "is missing" : `no stage ${quoted(input)}`}; there is: ${stageNames.join(", ")}`,
    }),
    allowBelow: share(),
    blockAtOrAbove: share(),
    timeoutMs: whole(1, 600_000).default(1_000),
    fail: z.enum(["closed", "open"], { error: "must be closed or open" }).default("closed"),
    model: z
      .string({ error: MODEL })
      .regex(/^[\u0021-\u007e](?:[\u0020-\u007e]*[\u0021-\u007e])?$/, { error: MODEL })
      .max(4_096, { error: MODEL })
      .exactOptional(),
  }).refine(({ allowBelow, blockAtOrAbove }) => allowBelow <= blockAtOrAbove, {
    path: ["allowBelow"],
    error: "must not be above blockAtOrAbove: a text cannot be allowed and blocked at once",
  });
  const once = <Value>(values: readonly Value[]): boolean => new Set(values).size === values.length;
  return mapping({
    version: z.literal(1, { error: "must be 1, the version of the format" }),
    stages: z
      .array(stage, { error: "must be a list of stages" })
      .min(1, { error: "must name at least one stage" })
      .refine((stages) => once(stages.map(({ name }) => name)), { error: "must name each stage once" }),
    screen: mapping({
      roles: z
        .array(z.enum(ROLES, { error: `must be one of: ${ROLES.join(", ")}` }), {
          error: `must be a list of: ${ROLES.join(", ")}`,
        })
        .min(1, { error: "must name at least one role" })
        .refine(once, { error: "must name each role once" })
        .default([...screen.roles]),
      textParts: yesNo().default(screen.textParts),
      toolCalls: yesNo().default(screen.toolCalls),
      toolResults: yesNo().default(screen.toolResults),
      joinTurns: whole(0, 100).default(screen.joinTurns),
    }).prefault({}),
    window: mapping({
      size: whole(256, 1_048_576).default(window.size),
      overlap: whole(0, 524_288).default(window.overlap),
    })
      .prefault({})
      .refine(({ size, overlap }) => overlap * 2 <= size, {
        path: ["overlap"],
        error: "must be at most half of size",
      }),
    cache: mapping({
      maxEntries: whole(0, 10_000_000).default(cache.maxEntries),
      ttlMs: whole(1, 2_592_000_000).default(cache.ttlMs),
    }).prefault({}),
    output: outputSchema(),
    evidence: whole(0, 50).default(evidence),
    storeText: yesNo().default(storeText),
  });
}
