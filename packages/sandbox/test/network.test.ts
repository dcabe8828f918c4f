import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import type { NetworkOptions } from "../src/network/open.ts";
import { createCrunEngine, createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import type { Engine, RunOutcome } from "../src/types.ts";

const languages = await detectLanguages(["python", "bash", "javascript", "c"]);
const common = { languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 2 };
let server: Server;
let port: number;

/** The internet of these tests: two names, and a server on the host's loopback behind the good one. */
const network = (): NetworkOptions => ({
  allow: ["good.example:80", "good.example:443", "*.inner.example:80"],
  outside: {
    lookup: async (name) => (name === "good.example" ? ["1.1.1.1"] : ["169.254.169.254"]),
    route: () => ({ host: "127.0.0.1", port }),
  },
});

beforeAll(async () => {
  server = createServer((_request, response) => response.end("from outside")).listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const text = (outcome: RunOutcome): string =>
  Buffer.from(outcome.stdout).toString() + Buffer.from(outcome.stderr).toString();

const FETCH = (url: string): string => `
import urllib.request, urllib.error
try: print(urllib.request.urlopen("${url}", timeout=5).read().decode())
except urllib.error.HTTPError as error: print("status", error.code)
except OSError as error: print("no network", error)
`;

describe.each([
  { name: "bubblewrap", create: createBubblewrapEngine },
  { name: "runc", create: createRuncEngine },
  { name: "crun", create: createCrunEngine },
])("on $name", ({ name, create }) => {
  let engine: Engine;
  beforeAll(() => {
    engine = create({ ...common, network: network() });
  });
  beforeEach(async (context) => {
    const { available, reason } = await engine.probe();
    // crun 1.8 cannot start where both versions of control groups are mounted, and says so.
    if (!available && (name === "crun" || process.env["CI"] !== "true"))
      context.skip(`${name} is not available: ${reason}`);
  });
  afterAll(() => engine.close());

  const run = (code: string, allow?: readonly string[], language = "python"): Promise<RunOutcome> =>
    engine.run({
      language,
      files: [{ path: "main.py", content: Buffer.from(code) }],
      ...(allow === undefined ? {} : { network: { allow } }),
    });

  test("a program reaches what its allow-list names, through the variables that tools read", async () => {
    const outcome = await run(FETCH("http://good.example/"), ["good.example:80"]);
    expect(text(outcome)).toBe("from outside\n");
    expect(outcome.network).toMatchObject({
      allowedCount: 1,
      deniedCount: 0,
      requests: [{ host: "good.example", port: 80, allowed: true, receivedBytes: 12 }],
    });
    expect(outcome.violations).toEqual([]);
  });

  test("what the list does not name is denied, and is a violation", async () => {
    const outcome = await run(FETCH("http://bad.example/"), ["good.example:80"]);
    expect(text(outcome)).toBe("status 403\n");
    expect(outcome.network).toMatchObject({
      deniedCount: 1,
      requests: [{ host: "bad.example", reason: "not_allowed" }],
    });
    expect(outcome.violations).toEqual([
      { kind: "denied_network_request", detail: "asked for bad.example:80 (not_allowed)" },
    ]);
  });

  test("a name in the list that leads to the metadata service is denied", async () => {
    const outcome = await run(FETCH("http://a.inner.example/"), ["*.inner.example:80"]);
    expect(text(outcome)).toBe("status 403\n");
    expect(outcome.network?.requests[0]?.reason).toBe("reserved_address");
  });

  test("past the proxy there is no way out, and none to the host's loopback", async () => {
    const outcome = await run(
      `
import socket
for address in ("1.1.1.1", 80), ("127.0.0.1", ${port}), ("::1", ${port}):
    try: socket.create_connection(address, timeout=3); print("reached", address)
    except OSError as error: print(type(error).__name__)
`,
      ["good.example:80"],
    );
    expect(text(outcome)).not.toContain("reached");
    expect(text(outcome).trim().split("\n")).toHaveLength(3);
  });

  test("a run without a list has neither a proxy nor its variables", async () => {
    const outcome = await run(
      `import os\n${FETCH("http://good.example/")}\nprint([k for k in os.environ if "proxy" in k.lower()])`,
    );
    expect(text(outcome)).toContain("no network");
    expect(text(outcome)).toContain("[]");
    expect(outcome.network).toBeUndefined();
  });

  test("two runs at a time have a proxy each, with their own lists", async () => {
    const [one, two] = await Promise.all([
      run(FETCH("http://good.example/"), ["good.example:80"]),
      run(FETCH("http://good.example/"), ["good.example:443"]),
    ]);
    expect(text(one)).toBe("from outside\n");
    expect(text(two)).toBe("status 403\n");
  });

  test("programs in other languages find the proxy too, compiled ones and their children among them", async () => {
    const inNode = await run(
      'fetch("http://good.example/").then(async (r) => console.log(await r.text()), (error) => console.log(String(error)))',
      ["good.example:80"],
      "javascript",
    );
    expect(text(inNode)).toBe("from outside\n");
    const byHand = await run(
      `proxy=\${http_proxy#http://}
exec 9<>/dev/tcp/\${proxy%:*}/\${proxy#*:}
printf 'GET http://good.example/ HTTP/1.1\\r\\nHost: good.example\\r\\n\\r\\n' >&9
tail -n 1 <&9`,
      ["good.example:80"],
      "bash",
    );
    expect(text(byHand)).toBe("from outside");
    const ask =
      "exec 9<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT bad.example:443 HTTP/1.1\\r\\n\\r\\n' >&9; head -n 1 <&9";
    const compiled = await engine.run({
      language: "c",
      files: [
        {
          path: "main.c",
          content: Buffer.from('#include <stdlib.h>\nint main(void) { return system("bash ask.sh"); }'),
        },
        { path: "ask.sh", content: Buffer.from(ask) },
      ],
      network: { allow: ["good.example:80"] },
    });
    expect(text(compiled)).toMatch(/^HTTP\/1.1 403 /);
    expect(compiled.violations).toEqual([
      { kind: "denied_network_request", detail: "asked for bad.example:443 (not_allowed)" },
    ]);
  });

  test("a run that is cancelled while its network is made ends as cancelled", async () => {
    const cancel = new AbortController();
    cancel.abort();
    const outcome = await engine.run(
      {
        language: "bash",
        files: [{ path: "a.sh", content: new Uint8Array() }],
        network: { allow: ["good.example:80"] },
      },
      { signal: cancel.signal },
    );
    expect(outcome.status).toBe("cancelled");
  });
});

test("more than the operator allows is refused before anything starts", async () => {
  const files = [{ path: "a.py", content: new Uint8Array() }];
  await using engine = createRuncEngine({ ...common, network: network() });
  await expect(
    engine.run({ language: "python", files, network: { allow: ["other.example:443"] } }),
  ).rejects.toMatchObject({ code: "network_not_allowed", field: "network.allow[0]" });
  await using closed = createBubblewrapEngine(common);
  await expect(
    closed.run({
      language: "python",
      files: [{ path: "a.py", content: new Uint8Array() }],
      network: { allow: ["good.example:80"] },
    }),
  ).rejects.toThrow("here no run has a network");
});

test("an engine that cannot give a network refuses instead of running without its walls", async () => {
  await using subprocess = createSubprocessEngine({ ...common, allowUnsafe: true, network: network() });
  await expect(
    subprocess.run({
      language: "bash",
      files: [{ path: "a.sh", content: new Uint8Array() }],
      network: { allow: ["good.example:80"] },
    }),
  ).rejects.toMatchObject({ code: "engine_unavailable" });
  await using gvisor = createGvisorEngine({ ...common, network: network() });
  await expect(
    gvisor.run({
      language: "bash",
      files: [{ path: "a.sh", content: new Uint8Array() }],
      network: { allow: ["good.example:80"] },
    }),
  ).rejects.toThrow("engine gvisor cannot give a run a network");
});
