"""The kernel's seal: native code gets no socket to a network, and neither does what it starts."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, socket, subprocess, sys, threading
from bancada.core.seal_kernel import refuse_sockets
ready, go = threading.Event(), threading.Event()
native = ctypes.CDLL(None, use_errno=True)
def open_one(family):
    number = native.socket(family, 2, 0)
    error = ctypes.get_errno()
    if number >= 0:
        os.close(number)
        return 0
    return error
def early():
    ready.set(); go.wait(); found.append(open_one(2))
found = []
thread = threading.Thread(target=early)
thread.start(); ready.wait()
before = open_one(2)
assert refuse_sockets()
assert refuse_sockets()
go.set(); thread.join()
left, right = socket.socketpair()
left.sendall(b"x")
found += [open_one(family) for family in (2, 10, 17, 40)] + [open_one(1), open_one(16)]
command = [sys.executable, "-c", "import socket; socket.socket()"]
child = subprocess.run(command, capture_output=True, text=True)
print(before, found, "PermissionError" in child.stderr, native.syscall(425, 1, 0))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="Linux, 64 bit"
)
def test_native_code_gets_no_socket_to_a_network() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == "0 [13, 13, 13, 13, 13, 0, 0] True -1", done.stdout + done.stderr
