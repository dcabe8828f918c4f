import { z } from "zod";

/** Piston v2 wire format, as its public API was until 2026-02-15. */
export const PistonExecuteRequest = z
  .object({
    language: z.string(),
    version: z.string().meta({ description: "A semver selector; `*` takes any." }),
    files: z
      .array(
        z.object({
          name: z.string().optional(),
          content: z.string(),
          encoding: z.enum(["utf8", "base64", "hex"]).optional(),
        }),
      )
      .min(1),
    stdin: z.string().optional(),
    args: z.array(z.string()).optional(),
    run_timeout: z.number().optional(),
    compile_timeout: z.number().optional(),
    run_cpu_time: z.number().optional(),
    compile_cpu_time: z.number().optional(),
    run_memory_limit: z.number().optional(),
    compile_memory_limit: z.number().optional(),
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
