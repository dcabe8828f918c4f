import type { Artifacts, Outcome, RunRequest, StepResult } from "@crucible/contract";
import { findLanguage, LANGUAGES } from "@crucible/sandbox";
import type { Artifacts as SandboxArtifacts, RunOutcome, RunSpec, StepResult as SandboxStep } from "@crucible/sandbox";
import { decodeText, encodeBytes } from "../encode.ts";

/** A run request as the sandbox takes it. A program given as one text is called as on a server. */
export function toSpec(request: RunRequest, defaultFile: string): RunSpec {
  const files =
    request.files?.map(({ path, content, encoding }) => ({ path, content: decodeText(content, encoding) })) ??
    (request.code === undefined
      ? []
      : [{ path: nameOf(request, request.code, defaultFile), content: Buffer.from(request.code) }]);
  return {
    language: request.language,
    files,
    ...(request.entry === undefined ? {} : { entry: request.entry }),
    args: request.args,
    stdin: decodeText(request.stdin, request.stdinEncoding),
    env: request.env,
    ...(request.network === undefined ? {} : { network: request.network }),
    ...(request.artifacts === undefined ? {} : { artifacts: wantedArtifacts(request.artifacts) }),
    limits: defined(request.limits),
    compileLimits: defined(request.compileLimits),
  };
}

const nameOf = ({ entry, language }: RunRequest, code: string, defaultFile: string): string =>
  entry ?? findLanguage(LANGUAGES, language)?.fileFor?.(code) ?? defaultFile;

/** Without the keys that hold `undefined`, which the sandbox's types tell from missing ones. */
function defined<T extends object>(limits: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]: Exclude<T[Name], undefined>;
  };
}

function toWireStep(step: SandboxStep): StepResult {
  const stdout = encodeBytes(step.stdout);
  const stderr = encodeBytes(step.stderr);
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

const wantedArtifacts = (wanted: NonNullable<RunRequest["artifacts"]>): NonNullable<RunSpec["artifacts"]> =>
  typeof wanted === "boolean" ? wanted : defined(wanted);

function toWireArtifacts({ files, leftOut, incomplete }: SandboxArtifacts): Artifacts {
  return {
    files: files.map(({ path, content, sha256 }) => {
      const { text, encoding } = encodeBytes(content);
      return { path, sizeBytes: content.length, sha256, content: text, encoding };
    }),
    leftOut: [...leftOut],
    incomplete,
  };
}

/** An outcome of the sandbox as the API shows it, so that `--json` is the same with and without a server. */
export function toOutcome(outcome: RunOutcome): Outcome {
  return {
    ...toWireStep(outcome),
    engine: outcome.engine,
    isolation: outcome.isolation,
    languageVersion: outcome.languageVersion,
    reason: outcome.reason,
    setupMs: outcome.setupMs,
    limits: { ...outcome.limits },
    compile: outcome.compile === null ? null : toWireStep(outcome.compile),
    violations: outcome.violations.map((violation) => ({ ...violation })),
    behaviourScore: outcome.behaviourScore,
    ...(outcome.network === undefined
      ? {}
      : { network: { ...outcome.network, requests: [...outcome.network.requests] } }),
    ...(outcome.artifacts === undefined ? {} : { artifacts: toWireArtifacts(outcome.artifacts) }),
  };
}
