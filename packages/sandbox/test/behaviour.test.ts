import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { BEHAVIOUR_RULES } from "../src/behaviour/rules.ts";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createRuncEngine } from "../src/oci/engine.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import { bash, python } from "../src/testing/programs.ts";
import type { Engine, RunSpec } from "../src/types.ts";
import { createWasmEngine } from "../src/wasm/engine.ts";
import { WASM_CACHE } from "./fixtures/wasm-cache.ts";

const options = {
  languages: await detectLanguages(["python", "bash", "c"]),
  bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
  slots: 1,
};
const engines = {
  bubblewrap: createBubblewrapEngine(options),
  "bubblewrap, Python forked": createBubblewrapEngine({ ...options, warm: true }),
  runc: createRuncEngine(options),
  subprocess: createSubprocessEngine({ ...options, allowUnsafe: true }),
};
afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.close())));

const READ = "import os; print(len(open(os.path.expanduser('~/.aws/credentials')).read()))";
const ENCODE =
  "import base64, os; print(base64.b64encode(open(os.path.expanduser('~/.aws/credentials'), 'rb').read()).decode())";
const SEND = `
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    try: socket.socket(family).connect((address, 80))
    except OSError: pass
`;
const needsRoot = "without root the file is the program's own user's, and does not tell";
const isRoot = process.getuid?.() === 0;

/** The kinds that were seen; the score must be that of the table. */
async function kindsOf(engine: Engine, spec: RunSpec): Promise<string[]> {
  const { violations, behaviourScore } = await engine.run(spec);
  const rules: Readonly<Record<string, { weight: number }>> = BEHAVIOUR_RULES;
  const weights = [...new Set(violations.map(({ kind }) => kind))].map((kind) => rules[kind]?.weight ?? Number.NaN);
  expect(behaviourScore).toBe(
    Math.min(
      100,
      weights.reduce((sum, weight) => sum + weight, 0),
    ),
  );
  return violations.map(({ kind }) => kind);
}

it("finds the decoy secret in output on wasm, which has it in the variable alone", { timeout: 60_000 }, async () => {
  await using wasm = createWasmEngine({ bounds: options.bounds, slots: 1, cacheDir: WASM_CACHE });
  const source = Buffer.from("console.log(btoa(process.env.AWS_SECRET_ACCESS_KEY))");
  const spec = { language: "javascript", files: [{ path: "main.js", content: source }] };
  expect(await kindsOf(wasm, spec)).toEqual(["canary_in_output"]);
});

describe.each(Object.entries(engines))("%s", (name, engine) => {
  beforeEach(async (context) => {
    const { available, reason } = await engine.probe();
    if (!available && process.env["CI"] !== "true") context.skip(`${name} is not available: ${reason}`);
  });

  it("sees nothing in programs that do nothing of the kind", async () => {
    for (const spec of [
      python("print('hello')"),
      python("import sys; sys.exit(3)"),
      bash("echo a; true & wait; ls -a ~ ~/.aws >&2; wc -l < /etc/passwd"),
      python("import subprocess; subprocess.run(['ls', '/'], check=True)"),
    ]) {
      expect(await kindsOf(engine, spec)).toEqual([]);
    }
  });

  it("finds the decoy secret in output, from the variable and from the file", async () => {
    expect(await kindsOf(engine, bash("echo $AWS_SECRET_ACCESS_KEY | rev >&2"))).toEqual(["canary_in_output"]);
    expect(await kindsOf(engine, python(ENCODE))).toContain("canary_in_output");
  });

  it("gives every run a secret of its own", async () => {
    const print = bash("echo $AWS_SECRET_ACCESS_KEY");
    const [first, second] = [await engine.run(print), await engine.run(print)];
    expect(Buffer.from(first.stdout).toString()).toMatch(/^[0-9a-f]{40}\n$/);
    expect(first.stdout).not.toEqual(second.stdout);
  });

  it("lets the request set the variable for itself", async () => {
    const outcome = await engine.run(bash("echo $AWS_SECRET_ACCESS_KEY", { env: { AWS_SECRET_ACCESS_KEY: "mine" } }));
    expect(Buffer.from(outcome.stdout).toString()).toBe("mine\n");
    expect(outcome.violations).toEqual([]);
  });

  it("says which limits were reached", async () => {
    expect(await kindsOf(engine, bash("sleep 9", { limits: { wallTimeMs: 100 } }))).toEqual(["time_exhausted"]);
    expect(await kindsOf(engine, bash("yes", { limits: { stdoutBytes: 100 } }))).toEqual(["output_exhausted"]);
  });

  if (name === "subprocess") return;

  it("sees who reads the decoy file, and not who only looks at it", async (context) => {
    if (!isRoot) return context.skip(needsRoot);
    expect(await kindsOf(engine, python(READ))).toEqual(["canary_read"]);
    expect(await kindsOf(engine, bash("cp ~/.aws/credentials /tmp/x"))).toEqual(["canary_read"]);
    expect(await kindsOf(engine, bash("stat -L ~/.aws/credentials; ls -l /run/secrets"))).toEqual([]);
    // What one run did is not held against the next.
    expect(await kindsOf(engine, python("print('hello')"))).toEqual([]);
  });

  it("does not let a program change the decoy file, or hide that it read it", async (context) => {
    if (!isRoot) return context.skip(needsRoot);
    const attack = bash(`
      cat ~/.aws/credentials >/dev/null
      for place in ~/.aws/credentials /run/secrets/aws-credentials; do
        touch -a -d @0 $place; chmod 777 $place; echo x >> $place; mv $place /tmp/moved
      done 2>/dev/null
      exit 0
    `);
    expect(await kindsOf(engine, attack)).toEqual(["canary_read"]);
    const outcome = await engine.run(bash("cat ~/.aws/credentials"));
    expect(Buffer.from(outcome.stdout).toString()).toMatch(
      /^\[default\]\naws_access_key_id = AKIA\w+\naws_secret_access_key = \w{40}\n$/,
    );
  });

  it("sees processes that went on after the program had ended", async () => {
    expect(await kindsOf(engine, bash("sleep 9 & echo started"))).toEqual(["processes_left"]);
    expect(await kindsOf(engine, bash("sleep 9 & exit 4"))).toEqual(["processes_left"]);
    const orphan = python("import os, time\nif os.fork() == 0: time.sleep(9)");
    expect(await kindsOf(engine, orphan)).toEqual(["processes_left"]);
  });

  it("sees a flood of processes", async (context) => {
    const { belts } = await engine.probe();
    if (belts.find((belt) => belt.name === "cgroup-pids")?.on !== true) return context.skip("no pids control group");
    const flood = bash("for n in $(seq 60); do sleep 0.5 & done 2>/dev/null; wait", {
      limits: { pids: 16, wallTimeMs: 5_000 },
    });
    expect(await kindsOf(engine, flood)).toContain("process_flood");
  });

  it("sees attempts to reach a network", async () => {
    const quiet = python("import socket; socket.socket().connect_ex(('127.0.0.1', 9))");
    expect(await kindsOf(engine, quiet)).toEqual([]);
    expect(await kindsOf(engine, python(SEND))).toEqual(["denied_network_request"]);
    // What one run has tried is not said of the next.
    expect(await kindsOf(engine, quiet)).toEqual([]);
  });
});
