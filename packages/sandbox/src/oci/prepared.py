"""A started Python interpreter that waits for one program, and then becomes it.

It runs as the program's user in a sandbox of its own that is used once. It holds nothing: no secret, no program, no
state of an earlier run. Talks on descriptor 3, a line each: says "ready"; reads the length of a JSON text, the text, and
the bytes of the files; says "loaded"; reads "go", closes the descriptor, and is the program from there on.
"""

import sys

fresh_modules = frozenset(sys.modules)

import ctypes, json, os, resource, signal
from importlib.machinery import SourceFileLoader

CONTROL = 3
BOX = "/box"
CWD = BOX + "/cwd"


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


def write_file(path, mode, content):
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view):]
    os.close(handle)


def load():
    """Takes the program in, before it or anything of it can run."""
    request = json.loads(read_exactly(int(read_line())))
    for path in request["directories"]:
        os.mkdir(f"{BOX}/{path}")
    for path, mode, size in request["files"]:
        write_file(f"{BOX}/{path}", mode, read_exactly(size))
    return request


def show_command_line(words):
    """Writes the program's argv over this one's (proc(5): arg_start and arg_end), for ps on the host and inside."""
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    if start == 0:
        return  # gVisor does not tell.
    text = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def become(request):
    """A fresh-looking interpreter with the program as `__main__`; gives that module and the program's path."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(CWD)
    source = os.open(f"{BOX}/stdin" if request["stdin"] else "/dev/null", os.O_RDONLY)
    os.dup2(source, 0)
    os.close(source)
    os.environ.update(request["variables"])
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
    for name, (soft, hard) in request["limits"].items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))
    os.close(CONTROL)
    return main, script


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


def end(code):
    """By the interpreter's own end: threads are waited for, exit functions run, streams are flushed."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


say("ready")
request = load()
say("loaded")
if read_line() != b"go":
    os._exit(1)
main, script = become(request)
# Programs find only what a fresh interpreter has imported.
hidden = [sys.modules.pop(name) for name in set(sys.modules) - fresh_modules if name != "__main__"]
del request
end(run_main(main, script))
