import {
  ApiError,
  IsolationLevel,
  type EngineInfo,
  type Language,
  type Limits,
  type RunRequest,
} from "@crucible/contract";
import { checkPaths } from "./paths.ts";

/** A request that can run here: `language` is the canonical name, the engine is settled. */
export interface CheckedRequest {
  readonly request: RunRequest;
  readonly engine: EngineInfo;
}

/** What the executors here offer. */
export interface Offer {
  readonly languages: readonly Language[];
  readonly engines: readonly EngineInfo[];
  readonly maxLimits: Limits;
  readonly minLimits: Limits;
  readonly networkAllow?: readonly string[];
}

/** Why a run may not reach what it asks for; null where it may. Given by whoever knows how lists are read. */
export type RefuseNetwork = (wanted: readonly string[], allowed: readonly string[]) => ApiError | null;

/** What submission measures a request against. */
export interface Rules {
  readonly catalog: Offer;
  /** Names and aliases that Crucible supports at all, installed or not. */
  readonly knownLanguages: ReadonlySet<string>;
  readonly refuseNetwork: RefuseNetwork;
}

/** One argument or variable that Linux takes, bytes (MAX_ARG_STRLEN with its NUL), and all of them together. */
const ONE_ARGUMENT_BYTES = 131_071;
const ALL_ARGUMENTS_BYTES = 1024 * 1024;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * Checks what the schema cannot: against what this server has and allows.
 * @throws ApiError with the field and what would be right; `prefix` (`runs[3].`) goes before the field.
 */
export function checkRequest(request: RunRequest, rules: Rules, prefix = ""): CheckedRequest {
  try {
    const language = findLanguage(request.language, rules);
    checkPaths(request);
    checkTexts(request);
    checkLimits(request.limits, "limits", rules);
    checkLimits(request.compileLimits, "compileLimits", rules);
    const engine = chooseEngine(request, rules.catalog.engines);
    checkNetwork(request, engine, rules);
    checkArtifacts(request, engine, rules);
    return { request: { ...request, language }, engine };
  } catch (error) {
    if (prefix === "" || !(error instanceof ApiError)) throw error;
    const { field, message } = error;
    throw new ApiError(error.code, `${prefix}${message}`, field === undefined ? {} : { field: prefix + field });
  }
}

/** The language's own name. @throws ApiError for one that is not here. */
export function findLanguage(
  wanted: string,
  { catalog, knownLanguages }: Pick<Rules, "catalog" | "knownLanguages">,
): string {
  const name = wanted.toLowerCase();
  const found = catalog.languages.find((language) => language.name === name || language.aliases.includes(name));
  if (found !== undefined) return found.name;
  const installed = catalog.languages.map((language) => language.name).join(", ");
  if (knownLanguages.has(name)) {
    throw new ApiError(
      "language_not_installed",
      `language "${wanted}" is not installed on this host; installed: ${installed}`,
      { field: "language" },
    );
  }
  throw new ApiError("unknown_language", `language must be one of: ${installed}`, { field: "language" });
}

/** Everything that becomes bytes must have bytes: lone surrogates have none in UTF-8, and Base64 must be Base64. */
function checkTexts(request: RunRequest): void {
  if (request.code !== undefined) checkUnicode(request.code, "code");
  for (const [index, file] of (request.files ?? []).entries()) {
    checkContent(file.content, file.encoding, `files[${index}].content`, `files[${index}].encoding`);
  }
  checkContent(request.stdin, request.stdinEncoding, "stdin", "stdinEncoding");
  for (const [name, value] of Object.entries(request.labels)) {
    if (name.includes("\0") || value.includes("\0")) throw invalid(`labels.${name}`, "labels must not hold NUL");
    checkUnicode(name, "labels");
    checkUnicode(value, `labels.${name}`);
  }
  const words = [
    ...request.args.map((word, index) => [`args[${index}]`, word] as const),
    ...Object.entries(request.env).map(([name, value]) => [`env.${name}`, `${name}=${value}`] as const),
  ];
  let total = 0;
  for (const [field, word] of words) {
    checkUnicode(word, field);
    const bytes = Buffer.byteLength(word);
    if (bytes > ONE_ARGUMENT_BYTES) throw invalid(field, `${field} must be at most ${ONE_ARGUMENT_BYTES} bytes`);
    total += bytes;
  }
  if (total > ALL_ARGUMENTS_BYTES)
    throw invalid("args", `args and env together must be at most ${ALL_ARGUMENTS_BYTES} bytes`);
}

