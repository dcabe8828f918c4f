import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS } from "@crucible/sandbox";

/** One way to run the program; `run` does it once and throws when the output is wrong. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** One at a time, runs come this long after each other; waiting is not counted. Default: none. */
  readonly pauseMs?: number;
  /** Runs before anything is measured, where it takes its own number of them. */
  readonly warmUpRuns?: number;
  run(): Promise<void>;
}

/** The program that all of them run. */
export const CODE = 'print("hello")';
const EXPECTED = "hello\n";

/** @throws Error when this is not what the program prints. */
export function check(name: string, output: string): void {
  if (output !== EXPECTED) throw new Error(`${name} printed ${JSON.stringify(output)}`);
}

/** The baseline: no isolation, no limit, no file; what `subprocess.run` would cost. */
export function bare(python: string): Contender {
  return {
    name: "bare python3 -c",
    run: () =>
      new Promise((resolve, reject) => {
        const child = spawn(python, ["-c", CODE], { stdio: ["ignore", "pipe", "inherit"] });
        let output = "";
        child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
        child.once("error", reject);
        child.once("close", () => {
          try {
            check("bare", output);
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The engine's own API, in this process. @param warm forks Python runs from a started interpreter. */
export async function bubblewrap(slots: number, warm: boolean): Promise<Contender & { readonly python: string }> {
  const languages = await detectLanguages(["python"]);
  const python = languages[0]?.toolPaths["python"];
  if (python === undefined) throw new Error("python3 is not installed: apt-get install python3");
  const engine = createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots, warm });
  const report = await engine.probe();
  if (!report.available) throw new Error(`${report.reason}; ${report.fix}`);
  const files = [{ path: "main.py", content: new TextEncoder().encode(CODE) }];
  return {
    name: warm ? "bubblewrap, forked" : "bubblewrap, afresh",
    python,
    run: async () => {
      const outcome = await engine.run({ language: "python", files });
      if (outcome.status !== "exited") throw new Error(`engine: ${outcome.status} ${outcome.reason}`);
      check("engine", new TextDecoder().decode(outcome.stdout));
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
}

/** Everything: HTTP, validation, database, queue, worker, engine, database, HTTP. */
export function overHttp(name: string, url: string, key: string): Contender {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const body = JSON.stringify({ language: "python", code: CODE });
  const headers = {
    authorization: `Bearer ${key}`,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return {
    name,
    run: () =>
      new Promise((resolve, reject) => {
        const call = request(`${url}/api/v1/runs?wait=true`, { method: "POST", agent, headers }, (reply) => {
          let text = "";
          reply.on("data", (chunk: Buffer) => (text += chunk.toString()));
          reply.on("end", () => {
            try {
              const { outcome } = JSON.parse(text) as { outcome: { stdout: string } | null };
              check(`${name} (${reply.statusCode})`, outcome?.stdout ?? text);
              resolve();
            } catch (error) {
              reject(error);
            }
          });
        });
        call.once("error", reject);
        call.end(body);
      }),
    [Symbol.asyncDispose]: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
}
