import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { checkYaml } from "@crucible/guard";
import { DEFAULT_GATEWAY, GatewayFile } from "./schema.ts";
import type { GatewayConfig, StubSettings, UpstreamSettings } from "./types.ts";

const DEFAULT_STUB: StubSettings = { latencyMs: 0, answers: [], replayFile: null };

/** The gateway without a file: the stub model alone. */
export const STUB_ONLY: GatewayConfig = {
  upstreams: [],
  defaultUpstream: null,
  stub: DEFAULT_STUB,
  ...DEFAULT_GATEWAY,
};

/** A gateway's file that cannot be used; a line for each problem, as `file:line:column: path: message`. */
export class GatewayConfigError extends Error {
  readonly code = "invalid_gateway_config";
  readonly lines: readonly string[];
  constructor(lines: readonly string[], cause?: unknown) {
    super(lines.join("\n"), { cause });
    this.name = "GatewayConfigError";
    this.lines = lines;
  }
}

/** Where keys come from: variables of the environment, and files. */
export interface KeySources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: of the file system. */
  readonly readText?: (path: string) => string;
}

/** Reads a gateway's file and the keys that it names; relative paths in it start where it lies. @throws GatewayConfigError */
export function loadGatewayConfig(file: string, { env, readText = readUtf8 }: KeySources): GatewayConfig {
  let text: string;
  try {
    text = readText(file);
  } catch (cause) {
    throw new GatewayConfigError([`${file}: cannot be read: ${(cause as Error).message}`], cause);
  }
  return parseGatewayConfig(text, file, { env, readText });
}

function parseGatewayConfig(text: string, file: string, { env, readText = readUtf8 }: KeySources): GatewayConfig {
  const checked = checkYaml(text, GatewayFile);
  if (checked.problems !== null) {
    const lines = checked.problems.map(({ line, column, path, message }) =>
      [`${file}:${line}:${column}`, path, message].filter((part) => part !== "").join(": "),
    );
    throw new GatewayConfigError(lines, checked.cause);
  }
  const {
    upstreams,
    default: defaultUpstream = null,
    stub,
    onBlock,
    refusal,
    recordAnswers,
    maxTextLength,
  } = checked.value;
  const base = dirname(file);
  const problems: string[] = [];
  const read = upstreams.map((upstream): UpstreamSettings => {
    const { key: source, allowPlainHttp: _, ...rest } = upstream;
    if (source === undefined) return { ...rest, key: null };
    const where = source.env ?? resolve(base, source.file ?? "");
    let key = "";
    try {
      key = (source.env === undefined ? readText(where) : (env[source.env] ?? "")).trim();
    } catch {
      // Said below: a file that cannot be read is a key that is not there.
    }
    // Of printable ASCII without spaces: anything else could end the header that it stands in.
    if (!/^[\x21-\x7e]+$/.test(key)) problems.push(`${file}: the key of upstream ${rest.name} is not in ${where}`);
    return { ...rest, key };
  });
  if (problems.length > 0) throw new GatewayConfigError(problems);
  return { upstreams: read, defaultUpstream, stub: stubOf(stub, base), onBlock, refusal, recordAnswers, maxTextLength };
}

function stubOf(stub: GatewayFile["stub"], base: string): StubSettings | null {
  if (typeof stub === "boolean") return stub ? DEFAULT_STUB : null;
  return { ...stub, replayFile: stub.replayFile === undefined ? null : resolve(base, stub.replayFile) };
}

function readUtf8(path: string): string {
  return readFileSync(path, "utf8");
}
