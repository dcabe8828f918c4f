/** The compiled filter in the kernel, under bubblewrap: what is refused, and that ordinary programs are not. */
import { existsSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";

import { compileFilter } from "../../src/seccomp/compile.ts";
import { ABSENT_CALLS, DEFAULT_POLICY, DENIED_CALLS } from "../../src/seccomp/policy.ts";
import { SYSCALLS_X86_64 as CALLS } from "../../src/seccomp/syscalls-x86-64.ts";
import { ORDINARY_PROGRAMS } from "./ordinary-programs.ts";
import { errnosOf, PYTHON, runFiltered, whyNoFilteredRuns } from "./run-filtered.ts";

const missing = whyNoFilteredRuns();

const EPERM = 1;
const EINVAL = 22;
const ENOSYS = 38;
const EPROTONOSUPPORT = 93;
const EAFNOSUPPORT = 97;
/** 128 + SIGSYS */
const KILLED_BY_FILTER = 159;

const numberOf = (name: string): number => {
  const number = CALLS[name];
  if (number === undefined) throw new Error(`no call ${name}`);
  return number;
};
const onX86 = (names: readonly string[]) => names.filter((name) => name in CALLS);

/**
 * Calls that give something else on a kernel without the filter, whatever privilege is left; what
 * the filter gives for them comes first.
 */
const TELLING_CALLS: readonly (readonly [number, string, ...number[]])[] = [
  [EPERM, "unshare", 0x10000000], // CLONE_NEWUSER
  [EPERM, "clone", 0x10000000 | 17], // CLONE_NEWUSER | SIGCHLD
  [EPERM, "ptrace", 0], // PTRACE_TRACEME
  [EPERM, "keyctl", 0, 0xfffffffd, 1], // KEYCTL_GET_KEYRING_ID, of the session
  [EPERM, "get_mempolicy"],
  [EPERM, "personality", 0x40000], // ADDR_NO_RANDOMIZE
  [EPERM, "ioctl", 999, 0x5412], // TIOCSTI; without the filter the descriptor is wrong
  [EINVAL, "prctl", 47, 1], // PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET
  [EAFNOSUPPORT, "socket", 16, 3, 15], // NETLINK_KOBJECT_UEVENT
];

describe("the filter in the kernel", () => {
  beforeEach(({ skip }) => skip(missing !== null, missing ?? ""));

  const filter = compileFilter({ arch: "x86-64" });

  test("refuses every denied call with EPERM", async () => {
    const names = onX86(DENIED_CALLS);
    const errnos = await errnosOf(
      filter,
      names.map((name) => [numberOf(name)]),
    );
    expect(names.filter((_, index) => errnos[index] !== EPERM)).toEqual([]);
  });

  test("refuses them itself, before the kernel's own checks come to it", async () => {
    // The same policy with another errno, which the kernel would not give for these.
    const calls = new Map(DEFAULT_POLICY.calls);
    for (const name of DENIED_CALLS) calls.set(name, "EPROTONOSUPPORT");
    const marked = compileFilter({ arch: "x86-64", policy: { ...DEFAULT_POLICY, calls } });
    const names = onX86(DENIED_CALLS);
    const errnos = await errnosOf(
      marked,
      names.map((name) => [numberOf(name)]),
    );
    expect(names.filter((_, index) => errnos[index] !== EPROTONOSUPPORT)).toEqual([]);
  });

  test("refuses what the same program is not refused without a filter", async () => {
    const calls = TELLING_CALLS.map(([, name, ...args]) => [numberOf(name), ...args]);
    const refused = TELLING_CALLS.map(([errno]) => errno);
    expect(await errnosOf(filter, calls)).toEqual(refused);
    const without = await errnosOf(null, calls);
    const same = TELLING_CALLS.filter(([errno], index) => errno === without[index]);
    expect(same).toEqual([]);
  });

  test("lets clone3, io_uring and landlock look absent", async () => {
    const names = onX86(ABSENT_CALLS);
    const errnos = await errnosOf(
      filter,
      names.map((name) => [numberOf(name)]),
    );
    expect(names.filter((_, index) => errnos[index] !== ENOSYS)).toEqual([]);
  });

  test("kills a program that makes an x32 call", async () => {
    const code = "import ctypes; ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39)); print('alive')";
    const run = await runFiltered(filter, [PYTHON, "-c", code]);
    expect(run).toMatchObject({ code: KILLED_BY_FILTER, stdout: "" });
  });

  test("kills a program that makes an i386 call", async ({ skip }) => {
    // mov eax, 20 (getpid); int 0x80; ret
    const code = `
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(at)() > 0)
`;
    const control = await runFiltered(null, [PYTHON, "-c", code]);
    if (control.stdout !== "True\n") skip("this kernel has no i386 calls");
    const run = await runFiltered(filter, [PYTHON, "-c", code]);
    expect(run).toMatchObject({ code: KILLED_BY_FILTER, stdout: "" });
  });

  test("pretends to sync", async () => {
    expect(await errnosOf(filter, [[numberOf("sync")], [numberOf("syncfs"), 999]])).toEqual([0, 0]);
  });

  for (const { name, needs, argv, stdin } of ORDINARY_PROGRAMS) {
    test(`lets ${name} do its work`, async ({ skip }) => {
      const lacking = needs.filter((path) => !existsSync(path));
      skip(lacking.length > 0, `not installed: ${lacking.join(", ")}`);
      const run = await runFiltered(filter, argv, stdin);
      expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok\n$/) });
    });
  }
});
