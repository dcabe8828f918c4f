/** The service's secrets do not get in. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { type Check, type CheckTarget, checksOf } from "../check.ts";
import { halves, newMarker, startMarked } from "../host/marked-process.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { bash, code, python, runReport, runToEnd, text } from "../programs.ts";
import { basename } from "node:path";
import type { Engine } from "../../types.ts";

/** What a sandbox may set by itself, the decoy secret of the run among them. */
const OWN_VARIABLES =
  /^(AWS_SECRET_ACCESS_KEY|PATH|HOME|LANG|LANGUAGE|LC_\w+|TMPDIR|PWD|OLDPWD|SHLVL|_|USER|LOGNAME|SHELL|TERM|TZ|HOSTNAME|PYTHON\w+|NODE_\w+|GO\w+|CARGO_\w+|RUST\w+|JAVA_\w+|XDG_\w+)$/;

/** Sets a secret in this process's environment, then makes an engine and works with it. */
async function withServiceSecret(
  target: CheckTarget,
  secret: string,
  work: (engine: Engine) => Promise<void>,
): Promise<void> {
  process.env["CRUCIBLE_CONTRACT_SECRET"] = secret;
  try {
    await using engine = await target.create();
    await work(engine);
  } finally {
    delete process.env["CRUCIBLE_CONTRACT_SECRET"];
  }
}

/** Group `secrets`. */
export const secretChecks: readonly Check[] = checksOf("secrets", [
  {
    name: "service-environment",
    title: "gives a program nothing of the service's environment",
    incident: "SandboxFusion without isolation passed on the service's whole environment",
    run: (target) =>
      withServiceSecret(target, newMarker(), async (engine) => {
        const seen = await runReport<Record<string, string>>(
          engine,
          python("import json, os; print(json.dumps(dict(os.environ)))"),
        );
        assert.deepEqual(
          Object.keys(seen).filter((name) => !OWN_VARIABLES.test(name)),
          [],
        );
        const secret = process.env["CRUCIBLE_CONTRACT_SECRET"] ?? "";
        assert.ok(!JSON.stringify(seen).includes(secret));
      }),
  },
  {
    name: "child-environment",
    title: "gives a program's children nothing of the service's environment",
    async run(target) {
      const secret = newMarker();
      await withServiceSecret(target, secret, async (engine) => {
        const outcome = await engine.run(bash("env; sh -c env; env -i sh -c env; tr '\\0' '\\n' < /proc/self/environ"));
        assert.ok(text(outcome.stdout).includes("PATH="), "the program saw no environment at all");
        assert.ok(!text(outcome.stdout).includes(secret));
      });
    },
  },
  {
    name: "other-environments",
    title: "does not show the environment of any process but the program's own",
    incident: "/proc/PID/environ of the service or of the sandbox's own helpers",
    control: "fails",
    async run(target) {
      const secret = newMarker();
      await using _service = await startMarked(secret);
      await withServiceSecret(target, secret, async (engine) => {
        const search = code`
          import json, os, sys
          wanted = (sys.argv[1] + sys.argv[2]).encode()
          found = []
          for folder, below, files in os.walk("/proc"):
              if folder.count("/") > 4: below.clear()
              below[:] = [name for name in below if name in ("task",) or name.isdigit()]
              for file in files:
                  if file not in ("environ", "cmdline"): continue
                  try:
                      if wanted in open(os.path.join(folder, file), "rb").read(): found.append(os.path.join(folder, file))
                  except OSError:
                      pass
          print(json.dumps(found))
        `;
        assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(secret) })), []);
      });
    },
  },
  {
    name: "launcher-environment",
    title: "gives the spec's variables to the program alone, never to what starts it on the host",
    incident: "user text that took effect before the lockdown (dify-sandbox#27)",
    control: "fails",
    async run({ engine }) {
      // The dynamic loader of any process with these variables writes its log to that file.
      await using trap = await createSecretFile("");
      const log = `${trap.directory}/loader-log`;
      await runToEnd(engine, bash("/bin/true", { env: { LD_DEBUG: "libs", LD_DEBUG_OUTPUT: log } }));
      const entries = await readdir(trap.directory);
      assert.deepEqual(
        entries.filter((name) => name.startsWith(basename(log))),
        [],
        "a process of the host took the program's variables",
      );
    },
  },
  {
    name: "service-arguments-of-next-run",
    title: "shows a run nothing of the spec of another: code, arguments, environment, input",
    control: "fails",
    async run({ engine }) {
      const token = newMarker();
      const search = code`
        import json, os, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for file in ("cmdline", "environ"):
                try:
                    if wanted in open(f"/proc/{pid}/{file}", "rb").read(): found.append(f"{pid} {file}")
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      const abort = new AbortController();
      let started: () => void = () => {};
      const isUp = new Promise<void>((resolve) => (started = resolve));
      const other = engine.run(
        python("import time; print('up', flush=True); time.sleep(9)", {
          args: [token],
          env: { TOKEN: token },
          stdin: token,
        }),
        {
          signal: abort.signal,
          onOutput: () => started(),
        },
      );
      try {
        await Promise.race([isUp, other]);
        assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(token) })), []);
      } finally {
        abort.abort();
        await other;
      }
    },
  },
]);
