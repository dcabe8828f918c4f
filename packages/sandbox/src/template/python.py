"""The template process: a started Python interpreter that forks one child per run into namespaces of its own.

It runs inside a sandbox that holds nothing: no secret, no program, no state of an earlier run. It never reads a byte of
a request; the fork that serves the request does. Talks on descriptor 3, a line each:

  template     "ready", then for every "prepare": process 1 of a run, until that has ended; then "idle"
  process 1    makes the namespaces, says "made"; at "placed" (in its control group) forks the program's process; waits
               for its end, and reports as the launcher shell does: ["left" and] ["signal" and] "ran CODE", then, for a
               failure, reads "check SIZE" or "bye"; a fork that has not read all of its request is not reported
  the fork     says "prepared"; reads "go", the length of a JSON text, the text, the bytes of the files; fills /box,
               drops everything, and becomes the program

Descriptors 0-2 are those of the template; the program gets the named pipes of its slot.
"""

import sys

fresh_modules = frozenset(sys.modules)

# The modules without an underscore make enumerations, which every fork would copy pages of.
import _signal, _socket, gc, json, os, resource, select
from crucible_kernel import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_REMOUNT, drop_bounding_set, drop_capabilities
from crucible_kernel import fork_into_namespaces, install_filter, let_socket_be_made, listen_for_sockets, load_filter
from crucible_kernel import mount, raise_loopback, set_dumpable, write_text
from crucible_program import command_line_place, end, make_main, run_main

CONTROL = 3
BOX = "/box"
CWD = BOX + "/cwd"
PIPES = BOX + "/pipes"  # in the template's /box, which a run's covers
EMPTY_BOX_BYTES = 64 << 10
NETWORK_UNUSED, FAILED, NETWORK_USED = 0, 1, 2
USER = os.getuid()  # inside a namespace without a map it would be nobody


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(CONTROL, 1)
        if not byte:
            os._exit(1)
        line += byte
    return line[:-1]


def parts_of(size):
    """The next bytes, in parts: the run's memory has to hold them in its box already."""
    while size > 0:
        part = os.read(CONTROL, min(size, 64 << 10))
        if not part:
            os._exit(1)
        yield part
        size -= len(part)


def read_exactly(size):
    return b"".join(parts_of(size))


def say(text):
    os.write(CONTROL, text.encode() + b"\n")


def receive_file(path, size):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o755)
    for part in parts_of(size):
        view = memoryview(part)
        while view:
            view = view[os.write(handle, view):]
    os.close(handle)


def enter(fresh_network):
    """In process 1: names its user, and makes what all programs find alike."""
    write_text("/proc/self/setgroups", b"deny")
    write_text("/proc/self/uid_map", b"%d %d 1" % (USER, USER))
    write_text("/proc/self/gid_map", b"%d %d 1" % (USER, USER))
    os.setsid()
    mount(b"proc", b"/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    write_text("/proc/sys/user/max_user_namespaces", b"0")
    if fresh_network:
        raise_loopback()
    # Before there is a program: nobody of the same user may open this process in /proc, and no signal from
    # inside reaches a process 1 without a handler (pid_namespaces(7)); Python has one for SIGINT.
    set_dumpable(0)
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)


def make_box():
    """Before there is a request: everything private that the program finds. Gives the directory of the pipes."""
    # The program has its two pipes as descriptors, and no way to their directory below this mount.
    pipes = os.open(PIPES, os.O_PATH | os.O_DIRECTORY)
    mount(b"tmpfs", BOX.encode(), MS_NOSUID | MS_NODEV, b"size=%d,mode=0755" % EMPTY_BOX_BYTES)
    mask = os.umask(0)
    for name, mode in (("cwd", 0o755), ("build", 0o755), ("home", 0o755), ("tmp", 0o1777), ("shm", 0o1777)):
        os.mkdir(f"{BOX}/{name}", mode)
    os.umask(mask)
    os.chdir(CWD)
    return pipes


def fill_box(request):
    mount(b"tmpfs", BOX.encode(), MS_REMOUNT | MS_NOSUID | MS_NODEV, b"size=%d" % request["tmpfsBytes"])
    link = f"{BOX}/{request['bait']['link']}"
    os.mkdir(os.path.dirname(link))
    os.symlink(request["bait"]["target"], link)
    for directory in request["directories"]:
        os.mkdir(f"{CWD}/{directory}")
    for path, size in request["files"]:
        receive_file(f"{BOX}/{path}", size)


def set_limits(limits):
    for name, (soft, hard) in limits.items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))


def become_program(has_read):
    """
    In the program's process: a fresh-looking interpreter, then the program as `__main__`. Never returns. Writes to
    `has_read` once no byte of the request is left on the socket.
    """
    drop_bounding_set()
    pipes = make_box()
    # Not the template's own: its flags and locks would be shared by all runs.
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    warm_up()
    if state["rehearsal"]:
        _socket.socket().close()
        os._exit(0)
    say("prepared")
    if read_line() != b"go":
        os._exit(1)
    request = json.loads(read_exactly(int(read_line())))
    outputs = [os.open(name, os.O_WRONLY, dir_fd=pipes) for name in ("stdout", "stderr")]
    fill_box(request)
    os.write(has_read, b"1")
    drop_capabilities()
    set_dumpable(1)
    _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    if request["stdin"]:
        os.dup2(os.open(f"{BOX}/stdin", os.O_RDONLY), 0)
    os.dup2(outputs[0], 1)
    os.dup2(outputs[1], 2)
    for name, value in request["bait"]["variables"].items():
        os.environ[name] = value
    main = make_main(request["entry"], request["args"], COMMAND_LINE)
    set_limits(request["limits"])
    install_filter(FILTER)
    # The last step: until here a fault can still be told.
    os.closerange(CONTROL, 4096)
    end(run_main(main), fresh_modules)


