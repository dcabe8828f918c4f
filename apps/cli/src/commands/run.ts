import { resolve } from "node:path";
import type { Outcome, RunRequestInput } from "@crucible/contract";
import type { Backend } from "../backend/types.ts";
import { encodeBytes } from "../encode.ts";
import type { Io } from "../io.ts";
import { interruptible, readStdin, write } from "../io.ts";
import { CliProblem } from "../problem.ts";
import { artifactNotes, artifactsOf, checkOutDirectory, writeArtifacts } from "../run/artifacts.ts";
import { behaviourNotes } from "../run/behaviour-notes.ts";
import { exitCodeOf } from "../run/exit-code.ts";
import { parseEnv, parseIsolation } from "../run/options.ts";
import { chooseLanguage, readSources } from "../run/sources.ts";
import { parseLimits } from "../units.ts";

/** The options of `crucible run`, as commander gives them. */
export interface RunOptions {
  readonly language?: string;
  readonly json?: boolean;
  readonly limit: readonly string[];
  readonly compileLimit: readonly string[];
  readonly env: readonly string[];
  readonly file: readonly string[];
  /** False: the program gets no input. It reads all of it first, so one that stays open would hold it up. */
  readonly stdin?: boolean;
  readonly allowHost: readonly string[];
  /** Where the files that the program leaves in `out` go. */
  readonly out?: string;
  readonly engine?: string;
  readonly atLeast?: string;
}

/** What the shell of a program cut off by a closed pipe would say: 128 + SIGPIPE. */
const PIPE_CLOSED = 141;

/**
 * Runs one program and gives the exit code that stands for how it ended.
 * Output is passed on byte for byte as it comes; what a compiler says goes to standard error.
 */
export async function runCommand(
  io: Io,
  backend: Backend,
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<number> {
  const out = options.out === undefined ? null : resolve(io.cwd, options.out);
  if (out !== null) await checkOutDirectory(out);
  const request = await buildRequest(io, backend, file, args, options);
  using interrupt = interruptible(io);
  const gone = new AbortController();
  const onPipeError = (error: NodeJS.ErrnoException): void => {
    gone.abort(error);
  };
  io.stdout.on("error", onPipeError);
  try {
    const { runId, outcome } = await backend.run(request, {
      signal: AbortSignal.any([interrupt.signal, gone.signal]),
      onOutput: ({ step, stream, bytes }) => {
        if (options.json === true) return;
        (step === "run" && stream === "stdout" ? io.stdout : io.stderr).write(bytes);
      },
    });
    if (options.json === true) await write(io.stdout, `${JSON.stringify({ id: runId, ...outcome })}\n`);
    // An empty write after the last byte returns when the kernel has taken all of it.
    else await Promise.all([flush(io.stdout), flush(io.stderr)]);
    if (out !== null) await writeArtifacts(out, artifactsOf(outcome));
    if (gone.signal.aborted) return PIPE_CLOSED;
    if (options.json !== true) {
      const notes = [...notesOn(outcome), ...(out === null ? [] : artifactNotes(artifactsOf(outcome)))];
      for (const note of notes) await write(io.stderr, `crucible: ${note}\n`);
    }
    return exitCodeOf(outcome);
  } finally {
    io.stdout.off("error", onPipeError);
  }
}

async function flush(stream: Io["stdout"]): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    stream.write("", () => {
      resolve();
    });
  });
}

async function buildRequest(
  io: Io,
  backend: Backend,
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunRequestInput> {
  const isolation = parseIsolation(options.engine, options.atLeast);
  const common = {
    args: [...args],
    env: parseEnv(options.env),
    limits: parseLimits(options.limit),
    compileLimits: parseLimits(options.compileLimit),
    ...(isolation === undefined ? {} : { isolation }),
    ...(options.allowHost.length === 0 ? {} : { network: { allow: [...options.allowHost] } }),
    ...(options.out === undefined ? {} : { artifacts: true }),
  };
  if (file === "-") {
    if (options.language === undefined) {
      throw new CliProblem("a program from standard input has no extension", "name its language with --language");
    }
    if (options.file.length > 0) {
      throw new CliProblem("--file cannot go with a program from standard input", "save the program as a file");
    }
    const program = (await readStdin(io)).toString("utf8");
    if (program === "") throw new CliProblem("there was no program on standard input", "pipe one in, or name a file");
    return { ...common, language: chooseLanguage(file, options.language, await backend.languages()), code: program };
  }
  const files = await readSources(file, options.file, io.cwd);
  const language = chooseLanguage(file, options.language, await backend.languages());
  const { text, encoding } = encodeBytes(options.stdin === false ? Buffer.alloc(0) : await readStdin(io));
  return { ...common, language, files, stdin: text, stdinEncoding: encoding };
}

/** What the exit code alone does not say; nothing for programs that simply ended. */
function notesOn(outcome: Outcome): string[] {
  const { status, reason } = outcome;
  const what = status.replaceAll("_", " ");
  return [
    ...(status === "exited" || status === "signaled"
      ? []
      : [reason === null || reason === "" ? what : `${what}: ${reason}`]),
    ...behaviourNotes(outcome),
  ];
}
