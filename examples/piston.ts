/**
 * Talks to Crucible as to a Piston server: only the address is another, and there is a key.
 *   CRUCIBLE_URL=http://127.0.0.1:4180 CRUCIBLE_API_KEY=$(cat .crucible/api-key) node examples/piston.ts
 */
const { CRUCIBLE_URL: url = "http://127.0.0.1:4180", CRUCIBLE_API_KEY: key = "" } = process.env;
const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };

const runtimes = (await (await fetch(`${url}/api/v2/piston/runtimes`, { headers })).json()) as {
  readonly language: string;
  readonly version: string;
}[];
console.log(runtimes.map(({ language, version }) => `${language} ${version}`).join(", "));

const reply = await fetch(`${url}/api/v2/piston/execute`, {
  method: "POST",
  headers,
  body: JSON.stringify({
    language: "js",
    version: "*",
    files: [
      { name: "main.js", content: "process.stdin.on('data', (text) => console.log('got', String(text).trim()));" },
    ],
    stdin: "a line",
    args: [],
    run_timeout: 3000,
  }),
});
const { run, message } = (await reply.json()) as { run?: { stdout: string; code: number }; message?: string };
if (run === undefined) throw new Error(message);
console.log(run.stdout.trim(), `(exit code ${run.code})`);
