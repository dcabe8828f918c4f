"""What the template asks of the kernel beyond what the interpreter's own modules have."""

import _signal, _socket, ctypes, fcntl, os, struct

# linux/sched.h, linux/prctl.h, linux/mount.h, linux/capability.h, linux/sockios.h, linux/if.h
NEW_NAMESPACES = 0x10000000 | 0x00020000 | 0x20000000 | 0x08000000 | 0x04000000 | 0x02000000
NEW_NETWORK = 0x40000000
PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 22, 24, 38, 47
SECCOMP_MODE_FILTER, PR_CAP_AMBIENT_CLEAR_ALL = 2, 4
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 2, 4, 8, 32
CAPABILITY_VERSION_3 = 0x20080522
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1

CLONE, SECCOMP, SOCKET, SOCKETPAIR = {"x86_64": (56, 317, 41, 53), "aarch64": (220, 277, 198, 199)}[os.uname().machine]

# linux/seccomp.h, linux/bpf_common.h; the requests are alike on x86 and arm64.
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1, 8, 1
SECCOMP_RET_USER_NOTIF, SECCOMP_RET_ALLOW = 0x7FC00000, 0x7FFF0000
NOTIFICATION_RECEIVE, NOTIFICATION_SEND, NOTIFICATION_BYTES = 0xC0502100, 0xC0182101, 80
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06

libc = ctypes.CDLL(None, use_errno=True)
# Keeps the interpreter's lock, which a process that it makes has then too.
libc_locked = ctypes.PyDLL(None, use_errno=True)


class Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(kind, place, flags, options=None):
    check(libc.mount(kind, place, kind, flags, options), f"mount {kind.decode()} on {place.decode()}")


def write_text(path, text):
    handle = os.open(path, os.O_WRONLY)
    os.write(handle, text)
    os.close(handle)


def raise_loopback():
    link = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    request = fcntl.ioctl(link, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
    flags = struct.unpack("16sh14x", request)[1]
    fcntl.ioctl(link, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP))
    link.close()


def drop_bounding_set():
    for capability in range(64):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break


def drop_capabilities():
    check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), "clear ambient capabilities")
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, bytes(24)), "drop capabilities")


def set_dumpable(value):
    """At 0 nobody of the same user may open this process in /proc."""
    check(libc.prctl(PR_SET_DUMPABLE, value, 0, 0, 0), "dumpable")


def load_filter(path):
    """The seccomp program in a file, as `install_filter` takes it. Must be held on to until then."""
    with open(path, "rb") as stored:
        instructions = ctypes.create_string_buffer(stored.read())
    return Program((len(instructions) - 1) // 8, ctypes.cast(instructions, ctypes.c_void_p)), instructions


def install_filter(loaded):
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(loaded[0]), 0, 0), "seccomp")


def fork_into_namespaces(fresh_network):
    """
    As os.fork, into new namespaces. Not os.fork and unshare, which would take a fork more: process 1 of a process
    namespace is a child of who made it.
    """
    flags = NEW_NAMESPACES | _signal.SIGCHLD | (NEW_NETWORK if fresh_network else 0)
    child = libc_locked.syscall(CLONE, flags, 0, 0, 0, 0)
    check(child, "clone")
    return child


def listen_for_sockets():
    """
    Has the kernel tell of every `socket` and `socketpair` call of this process and those that it forks from now on,
    before it is made. The second makes only local sockets, but those can be bound to a name, and sent within each other.
    Needs CAP_SYS_ADMIN in the own user namespace; a filter that is installed later may still refuse the call. Gives a
    descriptor to poll, for `let_socket_be_made`.
    """
    instruction = struct.Struct("HBBI")
    words = b"".join(
        instruction.pack(*one)
        for one in (
            (LOAD_WORD, 0, 0, 0),  # the number of the call
            (JUMP_IF_EQUAL, 1, 0, SOCKET),
            (JUMP_IF_EQUAL, 0, 1, SOCKETPAIR),
            (RETURN, 0, 0, SECCOMP_RET_USER_NOTIF),
            (RETURN, 0, 0, SECCOMP_RET_ALLOW),
        )
    )
    stored = ctypes.create_string_buffer(words, len(words))
    filter = Program(len(words) // 8, ctypes.cast(stored, ctypes.c_void_p))
    listener = libc.syscall(
        SECCOMP, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, ctypes.byref(filter)
    )
    check(listener, "listen for sockets")
    return listener


def let_socket_be_made(listener):
    """One call, if there is still one waiting: who made it may have been ended."""
    notification = bytearray(NOTIFICATION_BYTES)
    try:
        fcntl.ioctl(listener, NOTIFICATION_RECEIVE, notification)
    except (FileNotFoundError, InterruptedError):
        return
    call = struct.unpack_from("=Q", notification)[0]
    answer = struct.pack("=QqiI", call, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE)
    while True:
        try:
            fcntl.ioctl(listener, NOTIFICATION_SEND, answer)
            return
        except FileNotFoundError:
            return
        except InterruptedError:
            pass  # The end of a child. The call would wait for ever.
