"""The template process: a started Python interpreter that forks one child per run into namespaces of its own.

It runs inside a sandbox that holds nothing: no secret, no program, no state of an earlier run. It never reads
a byte of a request; the fork that serves the request does. Talks on descriptor 3, a line each:

  template   "ready", then for every "run": forks, says "forked", waits for the fork, says "idle"
  the fork   reads "go", the length of a JSON text, the text, the bytes of the files; makes the namespaces; forks process 1,
             which mounts, drops everything, forks the program, reaps, and reports as the launcher shell does:
             ["signal" and] "ran CODE", then, for a failure, "check" or "bye"

Descriptors 0-2 are those of the template; the program gets the named pipes of its slot.
"""

import sys

fresh_modules = frozenset(sys.modules)

import atexit, ctypes, fcntl, gc, json, os, resource, signal, socket, struct
from importlib.machinery import SourceFileLoader

CONTROL = 3
PIPES = "/run/crucible"
BOX = "/box"
CWD = BOX + "/cwd"

# linux/sched.h, linux/prctl.h, linux/mount.h, linux/capability.h, linux/sockios.h, linux/if.h
NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 22, 24, 38, 47
SECCOMP_MODE_FILTER, PR_CAP_AMBIENT_CLEAR_ALL = 2, 4
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
CAPABILITY_VERSION_3 = 0x20080522
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(kind, place, flags, options=None):
    check(libc.mount(kind, place, kind, flags, options), f"mount {kind.decode()} on {place.decode()}")


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(CONTROL, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line[:-1]


def read_exactly(size):
    parts = []
    while size > 0:
        part = os.read(CONTROL, min(size, 1 << 20))
        if not part:
            os._exit(1)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def say(text):
    os.write(CONTROL, text.encode() + b"\n")


def write_text(path, text):
    handle = os.open(path, os.O_WRONLY)
    os.write(handle, text)
    os.close(handle)


def write_file(path, content):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755)
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view):]
    os.close(handle)


def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        request = fcntl.ioctl(link, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))


def drop_capabilities():
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear ambient capabilities")
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, bytes(24)), "drop capabilities")


def unshare(user):
    check(libc.unshare(NEW_NAMESPACES), "unshare")
    write_text("/proc/self/setgroups", b"deny")
    write_text("/proc/self/uid_map", b"%d %d 1" % (user, user))
    write_text("/proc/self/gid_map", b"%d %d 1" % (user, user))


def prepare(request):
    """In process 1: everything private that the program finds, and nothing that it may not keep."""
    outputs = [os.open(f"{PIPES}/{name}", os.O_WRONLY) for name in ("stdout", "stderr")]
    mount(b"proc", b"/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    write_text("/proc/sys/user/max_user_namespaces", b"0")
    mount(b"tmpfs", b"/box", MS_NOSUID | MS_NODEV, b"size=%d,mode=0755" % request["tmpfsBytes"])
    for name, mode in (("cwd", 0o755), ("build", 0o755), ("home", 0o755), ("tmp", 0o1777), ("shm", 0o1777)):
        os.mkdir(f"{BOX}/{name}")
        os.chmod(f"{BOX}/{name}", mode)
    link = f"{BOX}/{request['bait']['link']}"
    os.mkdir(os.path.dirname(link))
    os.symlink(request["bait"]["target"], link)
    # Over the pipes: the program has its two as descriptors, and no way to the directory.
    mount(b"tmpfs", PIPES.encode(), MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, b"size=4096,mode=0555")
    for directory in request["directories"]:
        os.mkdir(f"{CWD}/{directory}")
    for path, size in request["files"]:
        write_file(f"{BOX}/{path}", read_exactly(size))
    raise_loopback()
    drop_capabilities()
    return outputs


def set_limits(limits):
    for name, (soft, hard) in limits.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))


