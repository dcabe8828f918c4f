import type { ExecResult } from "@crucible/contract";
import { SessionError } from "@crucible/sandbox";
import { openLocalSession } from "../../backend/local-session.ts";
import { decodeText, encodeBytes } from "../../encode.ts";
import type { Io } from "../../io.ts";
import { interruptible, readStdin, write } from "../../io.ts";
import { CliProblem, RefusedProblem } from "../../problem.ts";
import { behaviourNotes } from "../../run/behaviour-notes.ts";
import { exitCodeOf } from "../../run/exit-code.ts";
import { isolationOf, specOf } from "./options.ts";
import { onServer } from "./remote.ts";
import type { SandboxOptions } from "./options.ts";

/** The options of `crucible exec`. */
export interface ExecOptions extends SandboxOptions {
  readonly sandbox?: string;
  readonly url?: string;
  readonly keyFile?: string;
  readonly cwd?: string;
  readonly timeout?: number;
  readonly json?: boolean;
  readonly stdin?: boolean;
}

/** What the result says beside its exit code. */
async function finish(io: Io, result: ExecResult, json: boolean): Promise<number> {
  if (json) await write(io.stdout, `${JSON.stringify(result)}\n`);
  else {
    const ended = result.status === "exited" || result.status === "signaled";
    const notes = [...(ended ? [] : [result.status.replaceAll("_", " ")]), ...behaviourNotes(result)];
    for (const note of notes) await write(io.stderr, `crucible: ${note}\n`);
  }
  return exitCodeOf({ ...result, compile: null });
}

/** Runs one program in a sandbox: an open one of a server (`--sandbox`), or one of its own on this machine. */
export async function execCommand(io: Io, argv: readonly string[], options: ExecOptions): Promise<number> {
  const stdin = options.stdin === false ? Buffer.alloc(0) : await readStdin(io);
  using interrupt = interruptible(io);
  const json = options.json === true;
  const id = options.sandbox;
  if (id !== undefined) {
    if (options.limit.length + options.allowHost.length > 0 || isolationOf(options) !== undefined)
      throw new CliProblem("an open sandbox has its limits, network and engine already", "leave these options out");
    const { text, encoding } = encodeBytes(stdin);
    const request = {
      argv: [...argv],
      stdin: text,
      stdinEncoding: encoding,
      env: specOf(options).env ?? {},
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    };
    const { signal } = interrupt;
    const result = await onServer(io, options, (client) => client.execInSandbox(id, request, { signal }));
    if (!json) {
      await write(io.stdout, decodeText(result.stdout, result.stdoutEncoding));
      await write(io.stderr, decodeText(result.stderr, result.stderrEncoding));
    }
    return await finish(io, result, json);
  }
  await using opened = await openLocalSession(io.env, specOf(options), isolationOf(options));
  try {
    const result = await opened.session.exec(
      {
        argv,
        stdin,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
      },
      {
        signal: interrupt.signal,
        onOutput: (stream, bytes) => void (json || io[stream].write(bytes)),
      },
    );
    const [stdout, stderr] = [encodeBytes(result.stdout), encodeBytes(result.stderr)];
    const wire: ExecResult = {
      ...result,
      stdout: stdout.text,
      stdoutEncoding: stdout.encoding,
      stderr: stderr.text,
      stderrEncoding: stderr.encoding,
      violations: [...result.violations],
    };
    return await finish(io, wire, json);
  } catch (error) {
    throw error instanceof SessionError
      ? new RefusedProblem(error.message, "see crucible exec --help", { cause: error })
      : error;
  }
}
