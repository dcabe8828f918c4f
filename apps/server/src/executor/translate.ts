import type { Artifacts, Outcome, RunRequest, StepResult } from "@crucible/contract";
import { findLanguage, LANGUAGES } from "@crucible/sandbox";
import type {
  ArtifactLimits,
  Artifacts as EngineArtifacts,
  Limits,
  RunOutcome,
  RunSpec,
  SourceFile,
  StepResult as EngineStep,
} from "@crucible/sandbox";

/** Turns a request, whose language is a canonical name, into what engines take. */
export function toRunSpec(request: RunRequest, defaultFile: string): RunSpec {
  return {
    language: request.language,
    files: sourceFiles(request, defaultFile),
    ...(request.entry === undefined ? {} : { entry: request.entry }),
    args: request.args,
    stdin: Buffer.from(request.stdin, request.stdinEncoding),
    env: request.env,
    ...(request.network === undefined ? {} : { network: request.network }),
    ...(request.artifacts === undefined ? {} : { artifacts: wantedArtifacts(request.artifacts) }),
    limits: definedOnly(request.limits),
    compileLimits: definedOnly(request.compileLimits),
  };
}

/** A program given as one text is a file named by `entry`, by what it declares, or by the language. */
function sourceFiles(request: RunRequest, defaultFile: string): SourceFile[] {
  if (request.files === undefined) {
    const code = request.code ?? "";
    const path = request.entry ?? findLanguage(LANGUAGES, request.language)?.fileFor?.(code) ?? defaultFile;
    return [{ path, content: Buffer.from(code, "utf8") }];
  }
  return request.files.map((file) => ({ path: file.path, content: Buffer.from(file.content, file.encoding) }));
}

/** Without the limits that were not given. */
export function definedOnly(limits: RunRequest["limits"]): Partial<Limits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

/** What an engine found, as JSON can carry it. */
export function toOutcome(outcome: RunOutcome): Outcome {
  return {
    ...toStep(outcome),
    engine: outcome.engine,
    isolation: outcome.isolation,
    languageVersion: outcome.languageVersion,
    reason: outcome.reason,
    setupMs: outcome.setupMs,
    limits: outcome.limits,
    compile: outcome.compile === null ? null : toStep(outcome.compile),
    violations: [...outcome.violations],
    behaviourScore: outcome.behaviourScore,
    ...(outcome.network === undefined
      ? {}
      : { network: { ...outcome.network, requests: [...outcome.network.requests] } }),
    ...(outcome.artifacts === undefined ? {} : { artifacts: toArtifacts(outcome.artifacts) }),
  };
}

function wantedArtifacts(wanted: NonNullable<RunRequest["artifacts"]>): boolean | Partial<ArtifactLimits> {
  if (typeof wanted === "boolean") return wanted;
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
}

function toArtifacts({ files, leftOut, incomplete }: EngineArtifacts): Artifacts {
  return {
    files: files.map(({ path, content, sha256 }) => {
      const { text, encoding } = toText(content);
      return { path, sizeBytes: content.length, sha256, content: text, encoding };
    }),
    leftOut: [...leftOut],
    incomplete,
  };
}

function toStep(step: EngineStep): StepResult {
  const stdout = toText(step.stdout);
  const stderr = toText(step.stderr);
  return {
    status: step.status,
    exitCode: step.exitCode,
    signal: step.signal,
    stdout: stdout.text,
    stdoutEncoding: stdout.encoding,
    stdoutTruncated: step.stdoutTruncated,
    stderr: stderr.text,
    stderrEncoding: stderr.encoding,
    stderrTruncated: step.stderrTruncated,
    wallMs: step.wallMs,
    cpuMs: step.cpuMs,
    peakMemoryBytes: step.peakMemoryBytes,
    limitsHit: [...step.limitsHit],
  };
}

/** UTF-8 as text, byte order mark included; anything else as Base64. */
function toText(bytes: Uint8Array): { text: string; encoding: "utf8" | "base64" } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), encoding: "utf8" };
  } catch {
    return {
      text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64"),
      encoding: "base64",
    };
  }
}
