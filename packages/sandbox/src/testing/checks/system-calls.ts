/**
 * System calls that no program needs and many escapes began with. Each is made raw, through
 * `syscall(2)`, with arguments that do no harm and, unfiltered, give an error other than "denied".
 */
import assert from "node:assert/strict";
import {
  type Check,
  type CheckDefinition,
  checksOf,
  CheckInconclusiveError,
  CheckNotApplicableError,
} from "../check.ts";
import { assertStatus, c, code, describeOutcome, python, runReport, text } from "../programs.ts";

const prelude = code`
  import ctypes, errno, json, os, signal
  libc = ctypes.CDLL(None, use_errno=True)
  libc.syscall.restype = ctypes.c_long
  libc.ioctl.restype = ctypes.c_int
  buffer = ctypes.create_string_buffer(4096)
  address = ctypes.addressof(buffer)
  nowhere = ctypes.create_string_buffer(b"/nonexistent-contract")
  missing = ctypes.addressof(nowhere)
  here = ctypes.create_string_buffer(b"/")
  root = ctypes.addressof(here)

  def attempt(number, *arguments, clones=False):
      """In a child: a filter may kill, and what succeeds must not last."""
      reader, writer = os.pipe()
      child = os.fork()
      if child == 0:
          ctypes.set_errno(0)
          value = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments])
          if clones and value == 0: os._exit(0)
          error = ctypes.get_errno() if value == -1 else 0
          os.write(writer, json.dumps({"value": value, "error": errno.errorcode.get(error, str(error)) if error else None}).encode())
          os._exit(0)
      os.close(writer)
      said = os.read(reader, 4096)
      status = os.waitpid(child, 0)[1]
      if os.WIFSIGNALED(status): return {"value": -1, "error": signal.Signals(os.WTERMSIG(status)).name}
      return json.loads(said)
`;

/** The answers of a kernel that does not let the call through. */
const DENIED = new Set(["EPERM", "ENOSYS", "EACCES", "SIGSYS"]);

interface Attempt {
  readonly value: number;
  readonly error: string | null;
}

interface Call {
  readonly name: string;
  /** Number on x86-64 and on arm64 (asm/unistd_64.h, asm-generic/unistd.h). */
  readonly numbers: readonly [x64: number, arm64: number];
  /** Python expressions. */
  readonly arguments: string;
  readonly why: string;
  readonly strict?: true;
}

const NEW_USER = 0x10000000;

