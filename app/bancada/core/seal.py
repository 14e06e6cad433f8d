"""The seal of a process: Python code inside it reaches nothing but this machine.

A setting is no proof, so the promise is kept where connections are made: an audit hook sees every
``connect``, ``sendto`` and look-up of a name in this process before it happens, and cannot be taken
out again. Native libraries that open sockets by themselves are not seen by it: for them there is
:mod:`bancada.core.seal_kernel`.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from typing import Any, Final

from bancada.core.errors import BancadaError

_NETWORK_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_sealed: list[bool] = []


def is_loopback(host: str) -> bool:
    """True for this machine's own addresses (127.0.0.0/8, ::1) and ``localhost``; no name is looked up."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and bool(mapped.is_loopback))


def check_open(host: str, *, sealed: bool) -> None:
    """Raise BancadaError ``network.sealed`` unless ``host`` may be reached."""
    if sealed and not is_loopback(host):
        raise BancadaError("network.sealed", host=host[:200])


def seal_process() -> None:
    """From now on nothing but loopback can be reached from this process; there is no way back."""
    if not _sealed:
        _sealed.append(True)
        sys.addaudithook(_watch)


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        _check_address(arguments[0], arguments[1])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        # a question about a name leaves the machine as well
        _check_host(arguments[0])


def _check_address(source: Any, address: Any) -> None:
    # an unbound address: what a connected socket sends was checked when it was connected
    if source.family in _NETWORK_FAMILIES and isinstance(address, tuple) and address:
        _check_host(address[0])


def _check_host(host: Any) -> None:
    # nothing is asked for a missing name: it stands for this machine
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if isinstance(text, str) and text:
        check_open(text, sealed=True)
