import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import type { ExecSpec, Session } from "../src/session/types.ts";
import type { Engine } from "../src/types.ts";

const common = {
  languages: [],
  bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
  slots: 1,
  network: { allow: ["good.example:80"], outside: { lookup: async () => ["169.254.169.254"] } },
};
const SEND = `
import socket
for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
    try: socket.socket(family).connect((address, 80))
    except OSError: pass
`;
const FETCH = `
import urllib.request
for host in ("bad.example", "good.example"):
    try: urllib.request.urlopen("http://" + host, timeout=5)
    except OSError: pass
`;
const quiet = { violations: [], behaviourScore: 0 };

describe.each([
  { name: "bubblewrap", create: createBubblewrapEngine, seesRoutes: true, seesCalls: false },
  { name: "runc", create: createRuncEngine, seesRoutes: true, seesCalls: true },
  { name: "gvisor", create: createGvisorEngine, seesRoutes: false, seesCalls: false },
])("a program in a sandbox that stays, on $name", ({ name, create, seesRoutes, seesCalls }) => {
  let engine: Engine;
  let session: Session;
  let whyNot: string | null = null;
  beforeAll(async () => {
    engine = create({ ...common, sessions: 1 });
    const { available, reason } = await engine.probe();
    if (!available && process.env["CI"] !== "true") whyNot = `${name} is not available: ${reason}`;
    else {
      const network = seesRoutes ? { network: { allow: ["good.example:80"] } } : {};
      session = (await engine.openSession?.(network)) as Session;
    }
  });
  beforeEach((context) => {
    if (whyNot !== null) context.skip(whyNot);
  });
  afterAll(() => engine.close());
  const judged = async (argv: readonly string[], more: Partial<ExecSpec> = {}) => {
    const { violations, behaviourScore } = await session.exec({ argv, ...more });
    return { violations, behaviourScore };
  };
  const denied = (detail: string) => ({ kind: "denied_network_request", detail });

  test("is not blamed for what ordinary programs do, nor for what another has done before", async () => {
    expect(await judged(["sh", "-c", "echo $AWS_SECRET_ACCESS_KEY"])).toEqual({
      violations: [{ kind: "canary_in_output", detail: "the decoy secret is in stdout" }],
      behaviourScore: 60,
    });
    for (const script of ["echo hello; exit 3", "ls -la ~/.aws /", "python3 -c 'import subprocess; print(1)'"])
      expect(await judged(["sh", "-c", script])).toEqual(quiet);
  });

  test("is seen to give away the decoy from its file, encoded, on either stream", async () => {
    const { violations } = await judged(["sh", "-c", "base64 -w0 ~/.aws/credentials >&2"]);
    expect(violations).toContainEqual({ kind: "canary_in_output", detail: "the decoy secret is in stderr" });
  });

  test("is seen to read the decoy file, whoever else looks on, and cannot hide it", async (context) => {
    if (process.getuid?.() !== 0) return context.skip("without root the file is the program's own user's");
    const read = { violations: [{ kind: "canary_read" }], behaviourScore: 40 };
    const script = "cat ~/.aws/credentials >/dev/null; touch -a -d @0 ~/.aws/credentials 2>/dev/null; exit 0";
    // Another program begins and ends meanwhile, and looks at the same file.
    const [first] = await Promise.all([
      judged(["sh", "-c", `${script.replace("exit", "sleep 0.5; exit")}`]),
      judged(["sh", "-c", "stat ~/.aws/credentials"]),
    ]);
    expect(first).toMatchObject(read);
    expect(await judged(["stat", "/run/secrets/aws-credentials"])).toEqual(quiet);
    expect(await judged(["sh", "-c", script])).toMatchObject(read);
    expect(await judged(["true"])).toEqual(quiet);
  });

  test("is seen to reach its limits", async () => {
    expect(await judged(["sleep", "9"], { timeoutMs: 100 })).toMatchObject({
      violations: [{ kind: "time_exhausted" }],
      behaviourScore: 5,
    });
  });

  if (!seesRoutes) return;

  test("is seen to ask for networks that it may not reach, by address and by name", async () => {
    expect(await judged(["python3", "-c", SEND])).toEqual({
      violations: [denied("asked 2 times for an address outside of its sandbox")],
      behaviourScore: 30,
    });
    expect(await judged(["python3", "-c", FETCH])).toEqual({
      violations: [
        denied("asked for bad.example:80 (not_allowed)"),
        denied("asked for good.example:80 (reserved_address)"),
      ],
      behaviourScore: 30,
    });
    expect(await judged(["true"])).toEqual(quiet);
  });

  if (!seesCalls) return;

  test("is seen to make system calls that are refused, and the next one is not", async () => {
    expect(await judged(["unshare", "-m", "true"])).toEqual({
      violations: [{ kind: "denied_system_call", detail: "was refused unshare" }],
      behaviourScore: 30,
    });
    expect(await judged(["true"])).toEqual(quiet);
  });
});
