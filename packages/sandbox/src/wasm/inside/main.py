# Starts a program as `python3 FILE` would. The last expression is what the bootstrap calls.
def _run(request):
    import json, os, random, sys
    header = json.loads(request)
    # The interpreter is restored from an image: what it had drawn before is the same in every run.
    random.seed()
    os.makedirs("/box/home", exist_ok=True)
    os.makedirs("/tmp", exist_ok=True)
    os.chdir("/box/cwd")
    # The interpreter's own variables name things that are not there.
    os.environ.clear()
    os.environ.update({"HOME": "/box/home", "TMPDIR": "/tmp", "LANG": "C.UTF-8", "USER": "box"})
    os.environ.update(header["env"])
    path = "./" + header["entry"]
    sys.argv = [path, *header["args"]]
    sys.path[:1] = ["/".join(["/box/cwd", *header["entry"].split("/")[:-1]])]
    if "" in sys.path:
        sys.path.remove("")
    import types
    main = types.ModuleType("__main__")
    main.__file__ = path
    main.__builtins__ = __builtins__
    sys.modules["__main__"] = main
    status = 0
    try:
        with open(path, "rb") as file:
            source = file.read()
        exec(compile(source, path, "exec", dont_inherit=True), main.__dict__)
    except SystemExit as end:
        status = end.code
        if status is None:
            status = 0
        elif not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except BaseException as error:
        status = 1
        frames = error.__traceback__
        # Our own frame is none of the program's; a SyntaxError has no other.
        sys.excepthook(type(error), error, frames and frames.tb_next)
    import atexit
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            status = status or 120
    return status & 255
_run
