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
import { type Looks, seen } from "../looks.ts";
import { assertStatus, c, code, describeOutcome, python, runReport, text } from "../programs.ts";
import { CALLS, NEW_USER } from "./system-call-table.ts";

const prelude = code`
  import ctypes, errno, json, os, signal, struct
  libc = ctypes.CDLL(None, use_errno=True)
  libc.syscall.restype = ctypes.c_long
  libc.ioctl.restype = ctypes.c_int
  buffer = ctypes.create_string_buffer(4096)
  address = ctypes.addressof(buffer)
  nowhere = ctypes.create_string_buffer(b"/nonexistent-contract")
  missing = ctypes.addressof(nowhere)
  here = ctypes.create_string_buffer(b"/")
  root = ctypes.addressof(here)
  # struct clone_args: flags first, exit_signal fifth, each eight bytes (clone(2)).
  clone_arguments = ctypes.create_string_buffer(struct.pack("11Q", ${NEW_USER}, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0))
  clone3 = ctypes.addressof(clone_arguments)

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

const isArm = process.arch === "arm64";

const callChecks = CALLS.map(({ name, why, strict }): CheckDefinition => ({
  name: `call-${name.replaceAll("_", "-")}`,
  title: `denies ${name} (${why})`,
  control: strict ? "fails" : { mayPass: "denied by the host for the user of the tests" },
  async run(target) {
    const { value, error } = await seen<Attempt>(target, ATTEMPTS, name);
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

const familyChecks = FAMILIES.map(([name]): CheckDefinition => ({
  name: `socket-${name.slice(3).toLowerCase()}`,
  title: `denies sockets of the family ${name}`,
  incident: "AF_VSOCK reached the host (isolate 2.6); kernel bugs in rare families",
  control: { mayPass: "the host's kernel has no such family, or denies it" },
  async run(target) {
    const { value, error } = await seen<Attempt>(target, ATTEMPTS, name);
    // EAFNOSUPPORT is what a filter says that hides the family, and a kernel that has none.
    const denied = error !== null && (DENIED.has(error) || error === "EAFNOSUPPORT");
    assert.ok(denied, `${name} got through: ${error ?? value}`);
  },
}));

const TERMINAL_REQUESTS: readonly (readonly [name: string, request: number, title: string])[] = [
  ["tiocsti", 0x5412, "TIOCSTI, which types into a terminal"],
  ["tiocsti-high-bits", 0x1_0000_5412, "TIOCSTI with high bits that the kernel ignores (CVE-2019-10063)"],
  ["tioclinux", 0x541c, "TIOCLINUX, which pastes into a console"],
];

/** Every call in a child process of its own: none can change what another is told. */
const ATTEMPTS: Looks = {
  prelude,
  expressions: Object.fromEntries([
    ...CALLS.map(({ name, numbers, arguments: given }) => [name, `attempt(${numbers[isArm ? 1 : 0]}, ${given})`]),
    ...FAMILIES.map(([name, family, type]) => [name, `attempt(${isArm ? 198 : 41}, ${family}, ${type}, 0)`]),
    ...TERMINAL_REQUESTS.map(([name, request]) => [name, `attempt(${isArm ? 29 : 16}, 0, ${request}, address)`]),
    ["clone3", "attempt(435, clone3, 88, clones=True)"],
    ...(process.arch === "x64" ? [["x32", `attempt(0x40000000 + 272, ${NEW_USER})`]] : []),
  ]),
};

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
    async run(target) {
      const { value, error } = await seen<Attempt>(target, ATTEMPTS, "clone3");
      assert.ok(error !== null && DENIED.has(error), `clone3 got through: ${error ?? value}`);
    },
  },
  ...TERMINAL_REQUESTS.map(([name, , title]): CheckDefinition => ({
    name: `ioctl-${name}`,
    title: `denies ${title}`,
    incident: "CVE-2017-5226, CVE-2019-10063, CVE-2023-1523",
    control: "fails",
    async run(target) {
      const { value, error } = await seen<Attempt>(target, ATTEMPTS, name);
      assert.ok(error !== null && DENIED.has(error), `the filter let it through: ${error ?? value}`);
    },
  })),
  {
    name: "call-x32",
    title: "denies the x32 numbers of system calls",
    incident: "filters that forget the second table of the x86-64 kernel",
    control: { mayPass: "the host's kernel has no x32 table" },
    async run(target) {
      if (process.arch !== "x64") throw new CheckNotApplicableError("only x86-64 has x32");
      const { value, error } = await seen<Attempt>(target, ATTEMPTS, "x32");
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