const CALLS: readonly Call[] = [
  { name: "unshare", numbers: [272, 97], arguments: `${NEW_USER}`, why: "new user namespace" },
  {
    name: "clone",
    numbers: [56, 220],
    arguments: `${NEW_USER + 17}, 0, 0, 0, 0, clones=True`,
    why: "new user namespace",
  },
  { name: "setns", numbers: [308, 268], arguments: "-1, 0", why: "enter a namespace" },
  { name: "mount", numbers: [165, 40], arguments: "missing, missing, missing, 0, 0", why: "mount" },
  { name: "umount2", numbers: [166, 39], arguments: "missing, 0", why: "uncover what a mount hides" },
  { name: "fsopen", numbers: [430, 430], arguments: "missing, 0", why: "mount, new interface (CVE-2022-0185)" },
  { name: "open_tree", numbers: [428, 428], arguments: "-100, missing, 0", why: "mount, new interface" },
  {
    name: "move_mount",
    numbers: [429, 429],
    arguments: "-100, missing, -100, missing, 0",
    why: "mount, new interface",
  },
  {
    name: "mount_setattr",
    numbers: [442, 442],
    arguments: "-100, missing, 0, address, 32",
    why: "make a mount writable",
  },
  { name: "pivot_root", numbers: [155, 41], arguments: "missing, missing", why: "change the root" },
  { name: "chroot", numbers: [161, 51], arguments: "root", why: "change the root" },
  { name: "ptrace", numbers: [101, 117], arguments: "0, 0, 0, 0", why: "control another process", strict: true },
  {
    name: "process_vm_readv",
    numbers: [310, 270],
    arguments: "os.getpid(), 0, 0, 0, 0, 0",
    why: "read another process",
    strict: true,
  },
  {
    name: "process_vm_writev",
    numbers: [311, 271],
    arguments: "os.getpid(), 0, 0, 0, 0, 0",
    why: "write into another process",
    strict: true,
  },
  { name: "pidfd_getfd", numbers: [438, 438], arguments: "-1, 0, 0", why: "take another process's descriptor" },
  { name: "kcmp", numbers: [312, 272], arguments: "os.getpid(), os.getpid(), 0, 0, 0", why: "kernel addresses" },
  { name: "bpf", numbers: [321, 280], arguments: "9999, 0, 0", why: "code in the kernel (CVE-2021-3490)" },
  { name: "perf_event_open", numbers: [298, 241], arguments: "0, 0, -1, -1, 0", why: "side channels (CVE-2013-2094)" },
  { name: "userfaultfd", numbers: [323, 282], arguments: "1", why: "makes races winnable" },
  { name: "io_uring_setup", numbers: [425, 425], arguments: "1, address", why: "calls past the filter (isolate 2.6)" },
  { name: "io_uring_register", numbers: [427, 427], arguments: "-1, 0, 0, 0", why: "calls past the filter" },
  { name: "keyctl", numbers: [250, 219], arguments: "0, -2, 0", why: "keys are not in a namespace (CVE-2016-0728)" },
  { name: "add_key", numbers: [248, 217], arguments: "0, 0, 0, 0, -2", why: "keys are not in a namespace" },
  { name: "request_key", numbers: [249, 218], arguments: "0, 0, 0, -2", why: "starts a program of the host" },
  {
    name: "open_by_handle_at",
    numbers: [304, 265],
    arguments: "-100, 0, 0",
    why: "shocker: open any file of the host by number",
  },
  {
    name: "name_to_handle_at",
    numbers: [303, 264],
    arguments: "-100, missing, address, address + 512, 0",
    why: "the other half of shocker",
  },
  { name: "kexec_load", numbers: [246, 104], arguments: "0, 1000, 0, 0", why: "another kernel" },
  { name: "init_module", numbers: [175, 105], arguments: "0, 0, 0", why: "code in the kernel" },
  { name: "finit_module", numbers: [313, 273], arguments: "-1, 0, 0", why: "code in the kernel" },
  { name: "delete_module", numbers: [176, 106], arguments: "missing, 0x800", why: "code out of the kernel" },
  { name: "reboot", numbers: [169, 142], arguments: "0, 0, 0, 0", why: "the host's power" },
  { name: "swapon", numbers: [167, 224], arguments: "0, 0", why: "the host's memory" },
  { name: "acct", numbers: [163, 89], arguments: "missing", why: "writes to a file of the host" },
  { name: "sethostname", numbers: [170, 161], arguments: "missing, -1", why: "the host's name" },
  { name: "settimeofday", numbers: [164, 170], arguments: "0, 0", why: "the host's clock" },
  { name: "clock_settime", numbers: [227, 112], arguments: "9999, 0", why: "the host's clock" },
  { name: "syslog", numbers: [103, 116], arguments: "3, address, 4096", why: "kernel addresses" },
  {
    name: "personality",
    numbers: [135, 92],
    arguments: "0x0040000",
    why: "switches off address randomisation",
    strict: true,
  },
  { name: "kexec_file_load", numbers: [320, 294], arguments: "-1, -1, 0, 0, 0", why: "another kernel" },
  { name: "swapoff", numbers: [168, 225], arguments: "missing", why: "the host's memory" },
  { name: "quotactl", numbers: [179, 60], arguments: "-1, 0, 0, 0", why: "the host's file systems" },
  { name: "fanotify_init", numbers: [300, 262], arguments: "-1, 0", why: "sees others' file accesses" },
];

const callChecks = CALLS.map(({ name, numbers, arguments: expression, why, strict }): CheckDefinition => ({
  name: `call-${name.replaceAll("_", "-")}`,
  title: `denies ${name} (${why})`,
  control: strict ? "fails" : { mayPass: "denied by the host for the user of the tests" },
  async run({ engine }) {
    const number = numbers[process.arch === "arm64" ? 1 : 0];
    const { value, error } = await runReport<Attempt>(
      engine,
      python(`${prelude}\nprint(json.dumps(attempt(${number}, ${expression})))`),
    );
    assert.ok(error !== null && DENIED.has(error), `${name} got through: ${error ?? value}`);
  },
}));

/** Families that are not the Internet's: AF_* of sys/socket.h. */
const FAMILIES: readonly [string, number, number][] = [
  ["AF_ALG", 38, 5],
  ["AF_VSOCK", 40, 1],
  ["AF_PACKET", 17, 3],
  ["AF_KEY", 15, 3],
  ["AF_XDP", 44, 3],
  ["AF_BLUETOOTH", 31, 3],
  ["AF_CAN", 29, 3],
  ["AF_TIPC", 30, 5],
  ["AF_RDS", 21, 5],
  ["AF_SMC", 43, 1],
  ["AF_NFC", 39, 5],
];

const familyChecks = FAMILIES.map(([name, family, type]): CheckDefinition => ({
  name: `socket-${name.slice(3).toLowerCase()}`,
  title: `denies sockets of the family ${name}`,
  incident: "AF_VSOCK reached the host (isolate 2.6); kernel bugs in rare families",
  control: { mayPass: "the host's kernel has no such family, or denies it" },
  async run({ engine }) {
    const number = process.arch === "arm64" ? 198 : 41;
    const { value, error } = await runReport<Attempt>(
      engine,
      python(`${prelude}\nprint(json.dumps(attempt(${number}, ${family}, ${type}, 0)))`),
    );
    // EAFNOSUPPORT is what a filter says that hides the family, and a kernel that has none.
    const denied = error !== null && (DENIED.has(error) || error === "EAFNOSUPPORT");
    assert.ok(denied, `${name} got through: ${error ?? value}`);
  },
}));

