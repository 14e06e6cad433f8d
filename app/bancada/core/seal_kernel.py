"""The seal that native code cannot step over: the kernel refuses this process any socket to a network.

Linux only, on x86-64 and 64-bit ARM: a seccomp filter answers ``socket`` with EACCES for every family but
those that stay on the machine (Unix sockets and netlink), and ``io_uring_setup``, which could open them
another way, with EPERM. It holds for all threads and for whatever the process starts, and cannot be taken
out again. Layout of the filter: linux/seccomp.h and linux/filter.h; numbers: asm/unistd_64.h and
asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from pathlib import Path
from typing import Final, NamedTuple

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | 13  # EACCES
_UNPERMITTED: Final = 0x00050000 | 1  # EPERM
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_LOCAL_FAMILIES: Final = (1, 16)  # AF_UNIX, AF_NETLINK
_IO_URING_SETUP: Final = 425
#: x86-64 kernels take calls of another numbering with this bit
_OTHER_NUMBERING: Final = 0x40000000


class _Machine(NamedTuple):
    audit: int
    socket: int
    seccomp: int


_MACHINES: Final = {
    "x86_64": _Machine(0xC000003E, 41, 317),
    "aarch64": _Machine(0xC00000B7, 198, 277),
}


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def is_available() -> bool:
    """Whether this system can be asked for the filter; nothing is changed."""
    known = sys.platform == "linux" and platform.machine() in _MACHINES and struct.calcsize("P") == 8
    return known and Path("/proc/sys/kernel/seccomp/actions_avail").exists()


def refuse_sockets() -> bool:
    """Install the filter; False where this system has none, and nothing is changed then."""
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or struct.calcsize("P") != 8:
        return False
    library = ctypes.CDLL(None, use_errno=True)
    code = _filter(machine)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.addressof(buffer))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    call = library.syscall
    call.restype = ctypes.c_long
    # a number above zero is a thread that could not take it over
    return bool(call(machine.seccomp, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(program)) == 0)


def _filter(machine: _Machine) -> bytes:
    """The program: jumps are counted from the next instruction."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 8, machine.audit),  # calls of another architecture are refused
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 6, 0, _OTHER_NUMBERING),
        (_EQUAL, 6, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 3, machine.socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, _LOCAL_FAMILIES[0]),
        (_EQUAL, 0, 1, _LOCAL_FAMILIES[1]),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _UNPERMITTED),
    ]
    return b"".join(struct.pack("=HBBI", *one) for one in steps)
