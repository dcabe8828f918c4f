import { ApiError } from "@crucible/contract";
import type { Language, Limits, PistonExecuteRequest, RunRequestInput } from "@crucible/contract";

/** Time a program gets when the request says nothing, as Piston documents it; milliseconds. Compilers get this server's own default. */
const DEFAULT_RUN_MS = 3_000;

type Constraint = "memory_limit" | "timeout" | "cpu_time";
const LIMIT_OF = {
  memory_limit: "memoryBytes",
  timeout: "wallTimeMs",
  cpu_time: "cpuTimeMs",
} as const satisfies Record<Constraint, keyof Limits>;
const CONSTRAINTS = Object.keys(LIMIT_OF) as Constraint[];

/**
 * The limits of both steps. As in Piston, 0 counts as left out, and a memory limit of -1 as none: here, our maximum.
 * Throws `limit_too_high` or `invalid_request` in Piston's words and in its order.
 */
function limitsOf(body: PistonExecuteRequest, max: Limits): Record<"compile" | "run", Partial<Limits>> {
  const limits: Record<"compile" | "run", Record<string, number>> = {
    compile: { memoryBytes: max.memoryBytes },
    run: {
      memoryBytes: max.memoryBytes,
      wallTimeMs: Math.min(DEFAULT_RUN_MS, max.wallTimeMs),
      cpuTimeMs: Math.min(DEFAULT_RUN_MS, max.cpuTimeMs),
    },
  };
  for (const constraint of CONSTRAINTS) {
    for (const step of ["compile", "run"] as const) {
      const field = `${step}_${constraint}` as const;
      const value = body[field];
      if (!value || (constraint === "memory_limit" && value === -1)) continue;
      const configured = max[LIMIT_OF[constraint]];
      if (value > configured) {
        throw new ApiError("limit_too_high", `${field} cannot exceed the configured limit of ${configured}`, { field });
      }
      if (value < 0) throw new ApiError("invalid_request", `${field} must be non-negative`, { field });
      limits[step][LIMIT_OF[constraint]] = Math.ceil(value);
    }
  }
  return limits;
}

const isSource = ({ encoding }: { encoding?: string | null | undefined }): boolean => !encoding || encoding === "utf8";

/**
 * Piston gives compilers a copy under the right extension; here the main file's name gets it, if it has none of the
 * language's. Interpreters take any name.
 */
function nameOf(given: string | null | undefined, index: number, language: Language, isMain: boolean): string {
  const extension = language.extensions[0]?.replace(/^\./, "");
  if (!given) return `file${index}.${extension ?? "code"}`;
  if (!isMain || !language.compiled || extension === undefined) return given;
  const known = language.extensions.some((one) => given.endsWith(`.${one.replace(/^\./, "")}`));
  return known ? given : `${given}.${extension}`;
}

/**
 * A Piston request as a run of ours. The first utf8 file is the one that is started; input gets a trailing newline.
 * Throws `invalid_request` and `limit_too_high` in Piston's words.
 */
export function toRunRequest(body: PistonExecuteRequest, language: Language, max: Limits): RunRequestInput {
  const main = body.files.findIndex(isSource);
  if (main === -1)
    throw new ApiError("invalid_request", "files must include at least one utf8 encoded file", { field: "files" });
  const { compile: compileLimits, run: limits } = limitsOf(body, max);
  const only = body.files.length === 1 ? body.files[0] : undefined;
  const files = body.files.map(({ name, content, encoding }, index) => {
    const path = nameOf(name, index, language, index === main);
    if (encoding !== "base64" && encoding !== "hex") return { path, content };
    return { path, content: Buffer.from(content, encoding).toString("base64"), encoding: "base64" as const };
  });
  const stdin = body.stdin ?? "";
  return {
    language: language.name,
    // A lone file without a name gets the name that the language likes best.
    ...(only !== undefined && !only.name ? { code: only.content } : { files, entry: files[main]?.path }),
    args: body.args ?? [],
    stdin: stdin.endsWith("\n") ? stdin : `${stdin}\n`,
    env: { PISTON_LANGUAGE: language.name },
    limits,
    compileLimits,
  };
}
