/** No network of any kind. Only listeners that the check itself opened are ever contacted. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { type Check, type CheckDefinition, checksOf, CheckNotApplicableError } from "../check.ts";
import { newMarker } from "../host/marked-process.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { type Looks, seen } from "../looks.ts";
import { code, python, runReport } from "../programs.ts";

const noNetworkIsolation = { notRun: "without a network namespace it would send packets to other machines" } as const;

/** A listener of the host that counts who came. */
interface Listener extends AsyncDisposable {
  readonly port: number;
  visits(): number;
}

async function listenTcp(where: { host?: string; path?: string }): Promise<Listener> {
  let visits = 0;
  const server = createServer((socket) => {
    visits += 1;
    socket.on("error", () => {});
    socket.end("reached");
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where, ...(where.path === undefined ? { port: 0 } : {}) }, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    visits: () => visits,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function listenUdp(): Promise<Listener> {
  let visits = 0;
  const socket = createSocket("udp4", () => (visits += 1));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return {
    port: socket.address().port,
    visits: () => visits,
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Connects and says what came of it: `reached`, or the name of the error. */
const CONNECT = code`
  import errno, json, socket, sys, time
  def attempt(family, kind, address):
      started = time.monotonic()
      try:
          with socket.socket(family, kind) as client:
              client.settimeout(2)
              client.connect(address)
              said = client.recv(99).decode()
      except socket.timeout: said = "timeout"
      except OSError as error: said = errno.errorcode.get(error.errno, str(error))
      return {"said": said, "seconds": time.monotonic() - started}
`;

interface Reply {
  readonly said: string;
  readonly seconds: number;
}

async function attempt(engine: Parameters<Check["run"]>[0]["engine"], call: string): Promise<Reply> {
  return runReport<Reply>(engine, python(`${CONNECT}\nprint(json.dumps(attempt(${call})))`));
}

function outsideAddress(): { address: string; family: "IPv4" | "IPv6" } {
  const found = Object.values(networkInterfaces())
    .flat()
    .find((entry) => entry !== undefined && !entry.internal && entry.family === "IPv4");
  if (found === undefined) throw new CheckNotApplicableError("this host has no address but loopback");
  return { address: found.address, family: found.family };
}

/** Documentation and metadata addresses: nothing may be sent, so the error must come at once. */
const UNREACHABLE: readonly (readonly [name: string, title: string, call: string])[] = [
  [
    "metadata",
    "the cloud's metadata service (169.254.169.254)",
    'socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)',
  ],
  ["internet", "an address of the Internet", 'socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 443)'],
  ["private", "a private network", 'socket.AF_INET, socket.SOCK_STREAM, ("10.255.255.254", 22)'],
  ["internet-ipv6", "an IPv6 address of the Internet", 'socket.AF_INET6, socket.SOCK_STREAM, ("2001:db8::1", 443)'],
  ["mapped-ipv6", "an IPv4 address written as IPv6", 'socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:192.0.2.1", 443)'],
  ["broadcast", "the local network by multicast", 'socket.AF_INET, socket.SOCK_DGRAM, ("224.0.0.251", 5353)'],
];

const OUTSIDE: Looks = {
  prelude: CONNECT,
  expressions: Object.fromEntries(UNREACHABLE.map(([name, , call]) => [name, `attempt(${call})`])),
};

const AT_ONCE = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EPERM",
  "EACCES",
  "EAFNOSUPPORT",
  "ENETDOWN",
  "EADDRNOTAVAIL",
]);

const unreachable = UNREACHABLE.map(([name, title]): CheckDefinition => ({
  name,
  title: `cannot reach ${title}, and is told so at once`,
  incident: "CVE-2024-29021: server-side request forgery from a submission to the service's database",
  control: noNetworkIsolation,
  async run(target) {
    const { said, seconds } = await seen<Reply>(target, OUTSIDE, name);
    assert.ok(AT_ONCE.has(said), `got ${said}`);
    assert.ok(seconds < 0.5, `took ${seconds} s`);
  },
}));

/** Group `network`. */
export const networkChecks: readonly Check[] = checksOf("network", [
  {
    name: "tcp-loopback",
    title: "cannot reach a service on the host's 127.0.0.1",
    incident: "CVE-2025-66479: an empty list of allowed hosts meant all",
    control: "fails",
    async run({ engine }) {
      await using listener = await listenTcp({ host: "127.0.0.1" });
      const { said } = await attempt(engine, `socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", ${listener.port})`);
      assert.notEqual(said, "reached");
      assert.equal(listener.visits(), 0);
    },
  },
  {
    name: "tcp-loopback-ipv6",
    title: "cannot reach a service on the host's ::1",
    control: { mayPass: "the host has no IPv6" },
    async run({ engine }) {
      await using listener = await listenTcp({ host: "::1" }).catch((error: unknown) => {
        throw new CheckNotApplicableError(`this host has no IPv6: ${String(error)}`);
      });
      const { said } = await attempt(engine, `socket.AF_INET6, socket.SOCK_STREAM, ("::1", ${listener.port})`);
      assert.notEqual(said, "reached");
      assert.equal(listener.visits(), 0);
    },
  },
  {
    name: "tcp-other-address",
    title: "cannot reach a service on the host's outer address",
    control: { mayPass: "the host has no address but loopback" },
    async run({ engine }) {
      const { address } = outsideAddress();
      await using listener = await listenTcp({ host: address });
      const { said } = await attempt(engine, `socket.AF_INET, socket.SOCK_STREAM, ("${address}", ${listener.port})`);
      assert.notEqual(said, "reached");
      assert.equal(listener.visits(), 0);
    },
  },
  {
    name: "udp-loopback",
    title: "cannot send a datagram to the host's 127.0.0.1",
    control: "fails",
    async run({ engine }) {
      await using listener = await listenUdp();
      const send = code`
        import json, socket
        sent = 0
        for _ in range(5):
            try: sent += socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", ${listener.port}))
            except OSError: pass
        print(json.dumps(sent))
      `;
      await runReport<number>(engine, python(send));
      assert.equal(listener.visits(), 0);
    },
  },
  {
    name: "abstract-socket",
    title: "cannot reach an abstract Unix socket of the host",
    incident: "CVE-2020-15257: containerd-shim on an abstract socket, reachable with the host's network",
    control: "fails",
    async run({ engine }) {
      const name = newMarker();
      await using listener = await listenTcp({ path: `\0${name}` });
      const { said } = await attempt(engine, `socket.AF_UNIX, socket.SOCK_STREAM, "\\0${name}"`);
      assert.notEqual(said, "reached");
      assert.equal(listener.visits(), 0);
    },
  },
  {
    name: "unix-socket",
    title: "cannot reach a Unix socket in the host's file system",
    incident: "docker.sock",
    control: "fails",
    async run({ engine }) {
      await using file = await createSecretFile("");
      const path = `${file.directory}/socket`;
      await using listener = await listenTcp({ path });
      const { said } = await attempt(engine, `socket.AF_UNIX, socket.SOCK_STREAM, "${path}"`);
      assert.notEqual(said, "reached");
      assert.equal(listener.visits(), 0);
    },
  },
  ...unreachable,
  {
    name: "names",
    title: "cannot resolve names",
    control: noNetworkIsolation,
    async run({ engine }) {
      const resolve = code`
        import json, socket, time
        started = time.monotonic()
        try: answer = socket.getaddrinfo("example.com", 80)[0][4][0]
        except OSError: answer = None
        print(json.dumps([answer, time.monotonic() - started]))
      `;
      const [answer, seconds] = await runReport<[string | null, number]>(engine, python(resolve));
      assert.equal(answer, null);
      assert.ok(seconds < 2, `took ${seconds} s`);
    },
  },
  {
    name: "raw-sockets",
    title: "cannot open raw sockets",
    control: { mayPass: "the user of the tests may not either" },
    async run({ engine }) {
      const open = code`
        import json, socket
        opened = []
        for family, kind, protocol in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET, socket.SOCK_RAW, 255), (socket.AF_INET6, socket.SOCK_RAW, 58), (socket.AF_PACKET, socket.SOCK_RAW, 0x300)):
            try:
                socket.socket(family, kind, protocol).close()
                opened.append(f"{family} {protocol}")
            except OSError:
                pass
        print(json.dumps(opened))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(open)), []);
    },
  },
  {
    name: "interfaces",
    title: "sees no network interface but its own loopback",
    control: { mayPass: "the host has no interface but loopback" },
    async run({ engine }) {
      const list = code`
        import json, os
        names = set()
        try: names |= {line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line}
        except OSError: pass
        try: names |= set(os.listdir("/sys/class/net"))
        except OSError: pass
        print(json.dumps(sorted(names - {"lo"})))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(list)), []);
    },
  },
]);
