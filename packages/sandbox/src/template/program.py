"""What makes a started interpreter into one that runs a program: for the template's forks and the waiting ones of runtimes."""

import _signal, atexit, ctypes, gc, os, sys
from importlib.machinery import SourceFileLoader


def command_line_place():
    """Where in memory the interpreter's own argv is (proc(5): arg_start and arg_end)."""
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    return int(fields[45]), int(fields[46])


def show_command_line(place, words):
    """Writes the program's argv over the interpreter's, for ps on the host and inside."""
    start, end = place
    if start == 0:
        return  # gVisor does not tell.
    text = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


def make_main(entry, args, place):
    """Replaces `__main__`, sys.argv and the command line. Gives the module."""
    script = f"{os.getcwd()}/./{entry}"
    main = type(sys)("__main__")
    main.__builtins__ = sys.modules["builtins"]
    main.__annotations__ = {}
    main.__loader__ = SourceFileLoader("__main__", script)
    main.__file__ = script
    main.__cached__ = None
    sys.modules["__main__"] = main
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    sys.argv[:] = [f"./{entry}", *args]
    sys.orig_argv[:] = [sys.orig_argv[0], *sys.argv]
    show_command_line(place, sys.orig_argv)
    return main


def read_file(path):
    """Not `open`, whose layers a program that does not use them need not have in its own pages."""
    handle = os.open(path, os.O_RDONLY)
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    os.close(handle)
    return b"".join(parts)


def run_main(main):
    """Runs the file as the interpreter would; gives the exit code, or minus the signal to end by."""
    script = main.__file__
    try:
        exec(compile(read_file(script), script, "exec", dont_inherit=True), main.__dict__)
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
        return -_signal.SIGINT if isinstance(fault, KeyboardInterrupt) else 1


def clear(module):
    """As _PyModule_Clear: private names first, then the rest but the builtins."""
    for private in (True, False):
        for name in list(module.__dict__):
            if name != "__builtins__" and private == (name.startswith("_") and not name.startswith("__")):
                module.__dict__[name] = None


def end(code, fresh_modules):
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
    ctypes.CDLL(None).fflush(None)
    if code < 0:
        _signal.signal(-code, _signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
