"""A started Python interpreter that waits for one program, and then becomes it.

It runs as the program's user in a sandbox of its own that is used once. It holds nothing: no secret, no program, no
state of an earlier run. Talks on descriptor 3, a line each: says "ready"; reads the length of a JSON text, the text, and
the bytes of the files; says "loaded"; reads "go", closes the descriptor, and is the program from there on.
"""

import sys

fresh_modules = frozenset(sys.modules)

import json, os, resource, signal
from crucible_program import command_line_place, make_main, run_main

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


def become(request):
    """A fresh-looking interpreter with the program as `__main__`; gives that module."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(CWD)
    source = os.open(f"{BOX}/stdin" if request["stdin"] else "/dev/null", os.O_RDONLY)
    os.dup2(source, 0)
    os.close(source)
    os.environ.update(request["variables"])
    main = make_main(request["entry"], request["args"], command_line_place())
    for name, (soft, hard) in request["limits"].items():
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (soft, hard))
    os.close(CONTROL)
    return main


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
main = become(request)
# Programs find only what a fresh interpreter has imported.
hidden = [sys.modules.pop(name) for name in set(sys.modules) - fresh_modules if name != "__main__"]
del request
end(run_main(main))