def show_command_line(words):
    """Writes the program's argv over the template's (proc(5): arg_start and arg_end), for ps on the host and inside."""
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    text = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def become_program(request, outputs):
    """In the program's process: a fresh-looking interpreter, then the program as `__main__`. Never returns."""
    check(libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), "dumpable")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(CWD)
    # Never the template's own descriptor 0: its flags and locks would be shared by all runs.
    source = os.open(f"{BOX}/stdin" if request["stdin"] else "/dev/null", os.O_RDONLY)
    os.dup2(source, 0)
    os.dup2(outputs[0], 1)
    os.dup2(outputs[1], 2)
    os.environ.update(request["bait"]["variables"])
    script = f"{CWD}/./{request['entry']}"
    main = type(sys)("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__annotations__ = {}
    main.__loader__ = SourceFileLoader("__main__", script)
    main.__file__ = script
    main.__cached__ = None
    sys.modules["__main__"] = main
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    sys.argv[:] = [f"./{request['entry']}", *request["args"]]
    sys.orig_argv[:] = [sys.orig_argv[0], *sys.argv]
    show_command_line(sys.orig_argv)
    set_limits(request["limits"])
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")
    # The last step: until here a fault can still be told.
    os.closerange(CONTROL, 4096)
    end(run_main(main, script))


def run_main(main, script):
    """Runs the file as the interpreter would; gives the exit code, or minus the signal to end by."""
    try:
        with open(script, "rb") as file:
            source = file.read()
        exec(compile(source, script, "exec", dont_inherit=True), main.__dict__)
        return 0
    except SystemExit as ending:
        code = ending.code
        if code is None or isinstance(code, int):
            return (code or 0) & 0xFF
        print(code, file=sys.stderr)
        return 1
    except BaseException as fault:
        # Without this function's own frame, which is the outermost.
        trace = fault.__traceback__.tb_next
        fault.__traceback__ = trace
        sys.last_type, sys.last_value, sys.last_traceback = type(fault), fault, trace
        try:
            sys.excepthook(type(fault), fault, trace)
        except BaseException:
            sys.__excepthook__(type(fault), fault, trace)
        return -signal.SIGINT if isinstance(fault, KeyboardInterrupt) else 1


def clear(module):
    """As _PyModule_Clear: private names first, then the rest but the builtins."""
    for private in (True, False):
        for name in list(module.__dict__):
            if name != "__builtins__" and private == (name.startswith("_") and not name.startswith("__")):
                module.__dict__[name] = None


def end(code):
    """
    Ends the program's process: what the interpreter does at its end, but only for what the program made.
    To take apart the modules it shares with the template would copy all their pages: 4 ms of a run of 7 ms.
    """
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit._run_exitfuncs()
    made = [module for name, module in sys.modules.items() if name not in fresh_modules or name == "__main__"]
    for name in [name for name, module in sys.modules.items() if module in made]:
        del sys.modules[name]
    sys.last_type = sys.last_value = sys.last_traceback = None
    gc.collect()
    for module in reversed(made):
        if isinstance(module, type(sys)):
            clear(module)
    gc.collect()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):
            pass  # None, or closed by the program.
        except OSError:
            code = 120  # As Py_FinalizeEx.
    libc.fflush(None)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def is_alone():
    """In process 1: whether no process is left inside but itself. The dead that nobody waited for do not count."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
        os.kill(-1, 0)
        return False
    except (ChildProcessError, ProcessLookupError):
        return True


def report(status, request):
    """As the launcher shell does, its silence about SIGINT and SIGPIPE included: one program, one outcome."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGINT, signal.SIGPIPE):
            say("signal")
        say(f"ran {128 + number}")
    else:
        say(f"ran {os.WEXITSTATUS(status)}")
        if status == 0:
            return
    if read_line() != b"check":
        return
    space = os.statvfs(BOX)
    say(f"tmpfs {space.f_blocks} 0 {space.f_bavail * space.f_frsize // 1024} 0% {BOX}")
    for folder, _, names in os.walk(BOX):
        for name in names:
            try:
                if os.lstat(os.path.join(folder, name)).st_size == request["fileSizeBytes"]:
                    return say("full x\nchecked")
            except OSError:
                pass
    say("checked")


def first_process(request):
    os.setsid()
    outputs = prepare(request)
    # Before there is a program: nobody of the same user may open this process in /proc, and no signal from
    # inside reaches a process 1 without a handler (pid_namespaces(7)); Python has one for SIGINT.
    check(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "undumpable")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    child = os.fork()
    if child == 0:
        become_program(request, outputs)
    for output in outputs:
        os.close(output)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    if not is_alone():
        say("left")
    report(status, request)
    os._exit(0)


def serve_one():
    """The fork: waits until it is in its control group, then reads the request. Never returns."""
    if read_line() != b"go":
        os._exit(1)
    request = json.loads(read_exactly(int(read_line())))
    unshare(os.getuid())
    child = os.fork()
    if child == 0:
        first_process(request)
    _, status = os.waitpid(child, 0)
    os._exit(0 if status == 0 else 1)


def rehearse():
    """Makes the namespaces and mounts once: a host that refuses them must be known before a run needs them."""
    child = os.fork()
    if child == 0:
        try:
            unshare(os.getuid())
            inner = os.fork()
            if inner == 0:
                mount(b"proc", b"/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
                write_text("/proc/sys/user/max_user_namespaces", b"0")
                mount(b"tmpfs", b"/box", MS_NOSUID | MS_NODEV, b"size=4096,mode=0755")
                os._exit(0)
            os._exit(0 if os.waitpid(inner, 0)[1] == 0 else 1)
        except OSError as fault:
            os.write(2, f"template: {fault}\n".encode())
            os._exit(1)
    if os.waitpid(child, 0)[1] != 0:
        os._exit(1)


def serve():
    """The template itself. Never returns."""
    rehearse()
    say("ready")
    while True:
        if read_line() != b"run":
            os._exit(1)
        child = os.fork()
        if child == 0:
            try:
                serve_one()
            except OSError as fault:
                # Nothing of the program has run: the sandbox could not be made.
                os.write(2, f"template: {fault}\n".encode())
                say("broken")
                os._exit(1)
        say("forked")
        if os.waitpid(child, 0)[1] != 0:
            # Bytes of the request may be left on the socket, and processes of the run below this one. As process 1
            # of its namespace the template takes the processes with it, and nobody reads the bytes.
            os._exit(1)
        say("idle")


with open("/etc/crucible-seccomp.bpf", "rb") as stored:
    instructions = ctypes.create_string_buffer(stored.read())
program = Program((len(instructions) - 1) // 8, ctypes.cast(instructions, ctypes.c_void_p))
# Programs find only what a fresh interpreter has imported. Held on to: taking modules apart in every fork is slow.
hidden = [sys.modules.pop(name) for name in set(sys.modules) - fresh_modules]
gc.collect()
gc.freeze()
serve()
