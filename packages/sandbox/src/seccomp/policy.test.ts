import { describe, expect, test } from "vitest";

import { ARCH_FACTS } from "./abi.ts";
import { compileFilter } from "./compile.ts";
import { decide, explain, syscallName } from "./decide.ts";
import { ALLOWED_GROUPS } from "./policy-allowed.ts";
import { ABSENT_CALLS, DEFAULT_POLICY, DENIED_CALLS, IGNORED_CALLS } from "./policy.ts";
import { simulate } from "./testing/simulate.ts";
import type { SeccompArch } from "./types.ts";

const ARCHES: readonly SeccompArch[] = ["x86-64", "arm64"];
const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const errno = (number: number) => 0x00050000 + number;

describe.each(ARCHES)("the default policy on %s", (arch) => {
  const program = compileFilter({ arch });
  const { auditArch, calls } = ARCH_FACTS[arch];
  const filter = (name: string, ...args: bigint[]) => {
    const number = calls[name];
    if (number === undefined) throw new Error(`${arch} has no ${name}`);
    return simulate(program, { auditArch, number, args }).value;
  };
  const here = (names: readonly string[]) => names.filter((name) => name in calls);

  test("refuses every call on the deny-list with EPERM, whatever its arguments", () => {
    const denied = here(DENIED_CALLS);
    expect(denied.length).toBeGreaterThanOrEqual(60);
    expect(denied.filter((name) => filter(name) !== errno(1))).toEqual([]);
    const others = denied.filter((name) => filter(name, 1n, 2n, 3n, 4n, 5n, 6n) !== errno(1));
    expect(others).toEqual([]);
  });

  test("hides clone3, io_uring and landlock as a kernel without them would", () => {
    expect(here(ABSENT_CALLS).filter((name) => filter(name) !== errno(38))).toEqual([]);
  });

  test("pretends to sync and leaves the host's disks alone", () => {
    expect(here(IGNORED_CALLS).map((name) => filter(name))).toEqual([errno(0), errno(0)]);
  });

  test("allows threads and fork, and no clone with a new namespace", () => {
    expect(filter("clone", 0x3d0f00n)).toBe(ALLOW); // pthread_create
    expect(filter("clone", 0x1200011n)).toBe(ALLOW); // fork
    for (const flag of [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n]) {
      expect(filter("clone", flag | 0x11n)).toBe(errno(1));
    }
    for (const flag of [0x10000000n, 0x20000000n, 0x40000000n]) {
      expect(filter("clone", flag | 0x11n)).toBe(errno(1));
      expect(filter("clone", flag | 0xdead_0000_0000_0000n)).toBe(errno(1));
    }
  });

  test("refuses terminal input injection, also with rubbish in the high word", () => {
    for (const request of [0x5412n, 0x541cn, 0x5423n]) {
      expect(filter("ioctl", 0n, request)).toBe(errno(1));
      expect(filter("ioctl", 0n, request | (7n << 32n))).toBe(errno(1));
    }
    expect(filter("ioctl", 0n, 0x5401n)).toBe(ALLOW); // TCGETS
    expect(filter("ioctl", 0x5412n, 0x5413n)).toBe(ALLOW); // TIOCGWINSZ
  });

  test("allows local and IP sockets and route netlink, and no other family or protocol", () => {
    const stream = 1n;
    const datagram = 2n | 0o2000000n; // with SOCK_CLOEXEC
    expect(filter("socket", 1n, 5n, 0n)).toBe(ALLOW);
    for (const family of [2n, 10n]) {
      expect(filter("socket", family, stream, 6n)).toBe(ALLOW);
      expect(filter("socket", family, datagram, 0n)).toBe(ALLOW);
      expect(filter("socket", family, 3n, 1n)).toBe(errno(1)); // SOCK_RAW
      expect(filter("socket", family, 10n, 0x300n)).toBe(errno(1)); // SOCK_PACKET
      expect(filter("socket", family, stream, 132n)).toBe(errno(93)); // SCTP
      expect(filter("socket", family, stream, 262n)).toBe(errno(93)); // MPTCP
    }
    expect(filter("socket", 16n, 3n, 0n)).toBe(ALLOW);
    for (const protocol of [4n, 9n, 12n, 15n, 16n, 21n]) {
      expect(filter("socket", 16n, 3n, protocol)).toBe(errno(97));
    }
    for (let family = 0n; family < 64n; family += 1n) {
      if ([1n, 2n, 10n, 16n].includes(family)) continue;
      expect(filter("socket", family, stream, 0n)).toBe(errno(97));
      expect(filter("socketpair", family, stream, 0n)).toBe(errno(97));
    }
    expect(filter("socketpair", 1n, stream, 0n)).toBe(ALLOW);
  });

  test("allows only the personalities of plain Linux", () => {
    for (const persona of [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn]) {
      expect(filter("personality", persona)).toBe(ALLOW);
    }
    for (const persona of [0x40000n, 0x100000n, 0x400000n, 0x0400000n | 8n, 1n, 0xfffffffen]) {
      expect(filter("personality", persona)).toBe(errno(1));
    }
  });

  test("takes prctl's ordinary options and knows no others", () => {
    for (const option of [1n, 15n, 16n, 38n, 0x53564d41n]) expect(filter("prctl", option)).toBe(ALLOW);
    for (const option of [22n, 35n, 53n, 47n, 0x59616d61n, 1000n]) {
      expect(filter("prctl", option)).toBe(errno(22));
    }
  });

  test("makes FIFOs by name and no devices", () => {
    expect(filter("mknodat", 0n, 0n, 0x11a4n)).toBe(ALLOW);
    expect(filter("mknodat", 0n, 0n, 0x21b6n)).toBe(errno(1));
    expect(filter("mknodat", 0n, 0n, 0x61b6n)).toBe(errno(1));
  });

  test("allows every call on the allow-list", () => {
    const allowed = here(ALLOWED_GROUPS.flatMap((group) => group.calls));
    expect(allowed.length).toBeGreaterThan(200);
    expect(allowed.filter((name) => filter(name) !== ALLOW)).toEqual([]);
  });

  test("gives ENOSYS for numbers that no table knows", () => {
    for (const number of [470, 500, 999, 0x3fffffff]) {
      expect(simulate(program, { auditArch, number, args: [] }).value).toBe(errno(38));
    }
  });
});