def is_alone():
    """In process 1: whether no process is left inside but itself. The dead that nobody waited for do not count."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
        os.kill(-1, 0)
        return False
    except (ChildProcessError, ProcessLookupError):
        return True


def look_at_box(size):
    """Says whether the disk is full, or a file has reached the size that none may pass."""
    space = os.statvfs(BOX)
    say(f"tmpfs {space.f_blocks} 0 {space.f_bavail * space.f_frsize // 1024} 0% {BOX}")
    for folder, _, names in os.walk(BOX):
        for name in names:
            try:
                if os.lstat(os.path.join(folder, name)).st_size == size:
                    return say("full x\nchecked")
            except OSError:
                pass
    say("checked")


def tell(fault):
    os.write(2, f"template: {fault}\n".encode())
    if not state["rehearsal"]:  # What a host refuses there, the template does without or ends of.
        say("broken")


def report(status):
    """As the launcher shell does, its silence about SIGINT and SIGPIPE included: one program, one outcome."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (_signal.SIGINT, _signal.SIGPIPE):
            say("signal")
        say(f"ran {128 + number}")
    else:
        say(f"ran {os.WEXITSTATUS(status)}")
        if status == 0:
            return
    word, _, size = read_line().partition(b" ")
    if word == b"check":
        look_at_box(int(size))
    elif word != b"bye":
        raise ValueError("a stray line")


def warm_up():
    """
    Uses what every program will: in the template so that it is there, and in a fork, while nobody waits, so that the
    fork has its own copies of the pages that this writes to.
    """
    json.loads('{"a": [1, {"b": "c"}]}')
    exec(compile("def f(a, b=1):\n    return a + b\nclass C:\n    pass\nx = [f(i) for i in (1, 2)]\n", "", "exec"), {})
    gc.collect()


def await_end(child, listener):
    """
    Reaps until `child` has ended. Gives its status, and whether anybody has made a socket meanwhile; that is known
    where there is a listener.
    """
    if listener is None:
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == child:
                return status, False
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, lambda *_: None)
    waiting = select.poll()
    waiting.register(woken, select.POLLIN)
    waiting.register(listener, select.POLLIN)
    has_socket = False
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == child:
            return status, has_socket
        if pid != 0:
            continue
        for descriptor, _ in waiting.poll():
            if descriptor == woken:
                os.read(woken, 4096)
            else:
                has_socket = True
                let_socket_be_made(listener)


def first_process():
    """Process 1 of a run, in namespaces of its own. Gives its exit status, one of those below."""
    enter(state["fresh_network"])
    # Whoever makes no socket can leave nothing in a network namespace, and learn nothing of one.
    listener = None if state["fresh_network"] else listen_for_sockets()
    if not state["rehearsal"]:
        say("made")
        if read_line() != b"placed":
            return FAILED
    read_yet, has_read = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if listener is not None:
                os.close(listener)
            become_program(has_read)
        except BaseException as fault:
            tell(fault)
            os._exit(1)
    os.close(has_read)
    drop_capabilities()  # for good: nothing is executed here
    status, has_socket = await_end(child, listener)
    if state["rehearsal"]:
        return FAILED if status != 0 else NETWORK_USED if has_socket else NETWORK_UNUSED
    if not os.read(read_yet, 1):
        # It ended while it read the request, out of memory say. The rest of that, on the socket, is bytes of a client's
        # choice: neither this process nor the template may read them as words of ours.
        return FAILED
    if listener is not None and not has_socket:
        say("unconnected")
    if not is_alone():
        say("left")
    report(status)
    return NETWORK_USED if has_socket else NETWORK_UNUSED


def run_first_process():
    """Gives how it ended."""
    child = fork_into_namespaces(state["fresh_network"])
    if child != 0:
        status = os.waitpid(child, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else FAILED
    ending = FAILED
    try:
        ending = first_process()
    except BaseException as fault:
        tell(fault)
    os._exit(ending)


def serve():
    """The template itself. Never returns."""
    state["fresh_network"] = True
    # A host that refuses must be known before a run needs it.
    if run_first_process() != NETWORK_UNUSED:
        os._exit(1)
    # A namespace in which nobody has made a socket is as good as new, and a new one costs as much as all the others.
    # It can be had where the kernel tells of sockets; in the rehearsal there is one.
    state["fresh_network"] = False
    state["fresh_network"] = run_first_process() != NETWORK_USED
    state["rehearsal"] = False
    say("ready")
    while True:
        if read_line() != b"prepare":
            os._exit(1)
        ending = run_first_process()
        if ending not in (NETWORK_UNUSED, NETWORK_USED):
            # Bytes of the request may be left on the socket. As process 1 of its namespace the template takes all
            # processes with it, and nobody reads the bytes.
            os._exit(1)
        state["fresh_network"] = state["fresh_network"] or ending == NETWORK_USED
        say("idle")


FILTER = load_filter("/etc/crucible-seccomp.bpf")
state = {"rehearsal": True, "fresh_network": False}
COMMAND_LINE = command_line_place()
# Programs find only what a fresh interpreter has imported. Held on to: taking modules apart in every fork is slow.
hidden = [sys.modules.pop(name) for name in set(sys.modules) - fresh_modules]
warm_up()
gc.freeze()
serve()
