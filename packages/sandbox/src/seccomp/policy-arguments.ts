import type { ArgumentRules } from "./types.ts";

/** linux/sched.h: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. NEWTIME is not clone's. */
const CLONE_NEW_NAMESPACES = 0x7e020000n;

/** asm-generic/ioctls.h: type into another's terminal, paste there, change its line discipline. */
const TERMINAL_TRICKS = { TIOCSTI: 0x5412n, TIOCLINUX: 0x541cn, TIOCSETD: 0x5423n };

/** linux/personality.h: query, Linux, UNAME26, PER_LINUX32, both; the list that Docker has too. */
const PERSONALITIES = [0xffffffffn, 0x0n, 0x20000n, 0x8n, 0x20008n];

/** linux/socket.h, linux/net.h, linux/in.h, linux/netlink.h */
const AF_UNIX = 1n;
const AF_INET = 2n;
const AF_INET6 = 10n;
const AF_NETLINK = 16n;
const SOCK_STREAM = 1n;
const SOCK_DGRAM = 2n;
const SOCK_TYPE_MASK = 0xfn;
const NETLINK_ROUTE = 0n;
const IP_PROTOCOLS = { any: 0n, ICMP: 1n, TCP: 6n, UDP: 17n, ICMPV6: 58n };

/** linux/stat.h: what mknod makes; none means a regular file. */
const S_IFMT = 0xf000n;
const S_IFREG = 0x8000n;
const S_IFIFO = 0x1000n;
const S_IFSOCK = 0xc000n;

/**
 * linux/prctl.h. An allow-list, because prctl is where new kernel features keep coming in. Left
 * out on purpose: PR_SET_SECCOMP, PR_SET_MM, PR_SET_SPECULATION_CTRL, PR_SET_PTRACER, PR_CAP_AMBIENT.
 */
const PROCESS_CONTROLS = {
  PR_SET_PDEATHSIG: 1n,
  PR_GET_PDEATHSIG: 2n,
  PR_GET_DUMPABLE: 3n,
  PR_SET_DUMPABLE: 4n,
  PR_GET_KEEPCAPS: 7n,
  PR_SET_KEEPCAPS: 8n,
  PR_SET_NAME: 15n,
  PR_GET_NAME: 16n,
  PR_GET_SECCOMP: 21n,
  PR_CAPBSET_READ: 23n,
  PR_CAPBSET_DROP: 24n,
  PR_GET_SECUREBITS: 27n,
  PR_SET_TIMERSLACK: 29n,
  PR_GET_TIMERSLACK: 30n,
  PR_SET_CHILD_SUBREAPER: 36n,
  PR_GET_CHILD_SUBREAPER: 37n,
  PR_SET_NO_NEW_PRIVS: 38n,
  PR_GET_NO_NEW_PRIVS: 39n,
  PR_GET_TID_ADDRESS: 40n,
  PR_SET_THP_DISABLE: 41n,
  PR_GET_THP_DISABLE: 42n,
  PR_SVE_SET_VL: 50n,
  PR_SVE_GET_VL: 51n,
  PR_GET_SPECULATION_CTRL: 52n,
  PR_PAC_RESET_KEYS: 54n,
  PR_SET_TAGGED_ADDR_CTRL: 55n,
  PR_GET_TAGGED_ADDR_CTRL: 56n,
  PR_PAC_SET_ENABLED_KEYS: 60n,
  PR_PAC_GET_ENABLED_KEYS: 61n,
  PR_SME_SET_VL: 63n,
  PR_SME_GET_VL: 64n,
  PR_SET_VMA: 0x53564d41n,
};

const mknodMode = (arg: number): ArgumentRules => ({
  rules: [
    {
      when: [{ arg, bits: 32, mask: S_IFMT, in: [0n, S_IFREG, S_IFIFO, S_IFSOCK] }],
      action: "allow",
    },
  ],
  otherwise: "EPERM",
});

/** Calls whose arguments decide. Filters see numbers only, never what a pointer points to. */
export const ARGUMENT_RULES: Readonly<Record<string, ArgumentRules>> = {
  /** Threads and processes, but no namespaces. Flags are the first argument on both architectures. */
  clone: {
    rules: [{ when: [{ arg: 0, bits: 64, mask: CLONE_NEW_NAMESPACES, in: [0n] }], action: "allow" }],
    otherwise: "EPERM",
  },

  /** The kernel reads 32 bits, so that a number with more set above them is the same request. */
  ioctl: {
    rules: [{ when: [{ arg: 1, bits: 32, in: Object.values(TERMINAL_TRICKS) }], action: "EPERM" }],
    otherwise: "allow",
  },

  /** Older ABIs' quirks (mmap at 0, no address randomisation) make exploits easier. */
  personality: {
    rules: [{ when: [{ arg: 0, bits: 32, in: PERSONALITIES }], action: "allow" }],
    otherwise: "EPERM",
  },

  /** EINVAL is what a kernel gives that does not know the option. */
  prctl: {
    rules: [{ when: [{ arg: 0, bits: 32, in: Object.values(PROCESS_CONTROLS) }], action: "allow" }],
    otherwise: "EINVAL",
  },

  /**
   * Local sockets and IP, which ends at the loopback of an empty network namespace; netlink only
   * to read interfaces and addresses (getifaddrs). Other families and protocols would load kernel
   * modules that nobody looks after. EPROTONOSUPPORT makes Go go from MPTCP to TCP.
   */
  socket: {
    rules: [
      { when: [{ arg: 0, bits: 32, in: [AF_UNIX] }], action: "allow" },
      {
        when: [
          { arg: 0, bits: 32, in: [AF_INET, AF_INET6] },
          { arg: 1, bits: 32, mask: SOCK_TYPE_MASK, in: [SOCK_STREAM, SOCK_DGRAM] },
          { arg: 2, bits: 32, in: Object.values(IP_PROTOCOLS) },
        ],
        action: "allow",
      },
      {
        when: [
          { arg: 0, bits: 32, in: [AF_INET, AF_INET6] },
          { arg: 1, bits: 32, mask: SOCK_TYPE_MASK, in: [SOCK_STREAM, SOCK_DGRAM] },
        ],
        action: "EPROTONOSUPPORT",
      },
      /** Raw sockets, and the old SOCK_PACKET that turns into AF_PACKET inside the kernel. */
      { when: [{ arg: 0, bits: 32, in: [AF_INET, AF_INET6] }], action: "EPERM" },
      {
        when: [
          { arg: 0, bits: 32, in: [AF_NETLINK] },
          { arg: 2, bits: 32, in: [NETLINK_ROUTE] },
        ],
        action: "allow",
      },
    ],
    otherwise: "EAFNOSUPPORT",
  },
  socketpair: {
    rules: [{ when: [{ arg: 0, bits: 32, in: [AF_UNIX] }], action: "allow" }],
    otherwise: "EAFNOSUPPORT",
  },

  /** One's own limits only: those of process 1, which reports the end, are not the program's to lower. */
  prlimit64: {
    rules: [{ when: [{ arg: 0, bits: 32, in: [0n] }], action: "allow" }],
    otherwise: "EPERM",
  },

  /** Pipes, files and sockets by name; no devices, whatever the kernel itself would say. */
  mknod: mknodMode(1),
  mknodat: mknodMode(2),
};
