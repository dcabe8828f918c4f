import { z } from "zod";

/** Piston v2 wire format, as its public API was until 2026-02-15. */
export const PistonExecuteRequest = z
  .object({
    language: z.string().min(1),
    version: z.string().min(1).meta({ description: "A semver selector; `*` takes any." }),
    files: z
      .array(
        z.object({
          name: z.string().nullish().meta({ description: "Default: one with the extension of the language." }),
          content: z.string(),
          encoding: z
            .string()
            .nullish()
            .meta({ description: "`utf8`, `base64` or `hex`; anything else counts as `utf8`." }),
        }),
      )
      .min(1)
      .max(256)
      .meta({ description: "The first utf8 file is the one that is started." }),
    stdin: z.string().nullish(),
    args: z.array(z.string()).max(256).nullish(),
    run_timeout: z.number().nullish().meta({ description: "Milliseconds; default 3000." }),
    compile_timeout: z
      .number()
      .nullish()
      .meta({ description: "Milliseconds; default: that of this server for compilers." }),
    run_cpu_time: z.number().nullish().meta({ description: "Milliseconds; default 3000." }),
    compile_cpu_time: z
      .number()
      .nullish()
      .meta({ description: "Milliseconds; default: that of this server for compilers." }),
    run_memory_limit: z.number().nullish().meta({ description: "Bytes; -1 (the default) is this server's maximum." }),
    compile_memory_limit: z
      .number()
      .nullish()
      .meta({ description: "Bytes; -1 (the default) is this server's maximum." }),
  })
  .meta({ id: "PistonExecuteRequest" });
export type PistonExecuteRequest = z.infer<typeof PistonExecuteRequest>;

export const PistonStep = z
  .object({
    stdout: z.string(),
    stderr: z.string(),
    output: z.string(),
    code: z.number().int().nullable(),
    signal: z.string().nullable(),
    message: z.string().nullable(),
    status: z.enum(["RE", "SG", "TO", "OL", "EL", "XX"]).nullable(),
    cpu_time: z.number().nullable(),
    wall_time: z.number().nullable(),
    memory: z.number().nullable(),
  })
  .meta({ id: "PistonStep" });
export type PistonStep = z.infer<typeof PistonStep>;

export const PistonExecuteResponse = z
  .object({ language: z.string(), version: z.string(), run: PistonStep, compile: PistonStep.optional() })
  .meta({ id: "PistonExecuteResponse" });
export type PistonExecuteResponse = z.infer<typeof PistonExecuteResponse>;

export const PistonRuntime = z
  .object({ language: z.string(), version: z.string(), aliases: z.array(z.string()), runtime: z.string().optional() })
  .meta({ id: "PistonRuntime" });
export const PistonRuntimeList = z.array(PistonRuntime);

export const PistonError = z.object({ message: z.string() }).meta({ id: "PistonError" });