test("kills x32 calls on x86-64", () => {
  const program = compileFilter({ arch: "x86-64" });
  for (const number of [0x40000000, 0x40000001, 0x40000211, 0xffffffff]) {
    expect(simulate(program, { auditArch: 0xc000003e, number, args: [] }).value).toBe(KILL_PROCESS);
  }
});

test("holds the numbers that the kernel gives the best known calls", () => {
  const { calls: x86 } = ARCH_FACTS["x86-64"];
  const { calls: arm } = ARCH_FACTS.arm64;
  expect([x86["read"], x86["execve"], x86["mount"], x86["seccomp"], x86["clone3"]]).toEqual([0, 59, 165, 317, 435]);
  expect([arm["read"], arm["execve"], arm["mount"], arm["seccomp"], arm["clone3"]]).toEqual([63, 221, 40, 277, 435]);
  for (const { calls } of Object.values(ARCH_FACTS)) {
    expect(new Set(Object.values(calls)).size).toBe(Object.keys(calls).length);
  }
});

test("names only calls that exist on one of the architectures", () => {
  const known = new Set(Object.values(ARCH_FACTS).flatMap(({ calls }) => Object.keys(calls)));
  const wrong = [...DEFAULT_POLICY.calls.keys()].filter((name) => !known.has(name));
  expect(wrong).toEqual([]);
});

test("decides about every call in the tables by name, so that none is refused by oversight", () => {
  const known = new Set(Object.values(ARCH_FACTS).flatMap(({ calls }) => Object.keys(calls)));
  expect([...known].filter((name) => !DEFAULT_POLICY.calls.has(name))).toEqual([]);
});

describe("explaining a call", () => {
  test("names it and says what happens to it", () => {
    const about = (number: number, more: { auditArch?: number; args?: bigint[] } = {}) =>
      explain(DEFAULT_POLICY, "x86-64", { number, ...more });
    expect(about(165)).toBe("mount (165): refused with EPERM");
    expect(about(0)).toBe("read (0): allowed");
    expect(about(56, { args: [0x10000011n] })).toBe("clone (56): refused with EPERM");
    expect(about(56, { args: [0x11n] })).toBe("clone (56): allowed");
    expect(about(162)).toBe("sync (162): does nothing and reports success");
    expect(about(999)).toBe("unknown call (999): refused with ENOSYS");
    expect(about(1, { auditArch: 0x40000003 })).toBe("call of a foreign architecture (1): ends the process");
  });

  test("finds names by number for each architecture", () => {
    expect(syscallName("x86-64", 59)).toBe("execve");
    expect(syscallName("arm64", 221)).toBe("execve");
    expect(syscallName("arm64", 9999)).toBeNull();
  });

  test("counts an argument that was not given as 0", () => {
    const call = { auditArch: 0xc000003e, number: 41, args: [] };
    expect(decide(DEFAULT_POLICY, "x86-64", call)).toBe("EAFNOSUPPORT");
  });
});
