/**
 * Submits a program with the typed client and shows its output while it runs.
 *   CRUCIBLE_URL=http://127.0.0.1:4180 CRUCIBLE_API_KEY=$(cat .crucible/api-key) node examples/client.ts
 */
import { ClientError, createClient } from "@crucible/contract";

const { CRUCIBLE_URL: baseUrl = "http://127.0.0.1:4180", CRUCIBLE_API_KEY: apiKey } = process.env;
const client = createClient({ baseUrl, apiKey });

const program = `
import sys, time
for line in sys.stdin:
    print(line.strip().upper(), flush=True)
    time.sleep(0.1)
sys.exit(7)
`;

try {
  const run = await client.createRun({
    language: "python",
    files: [{ path: "main.py", content: program }],
    stdin: "one\ntwo\nthree\n",
    limits: { wallTimeMs: 5000, memoryBytes: 128 * 1024 * 1024 },
    labels: { example: "client" },
  });
  console.log(`${run.id} is ${run.status}`);

  for await (const { event } of client.runEvents(run.id)) {
    // Output is bytes: a chunk may end inside a character, so a real program would use a TextDecoder that streams.
    if (event.type === "run.output") process.stdout.write(Buffer.from(event.data, "base64"));
    else console.log(`[${event.type}]`);
  }

  const { outcome } = await client.getRun(run.id);
  console.log(`${outcome?.status} with ${outcome?.exitCode} in a ${outcome?.isolation} sandbox (${outcome?.engine})`);
} catch (error) {
  if (!(error instanceof ClientError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
