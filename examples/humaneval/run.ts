/**
 * `node examples/humaneval/run.ts HumanEval.jsonl.gz [--url URL] [--concurrency N] [--seconds N] [--json]`: see README.md here.
 */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { createClient } from "@crucible/contract";
import { startCrucible } from "../start-crucible.ts";
import { evaluate } from "./evaluate.ts";
import type { Verdict } from "./evaluate.ts";
import { createBar } from "./progress-bar.ts";
import { readTasks } from "./tasks.ts";

const USAGE =
  "usage: node examples/humaneval/run.ts FILE [--url URL] [--key-file PATH] [--concurrency N] [--seconds N] [--json]";

/** The server to use: the one named, with its key, or one of its own. */
async function openServer(url: string | undefined, keyFile: string | undefined) {
  if (url === undefined) return await startCrucible();
  const apiKey = keyFile === undefined ? process.env["CRUCIBLE_API_KEY"] : (await readFile(keyFile, "utf8")).trim();
  if (apiKey === undefined) throw new Error("a server named with --url needs CRUCIBLE_API_KEY or --key-file");
  return { url, apiKey, async [Symbol.asyncDispose]() {} };
}

/** 0 when every reference passed and nothing broken did, 1 when not. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: "string" },
      "key-file": { type: "string" },
      concurrency: { type: "string" },
      seconds: { type: "string", default: "30" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [file] = positionals;
  if (values.help || file === undefined || positionals.length > 1) {
    console.error(USAGE);
    return values.help ? 0 : 2;
  }
  const concurrency = Number(values.concurrency ?? availableParallelism());
  if (!Number.isInteger(concurrency) || concurrency < 1) throw new Error("--concurrency must be a whole number from 1");
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error("--seconds must be a whole number from 1");
  const tasks = await readTasks(file);
  await using server = await openServer(values.url, values["key-file"]);
  const client = createClient({ baseUrl: server.url, apiKey: server.apiKey });
  const bar = createBar(process.stderr, tasks.length * 2);
  const started = performance.now();
  // Ctrl-C ends the evaluation by the same way as its end does, so that its own server and data go too.
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  const { signal } = stop;
  const verdicts = await evaluate({ client, tasks, concurrency, seconds, signal, onVerdict: () => bar.step() });
  bar.end();
  return report(verdicts, performance.now() - started, values.json);
}

function report(verdicts: readonly Verdict[], wallMs: number, json: boolean): number {
  const of = (variant: Verdict["variant"]) => verdicts.filter((verdict) => verdict.variant === variant);
  const wrong = verdicts.filter((verdict) => verdict.passed !== (verdict.variant === "reference"));
  const summary = {
    tasks: of("reference").length,
    referencePassed: of("reference").filter((verdict) => verdict.passed).length,
    brokenPassed: of("broken").filter((verdict) => verdict.passed).length,
    wallMs: Math.round(wallMs),
    runsPerSecond: Math.round((verdicts.length * 10_000) / wallMs) / 10,
  };
  if (json) console.log(JSON.stringify({ ...summary, wrong }));
  else {
    console.log(`reference solutions  ${summary.referencePassed} of ${summary.tasks} passed`);
    console.log(`broken variants      ${summary.brokenPassed} of ${of("broken").length} passed`);
    console.log(`${verdicts.length} runs in ${(wallMs / 1000).toFixed(1)} s, ${summary.runsPerSecond}/s`);
    for (const { task, variant, status, runId, stderr } of wrong) {
      console.log(`WRONG ${task} ${variant}: ${status} (${runId})\n${stderr}`);
    }
  }
  return wrong.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException;
  console.error(message);
  if (code?.startsWith("ERR_PARSE_ARGS") === true) console.error(USAGE);
  process.exitCode = message === "interrupted" ? 130 : 2;
}
