import { z } from "zod";
import { IsolationLevel } from "./runs.ts";

export const Language = z
  .object({
    name: z.string(),
    aliases: z.array(z.string()),
    extensions: z.array(z.string()),
    version: z.string(),
    compiled: z.boolean(),
  })
  .meta({ id: "Language" });
export type Language = z.infer<typeof Language>;
export const LanguageList = z.object({ languages: z.array(Language) }).meta({ id: "LanguageList" });

export const Belt = z.object({ name: z.string(), on: z.boolean(), detail: z.string() }).meta({ id: "Belt" });
export const EngineInfo = z
  .object({
    engine: z.string(),
    isolation: IsolationLevel,
    available: z.boolean(),
    allowed: z.boolean().meta({ description: "The operator lets requests use it." }),
    isDefault: z.boolean().meta({ description: "Used when a request names neither engine nor level." }),
    version: z.string().nullable(),
    reason: z.string().nullable(),
    fix: z.string().nullable(),
    belts: z.array(Belt),
    sessions: z.boolean().optional().meta({ description: "It has sandboxes that stay." }),
    images: z.boolean().optional().meta({ description: "Such a sandbox can be made of an image that is named." }),
    network: z.boolean().optional().meta({ description: "It can give a run a network with an allow-list." }),
    artifacts: z.boolean().optional().meta({ description: "It can give back the files of a run." }),
  })
  .meta({ id: "EngineInfo" });
export type EngineInfo = z.infer<typeof EngineInfo>;
export const EngineList = z.object({ engines: z.array(EngineInfo) }).meta({ id: "EngineList" });

export const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });
export type Health = z.infer<typeof Health>;
export const Readiness = z
  .object({
    status: z.enum(["ready", "not_ready"]),
    checks: z.record(z.enum(["database", "queue", "engine"]), z.object({ ok: z.boolean(), detail: z.string() })),
  })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof Readiness>;

export const LoginRequest = z.strictObject({ key: z.string().min(1).max(512) }).meta({ id: "LoginRequest" });
export const LoginResponse = z
  .object({ expiresAt: z.iso.datetime().meta({ description: "When the session cookie stops working." }) })
  .meta({ id: "LoginResponse" });
