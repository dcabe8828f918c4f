/** Networks: further addresses, and the way in. Only addresses that nobody may route, or listeners of the check's own. */
import assert from "node:assert/strict";
import { readlink } from "node:fs/promises";
import { connect } from "node:net";
import { type Check, checksOf, CheckInconclusiveError } from "../../testing/check.ts";
import { code, describeOutcome, python, runReport, text } from "../../testing/programs.ts";

const noNetworkIsolation = { notRun: "without a network namespace it would send packets to other machines" } as const;

/** Metadata services of clouds beside 169.254.169.254. */
const METADATA = [
  ["AF_INET", "168.63.129.16"],
  ["AF_INET", "100.100.100.200"],
  ["AF_INET", "192.0.0.192"],
  ["AF_INET", "169.254.170.2"],
  ["AF_INET6", "fd00:ec2::254"],
  ["AF_INET6", "fe80::a9fe:a9fe"],
] as const;

/** Asks, from this process, whether anything listens there. */
async function connects(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    socket.setTimeout(1_000, () => resolve(false));
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
  });
}

/** Attacks of the group `network`. */
export const networkAttacks: readonly Check[] = checksOf("network", [
  {
    name: "cloud-metadata-others",
    title: "cannot reach the metadata services of other clouds, over IPv4 and IPv6",
    incident: "credentials of the machine from its metadata service (Capital One, 2019)",
    control: noNetworkIsolation,
    async run({ engine }) {
      const attack = code`
        import json, socket, time
        reached = []
        for family, address in ${JSON.stringify(METADATA)}:
            started = time.monotonic()
            try:
                client = socket.socket(getattr(socket, family), socket.SOCK_STREAM)
                client.settimeout(1)
                client.connect((address, 80))
                reached.append(address)
            except socket.timeout: reached.append(address + " (was sent to)")
            except OSError: pass
        print(json.dumps(reached))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
  {
    name: "dns-servers",
    title: "can send no question to a name server, whoever runs it",
    incident: "data smuggled out in DNS questions (MCP and notebook sandboxes with DNS left open)",
    control: noNetworkIsolation,
    async run({ engine }) {
      const attack = code`
        import json, socket
        sent = []
        question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01"
        for address in ("127.0.0.53", "127.0.0.11", "10.96.0.10", "192.0.2.53", "198.51.100.53"):
            try:
                client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                client.settimeout(0.2)
                client.sendto(question, (address, 53))
                client.recv(512)
                sent.append(address + " answered")
            except socket.timeout:
                if not address.startswith("127."): sent.append(address)
            except OSError: pass
        print(json.dumps(sent))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
  {
    name: "reached-from-outside",
    title: "cannot be reached from the host, on any port it listens on",
    incident: "a submission that serves a page on the platform's address",
    control: "fails",
    async run({ engine }) {
      const serve = code`
        import socket, time
        server = socket.socket()
        server.bind(("0.0.0.0", 0))
        server.listen()
        print(server.getsockname()[1], flush=True)
        time.sleep(9)
      `;
      const abort = new AbortController();
      const { promise: port, resolve } = Promise.withResolvers<number>();
      const run = engine.run(python(serve), {
        signal: abort.signal,
        onOutput: ({ stream, bytes }) => void (stream === "stdout" && resolve(Number(text(bytes)))),
      });
      try {
        const first = await Promise.race([port, run]);
        if (typeof first !== "number") throw new CheckInconclusiveError(describeOutcome(first));
        assert.equal(await connects(first, "127.0.0.1"), false, "the host could connect to the program");
      } finally {
        abort.abort();
        await run;
      }
    },
  },
  {
    name: "configure",
    title: "can change no interface, address, route or firewall rule",
    incident: "CVE-2023-32233, CVE-2024-1086: netfilter through a network namespace of its own",
    control: { notRun: "as root it would change the host's network" },
    async run({ engine }) {
      // Never the host's own: a sandbox that shares its network is found without taking that down.
      const attack = code`
        import fcntl, json, os, socket, struct, sys
        try: shared = os.readlink("/proc/self/ns/net") == sys.argv[1]
        except OSError: shared = False
        if shared:
            print(json.dumps(["the network is the host's"]))
            sys.exit()
        changed = []
        def attempt(name, change):
            try: change()
            except OSError: return
            changed.append(name)
        def down():
            with socket.socket() as link: fcntl.ioctl(link, 0x8914, struct.pack("16sh14x", b"lo", 0))
        def address():
            with socket.socket() as link: fcntl.ioctl(link, 0x8916, struct.pack("16sH2s4s8x", b"lo", socket.AF_INET, b"", socket.inet_aton("127.9.9.9")))
        def netfilter(): socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12).close()
        def table():
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW): pass
        for name, change in (("interface", down), ("address", address), ("netfilter", netfilter), ("iptables", table)): attempt(name, change)
        print(json.dumps(changed))
      `;
      const args = [await readlink("/proc/self/ns/net")];
      assert.deepEqual(await runReport<string[]>(engine, python(attack, { args })), []);
    },
  },
]);
