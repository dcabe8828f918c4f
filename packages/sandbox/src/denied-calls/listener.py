"""
Answers the system calls that containers are refused: EPERM, always. Before it answers it writes the call's number
to a file of the container's, so that whoever reads that file after the program's end misses none.

Arguments: the socket to listen at, the directory of the files, the most calls to answer for one container.
On the socket: a container runtime (OCI runtime specification, config-linux.md, "The Container Process State"), whose
descriptor is a seccomp listener (seccomp_unotify(2)). The kernel fills in structures of a fixed size; nothing of a
program's memory is read. Ends when its standard input does.
"""

import array
import errno
import fcntl
import json
import os
import re
import select
import socket
import struct
import sys

SOCKET, DIRECTORY, MOST = sys.argv[1], sys.argv[2], int(sys.argv[3])

# linux/seccomp.h: SECCOMP_IOCTL_NOTIF_RECV and _SEND, on x86 and arm64 alike.
RECEIVE, SEND = 0xC0502100, 0xC0182101
# struct seccomp_notif: id, pid, flags, and of seccomp_data the number. struct seccomp_notif_resp: id, val, error, flags.
NOTIFICATION_BYTES = 80
NOTIFICATION = struct.Struct("=QIIi")
RESPONSE = struct.Struct("=QqiI")
NAME = re.compile(r"[a-z0-9-]{1,100}")
STATE_BYTES = 64 * 1024
STATE_DEADLINE_S = 5

poll = select.epoll()
# By listener: what is left to answer, and the file.
containers = {}


def forget(listener):
    """Without a listener the kernel refuses these calls by itself, with ENOSYS."""
    _, file = containers.pop(listener)
    poll.unregister(listener)
    os.close(listener)
    os.close(file)


def answer(listener):
    notification = bytearray(NOTIFICATION_BYTES)
    try:
        fcntl.ioctl(listener, RECEIVE, notification)
    except OSError as error:
        # The program has been ended, or a signal took it out of the call.
        if error.errno not in (errno.ENOENT, errno.EINTR):
            forget(listener)
        return
    call, _pid, _flags, number = NOTIFICATION.unpack_from(notification)
    left, file = containers[listener]
    try:
        os.write(file, b"%d\n" % number if left > 1 else b"%d\nend\n" % number)
    except OSError:
        return forget(listener)
    try:
        fcntl.ioctl(listener, SEND, RESPONSE.pack(call, 0, -errno.EPERM, 0))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    containers[listener] = (left - 1, file)
    if left == 1:
        forget(listener)


def read_state(connection, descriptors):
    """It may come in pieces, the descriptor with the first; not every runtime closes the connection after it."""
    text = b""
    while len(text) < STATE_BYTES:
        part, ancillary, _, _ = connection.recvmsg(STATE_BYTES, socket.CMSG_SPACE(4 * 8))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data[: len(data) - len(data) % 4])
        text += part
        try:
            return json.loads(text)
        except ValueError:
            if part == b"":
                raise
    raise ValueError("the state is too long")


def welcome(connection):
    connection.settimeout(STATE_DEADLINE_S)
    descriptors = array.array("i")
    try:
        name = read_state(connection, descriptors)["metadata"]
        if len(descriptors) != 1 or NAME.fullmatch(name) is None:
            raise ValueError("no listener of ours")
        listener = descriptors.pop()
        os.set_inheritable(listener, False)
        file = os.open(os.path.join(DIRECTORY, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        containers[listener] = (MOST, file)
        poll.register(listener, select.EPOLLIN)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
        connection.close()


def serve(descriptor, events):
    if events & select.EPOLLIN:
        answer(descriptor)
    elif events & (select.EPOLLHUP | select.EPOLLERR):
        forget(descriptor)


def main():
    try:
        os.unlink(SOCKET)
    except FileNotFoundError:
        pass
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    server.bind(SOCKET)
    os.chmod(SOCKET, 0o600)
    server.listen(64)
    poll.register(server, select.EPOLLIN)
    poll.register(0, select.EPOLLIN)
    os.write(1, b"ready\n")
    while True:
        ready = dict(poll.poll())
        if 0 in ready:
            return
        for descriptor in ready.keys() & containers.keys():
            serve(descriptor, ready[descriptor])
        # Last: a new listener may get the number of one that has just been closed.
        if server.fileno() in ready:
            try:
                welcome(server.accept()[0])
            except (OSError, ValueError, KeyError, TypeError) as error:
                os.write(2, ("%s\n" % error).encode())


main()
