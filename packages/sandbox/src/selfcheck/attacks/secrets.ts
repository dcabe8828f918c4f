/** Where secrets lie on a host, and ways to each that the contract has no check for. */
import assert from "node:assert/strict";
import { homedir } from "node:os";
import { type Check, checksOf } from "../../testing/check.ts";
import { halves, newMarker, startMarked } from "../../testing/host/marked-process.ts";
import { createSecretFile } from "../../testing/host/secret-file.ts";
import { assertExit, bash, code, python, runReport, text } from "../../testing/programs.ts";

/** Below a home directory. */
const IN_HOMES = [
  ".aws/credentials",
  ".config/gcloud/credentials.db",
  ".azure/accessTokens.json",
  ".docker/config.json",
  ".kube/config",
  ".ssh/id_rsa",
  ".ssh/id_ed25519",
  ".netrc",
  ".npmrc",
  ".git-credentials",
  ".bash_history",
  ".pgpass",
];
const ANYWHERE = [
  "/var/run/secrets/kubernetes.io/serviceaccount/token",
  "/run/secrets",
  "/etc/kubernetes/admin.conf",
  "/etc/environment",
  "/proc/1/environ",
  "/var/lib/cloud/instance/user-data.txt",
  "/etc/ssl/private",
];

/** Attacks of the group `secrets`. */
export const secretAttacks: readonly Check[] = checksOf("secrets", [
  {
    name: "credential-files",
    title: "finds no credential file of a user, a cloud or a cluster in its usual place",
    incident: "agents and packages that collect ~/.aws, ~/.ssh and service-account tokens (Shai-Hulud, 2025)",
    control: { mayPass: "the host has none of them" },
    async run({ engine }) {
      const look = code`
        import json, os, sys
        own = os.path.realpath(os.environ.get("HOME", "/nonexistent"))
        found = []
        for path in sys.argv[1:]:
            if os.path.realpath(path).startswith(own + "/"): continue
            try:
                # The decoy that a sandbox itself puts there opens nothing.
                if os.path.isdir(path): held = [name for name in os.listdir(path) if name != "aws-credentials"]
                else: held = open(path, "rb").read(1)
                # A sandbox's own first process has an environment of the sandbox's own making.
                if held and path == "/proc/1/environ" and b"CRUCIBLE" not in open(path, "rb").read(): continue
                if held: found.append(path)
            except OSError:
                pass
        print(json.dumps(found))
      `;
      const homes = [...new Set([homedir(), "/root"])];
      const args = [...homes.flatMap((home) => IN_HOMES.map((path) => `${home}/${path}`)), ...ANYWHERE];
      assert.deepEqual(await runReport<string[]>(engine, python(look, { args })), []);
    },
  },
  {
    name: "service-arguments",
    title: "finds no secret on the command line of a process of the host, also not through ps",
    incident: "passwords in arguments: mysql -p, --api-key",
    control: "fails",
    async run({ engine }) {
      const secret = newMarker();
      await using _service = await startMarked(secret);
      const search =
        "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file 2>/dev/null; echo; done; ps -ef ww 2>/dev/null; true";
      const outcome = await engine.run(bash(search));
      assertExit(outcome, 0);
      assert.ok(!text(outcome.stdout).includes(secret), "the secret was in sight");
    },
  },
  {
    name: "through-other-roots",
    title: "reads no file of the host through the root or working directory of any process",
    incident: "CVE-2024-21626 class: /proc/PID/root and /proc/PID/cwd of a helper",
    control: "fails",
    async run({ engine }) {
      const secret = newMarker();
      await using file = await createSecretFile(secret);
      const search = code`
        import json, os, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for link in (f"/proc/{pid}/root" + sys.argv[3], f"/proc/{pid}/cwd/" + "../" * 64 + sys.argv[3]):
                try:
                    if wanted in open(link, "rb").read(4096): found.append(link)
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      const found = await runReport<string[]>(engine, python(search, { args: [...halves(secret), file.path] }));
      assert.deepEqual(found, []);
    },
  },
]);