const int80 = code`
  #include <stdio.h>
  #include <unistd.h>
  #include <sys/wait.h>
  int main(void) {
    pid_t child = fork();
    if (child == 0) {
      long result;
      /* 310 is unshare on i386; 0x10000000 is CLONE_NEWUSER. */
      __asm__ volatile("int $0x80" : "=a"(result) : "a"(310), "b"(0x10000000) : "memory", "r8", "r9", "r10", "r11");
      _exit(result == 0 ? 77 : 0);
    }
    int status;
    waitpid(child, &status, 0);
    puts(WIFEXITED(status) && WEXITSTATUS(status) == 77 ? "made" : "denied");
    return 0;
  }
`;

/** Group `kernel`: system calls. */
export const systemCallChecks: readonly Check[] = checksOf("kernel", [
  ...callChecks,
  ...familyChecks,
  {
    name: "call-clone3",
    title: "does not let clone3 make a namespace, whose flags a filter cannot read",
    incident: "filters that list clone and forget clone3",
    control: { mayPass: "denied by the host for the user of the tests" },
    async run({ engine }) {
      // struct clone_args: flags first, exit_signal fifth, each eight bytes (clone(2)).
      const source = code`
        import struct
        buffer[:88] = struct.pack("11Q", ${NEW_USER}, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
        print(json.dumps(attempt(435, address, 88, clones=True)))
      `;
      const { value, error } = await runReport<Attempt>(engine, python(`${prelude}\n${source}`));
      assert.ok(error !== null && DENIED.has(error), `clone3 got through: ${error ?? value}`);
    },
  },
  ...(
    [
      ["tiocsti", 0x5412, "TIOCSTI, which types into a terminal"],
      ["tiocsti-high-bits", 0x1_0000_5412, "TIOCSTI with high bits that the kernel ignores (CVE-2019-10063)"],
      ["tioclinux", 0x541c, "TIOCLINUX, which pastes into a console"],
    ] as const
  ).map(([name, request, title]): CheckDefinition => ({
    name: `ioctl-${name}`,
    title: `denies ${title}`,
    incident: "CVE-2017-5226, CVE-2019-10063, CVE-2023-1523",
    control: "fails",
    async run({ engine }) {
      const number = process.arch === "arm64" ? 29 : 16;
      const { value, error } = await runReport<Attempt>(
        engine,
        python(`${prelude}\nprint(json.dumps(attempt(${number}, 0, ${request}, address)))`),
      );
      assert.ok(error !== null && DENIED.has(error), `the filter let it through: ${error ?? value}`);
    },
  })),
  {
    name: "call-x32",
    title: "denies the x32 numbers of system calls",
    incident: "filters that forget the second table of the x86-64 kernel",
    control: { mayPass: "the host's kernel has no x32 table" },
    async run({ engine }) {
      if (process.arch !== "x64") throw new CheckNotApplicableError("only x86-64 has x32");
      const { value, error } = await runReport<Attempt>(
        engine,
        python(`${prelude}\nprint(json.dumps(attempt(0x40000000 + 272, ${NEW_USER})))`),
      );
      assert.ok(error !== null && DENIED.has(error), `unshare got through as x32: ${error ?? value}`);
    },
  },
  {
    name: "call-i386",
    title: "denies the 32-bit numbers of system calls",
    incident: "filters that do not look at the architecture",
    control: { mayPass: "the host's kernel runs no 32-bit calls" },
    async run({ engine }) {
      if (process.arch !== "x64") throw new CheckNotApplicableError("only x86-64 has int 0x80");
      const outcome = await engine.run(c(int80));
      assertStatus(outcome, "exited");
      if (outcome.exitCode !== 0) throw new CheckInconclusiveError(describeOutcome(outcome));
      assert.equal(text(outcome.stdout), "denied\n");
    },
  },
  {
    name: "ordinary-calls",
    title: "lets through what ordinary programs need: threads, pipes, mmap, subprocesses, epoll, local sockets, clocks",
    async run({ engine }) {
      const source = code`
        import json, mmap, multiprocessing, os, select, socket, subprocess, tempfile, threading, time
        done = []
        thread = threading.Thread(target=lambda: done.append("thread")); thread.start(); thread.join()
        done.append(subprocess.run(["cat"], input=b"pipe", capture_output=True).stdout.decode())
        area = mmap.mmap(-1, 8192); area[:4] = b"mmap"; done.append(area[:4].decode())
        left, right = socket.socketpair(); left.send(b"socketpair"); done.append(right.recv(99).decode())
        poll = select.epoll(); poll.register(left, select.EPOLLOUT); poll.poll(1); done.append("epoll")
        with tempfile.NamedTemporaryFile() as file: file.write(b"x"); done.append("tempfile")
        time.sleep(0.01); time.clock_gettime(time.CLOCK_MONOTONIC); os.urandom(8); os.sched_getaffinity(0)
        with multiprocessing.Pool(2) as pool: done.append(str(sum(pool.map(abs, [-1, -2]))))
        print(json.dumps(done))
      `;
      const done = await runReport<string[]>(engine, python(source));
      assert.deepEqual(done, ["thread", "pipe", "mmap", "socketpair", "epoll", "tempfile", "3"]);
    },
  },
]);
