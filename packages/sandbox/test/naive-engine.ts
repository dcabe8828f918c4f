import { spawn } from "node:child_process";
import { mkdtempSync, openSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/types.ts";

const COMMANDS = new Map<string, (path: string) => string>([
  ["python", (path) => `exec /usr/bin/python3 ${path}`],
  ["bash", (path) => `exec /bin/bash ${path}`],
  ["c", (path) => `gcc ${path} -o ${path}.out && exec ${path}.out`],
]);

/** It knows no other limit, so that a test never waits long for it. */
const LONGEST_MS = 1_000;
/** Past this it reads no more: an orphan that floods would otherwise fill the test's own process. */
const TEST_SURVIVES_CHARACTERS = 64 * 1024 * 1024;

/**
 * What people write first: every mistake that the contract is there to find, in one engine. Never exported
 * from the package.
 *
 * It believes the spec, passes on its own environment, puts arguments through a shell, decodes output as
 * text, kills one process, knows no limit but time and no cancelling, opens a descriptor for each run and keeps it, writes
 * its result into the program's directory, forgets half of the live output, and cleans up nothing.
 */
export function createNaiveEngine(): Engine {
  const run = (spec: RunSpec, options: Parameters<Engine["run"]>[1] = {}): Promise<RunOutcome> => {
    const cwd = mkdtempSync(join(tmpdir(), `crucible-naive-p${process.pid}-`));
    // Names are not checked; only what is left of them is used, so that the host keeps its files.
    const paths = spec.files.map((file) => join(cwd, basename(file.path).replaceAll("\0", "").slice(0, 100)));
    for (const [index, path] of paths.entries()) {
      if (dirname(path) === cwd) writeFileSync(path, spec.files[index]?.content ?? "");
    }
    openSync("/dev/null", "r");
    const limits = { ...DEFAULT_LIMITS, ...spec.limits };
    const command = `${COMMANDS.get(spec.language)?.(paths[0] ?? "") ?? "true"} ${(spec.args ?? []).join(" ").replaceAll("\0", "").slice(0, 50_000)}`;
    const env = Object.fromEntries(
      Object.entries(spec.env ?? {}).filter(([name, value]) => !`${name}${value}`.includes("\0")),
    );
    const child = spawn("/bin/bash", ["-c", command], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.on("data", (chunk: Buffer) => {
        output[stream] += chunk.toString();
        if (output[stream].length > TEST_SURVIVES_CHARACTERS) child[stream]?.destroy();
        if (stream === "stdout") options.onOutput?.({ step: "run", stream, bytes: chunk });
      });
    }
    const startedAt = performance.now();
    let timedOut = false;
    const clock = setTimeout(
      () => {
        timedOut = true;
        child.kill("SIGKILL");
      },
      Math.min(LONGEST_MS, limits.wallTimeMs),
    );
    return new Promise((resolve) => {
      child.once("error", () => undefined);
      child.once("exit", (code, signal) => {
        clearTimeout(clock);
        // The output may still be on its way; this engine does not care.
        writeFileSync(join(cwd, "result.json"), "finished");
        const status = timedOut ? "timed_out" : "exited";
        setTimeout(
          () =>
            resolve({
              status,
              exitCode: status === "exited" ? (code ?? (signal === null ? 1 : 137)) : null,
              signal: null,
              stdout: Buffer.from(output.stdout),
              stderr: Buffer.from(output.stderr),
              stdoutTruncated: false,
              stderrTruncated: false,
              wallMs: performance.now() - startedAt,
              cpuMs: null,
              peakMemoryBytes: null,
              limitsHit: timedOut ? ["wallTimeMs"] : [],
              engine: "naive",
              isolation: "none",
              language: spec.language,
              languageVersion: null,
              reason: null,
              setupMs: 0,
              limits,
              compile: null,
              violations: [],
              behaviourScore: 0,
            }),
          20,
        );
      });
    });
  };
  return {
    name: "naive",
    isolation: "none",
    probe: async () => ({
      engine: "naive",
      isolation: "none",
      available: true,
      version: null,
      reason: null,
      fix: null,
      belts: [],
    }),
    run,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