function checkContent(text: string, encoding: "utf8" | "base64", field: string, encodingField: string): void {
  if (encoding === "utf8") checkUnicode(text, field);
  else if (text.length % 4 !== 0 || !BASE64.test(text)) {
    throw invalid(field, `${field} must be Base64 with padding (RFC 4648, section 4), as ${encodingField} says`);
  }
}

function checkUnicode(text: string, field: string): void {
  if (!text.isWellFormed())
    throw invalid(field, `${field} holds half of a surrogate pair, which has no bytes in UTF-8`);
}

function checkLimits(limits: RunRequest["limits"], field: string, { catalog }: Rules): void {
  for (const [name, value] of Object.entries(limits) as [keyof Limits, number | undefined][]) {
    if (value === undefined) continue;
    if (value > catalog.maxLimits[name]) {
      throw new ApiError(
        "limit_too_high",
        `${field}.${name} is ${value}; the maximum here is ${catalog.maxLimits[name]}`,
        { field: `${field}.${name}` },
      );
    }
    if (value < catalog.minLimits[name]) {
      throw invalid(`${field}.${name}`, `${field}.${name} must be at least ${catalog.minLimits[name]}`);
    }
  }
}

function checkNetwork({ network }: RunRequest, engine: EngineInfo, { catalog, refuseNetwork }: Rules): void {
  if (network === undefined || network.allow.length === 0) return;
  const refusal = refuseNetwork(network.allow, catalog.networkAllow ?? []);
  if (refusal !== null) throw refusal;
  if (engine.network === true) return;
  const able = catalog.engines.filter((one) => one.network === true && one.available && one.allowed);
  const names = able.map((one) => one.engine).join(", ");
  throw new ApiError(
    "engine_unavailable",
    `engine ${engine.engine} cannot give a run a network${names === "" ? "" : `; these can: ${names}`}`,
    { field: "network" },
  );
}

function checkArtifacts({ artifacts = false }: RunRequest, engine: EngineInfo, { catalog }: Rules): void {
  if (artifacts === false || engine.artifacts === true) return;
  const able = catalog.engines.filter((one) => one.artifacts === true && one.available && one.allowed);
  const names = able.map((one) => one.engine).join(", ");
  throw new ApiError(
    "engine_unavailable",
    `engine ${engine.engine} cannot give back files of a run${names === "" ? "" : `; these can: ${names}`}`,
    { field: "artifacts" },
  );
}

/**
 * The engine asked for, or the default, or the least strong that is as strong as asked for (stronger is slower): never a
 * weaker one.
 */
export function chooseEngine({ isolation }: Pick<RunRequest, "isolation">, engines: readonly EngineInfo[]): EngineInfo {
  if (isolation !== undefined && "engine" in isolation) {
    const named = engines.find((engine) => engine.engine === isolation.engine);
    if (named === undefined) {
      const names = engines.map((engine) => engine.engine).join(", ");
      throw new ApiError("engine_unavailable", `there is no engine "${isolation.engine}" here; there is: ${names}`, {
        field: "isolation.engine",
      });
    }
    if (named.available && named.allowed) return named;
    throw new ApiError("engine_unavailable", `engine ${why(named)}`, { field: "isolation.engine" });
  }
  const usable = engines.filter((engine) => engine.available && engine.allowed);
  const standard = usable.find((engine) => engine.isDefault);
  if (isolation === undefined) {
    if (standard !== undefined) return standard;
    throw new ApiError(
      "engine_unavailable",
      `no engine can be used here: ${engines.map(why).join("; ") || "none is known"}`,
    );
  }
  const enough = (engine: EngineInfo): boolean => strength(engine.isolation) >= strength(isolation.atLeast);
  if (standard !== undefined && enough(standard)) return standard;
  const chosen = usable.filter(enough).toSorted((a, b) => strength(a.isolation) - strength(b.isolation))[0];
  if (chosen !== undefined) return chosen;
  const missing = engines.filter(enough).map(why).join("; ");
  throw new ApiError(
    "isolation_unavailable",
    `no engine here isolates as ${isolation.atLeast} or stronger${missing === "" ? "" : `: ${missing}`}`,
    { field: "isolation.atLeast" },
  );
}

function why(engine: EngineInfo): string {
  return `${engine.engine} cannot be used (${engine.reason ?? "no reason given"})${engine.fix === null ? "" : `; to change it: ${engine.fix}`}`;
}

function strength(level: IsolationLevel): number {
  return IsolationLevel.options.indexOf(level);
}

function invalid(field: string, message: string): ApiError {
  return new ApiError("invalid_request", message, { field });
}
