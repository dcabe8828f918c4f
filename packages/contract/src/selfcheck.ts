import { z } from "zod";
import { Belt } from "./platform.ts";
import { IsolationLevel } from "./runs.ts";

/** The subjects of a self-check report, in its order. */
export const SelfcheckGroup = z
  .enum(["resources", "processes", "files", "kernel", "network", "secrets", "tenancy", "integrity"])
  .meta({ id: "SelfcheckGroup" });
export type SelfcheckGroup = z.infer<typeof SelfcheckGroup>;

export const SelfcheckStatus = z.enum(["passed", "failed", "not_promised", "skipped"]).meta({
  id: "SelfcheckStatus",
  description:
    "`passed`: tested and held. `failed`: tested and broken. `not_promised`: beyond the engine's level, not run. `skipped`: nothing is known, `detail` says why.",
});
export type SelfcheckStatus = z.infer<typeof SelfcheckStatus>;

/** How one check came out on one engine. */
export const SelfcheckResult = z
  .object({
    id: z.string(),
    group: SelfcheckGroup,
    engine: z.string(),
    status: SelfcheckStatus,
    detail: z.string().meta({
      description:
        "Empty when passed. Begins with `inconclusive: ` where a promise could have been tested and was not.",
    }),
  })
  .meta({ id: "SelfcheckResult" });
export type SelfcheckResult = z.infer<typeof SelfcheckResult>;

const whole = z.number().int().min(0);

/** How many checks of one engine came out how; `inconclusive` are among the skipped. */
export const SelfcheckCounts = z
  .object({ passed: whole, failed: whole, not_promised: whole, skipped: whole, inconclusive: whole })
  .meta({ id: "SelfcheckCounts" });
export type SelfcheckCounts = z.infer<typeof SelfcheckCounts>;

/** What `crucible selfcheck` found on a host. */
export const SelfcheckReport = z
  .object({
    version: z.literal(1),
    createdAt: z.iso.datetime(),
    durationMs: z.number().min(0),
    crucible: z.object({
      version: z.string(),
      commit: z.string().nullable().meta({ description: "Null outside of a Git checkout." }),
    }),
    scope: z
      .object({ engines: z.array(z.string()), groups: z.array(SelfcheckGroup), quick: z.boolean() })
      .meta({ description: "What was asked for: a part says nothing about the rest." }),
    host: z.object({
      os: z.string(),
      kernel: z.string(),
      arch: z.string(),
      cpus: whole,
      memoryBytes: whole,
      asRoot: z.boolean(),
      node: z.string(),
      facts: z.array(
        z.object({ name: z.string(), status: z.enum(["ok", "info", "warn", "fail"]), detail: z.string() }),
      ),
    }),
    engines: z.array(
      z.object({
        engine: z.string(),
        isolation: IsolationLevel,
        available: z.boolean(),
        version: z.string().nullable(),
        reason: z.string().nullable(),
        belts: z.array(Belt),
      }),
    ),
    checks: z.array(SelfcheckResult),
    catalogue: z
      .array(z.object({ id: z.string(), group: SelfcheckGroup, title: z.string(), incident: z.string() }))
      .meta({ description: "What each check tests, and the incident or CVE class it stands for." }),
    controls: z
      .array(
        z.object({
          id: z.string(),
          status: z.enum(["attack_succeeds", "host_refuses", "not_run", "inconclusive"]),
          detail: z.string(),
        }),
      )
      .meta({ description: "The same checks without isolation, where that does no harm; empty with `--quick`." }),
    summary: z.record(z.string(), SelfcheckCounts).meta({ description: "By engine." }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .meta({
        description:
          "SHA-256 of this object without this field, as JSON without spaces and with the keys of every object sorted.",
      }),
  })
  .meta({ id: "SelfcheckReport" });
export type SelfcheckReport = z.infer<typeof SelfcheckReport>;

/** What to test; without a field, all of it. */
export const SelfcheckRequest = z
  .strictObject({
    engines: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(16)
      .optional()
      .meta({ description: "By name. Default: all that work on this host and isolate." }),
    groups: z.array(SelfcheckGroup).min(1).max(8).optional(),
    quick: z.boolean().default(false).meta({ description: "Leave out bombs and whatever waits, and the controls." }),
  })
  .meta({ id: "SelfcheckRequest" });
export type SelfcheckRequest = z.infer<typeof SelfcheckRequest>;

/** How far the self-check is that was started last over HTTP, by this process. */
export const SelfcheckProgress = z
  .object({
    state: z.enum(["idle", "running", "finished", "failed"]).meta({
      description:
        "`idle`: none was started. `finished`: its report is stored. `failed`: there is none, `reason` says why.",
    }),
    startedAt: z.iso.datetime().nullable(),
    endedAt: z.iso.datetime().nullable(),
    done: whole.meta({ description: "Checks and controls carried out." }),
    total: whole.nullable().meta({ description: "Null until it is known." }),
    broken: whole.meta({ description: "Promises that did not hold so far." }),
    reason: z.string().nullable(),
  })
  .meta({ id: "SelfcheckProgress" });
export type SelfcheckProgress = z.infer<typeof SelfcheckProgress>;
