"""What this machine can do for Bancada and what is missing, each with its remedy."""

from __future__ import annotations

import ctypes.util
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keyring
import keyring.errors
import psutil

from bancada import __version__
from bancada.catalog.starter import installed_starter, starter_in
from bancada.context import AppContext
from bancada.core import seal_kernel
from bancada.core.errors import BancadaError, describe
from bancada.core.sizes import bytes_text
from bancada.quantization.tools import find_tools
from bancada.storage import audit

GOOD: Final = "good"
#: it works, with less than there could be
LESS: Final = "less"
#: Bancada is of no use until this is cured
BAD: Final = "bad"

_LITTLE_DISK: Final = 2_000_000_000
_LITTLE_MEMORY: Final = 2_000_000_000
#: library that Qt's wheels expect -> Debian and Ubuntu package; a window under X11 needs the second lot too
_QT_LIBRARIES: Final = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon": "libxkbcommon0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "glib-2.0": "libglib2.0-0",
}
_X11_LIBRARIES: Final = {
    "xcb-cursor": "libxcb-cursor0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, its state (``good``, ``less``, ``bad``), what is there, what to do."""

    name: str
    state: str
    value: str
    remedy: str = ""


def machine_checks(home: Path) -> Iterator[Check]:
    """What can be said without a workspace: program, Python, memory, disk, window, keyring."""
    yield Check(
        "Bancada", GOOD, f"{__version__}, {platform.system()} {platform.release()}, {platform.machine()}"
    )
    yield _python()
    yield _memory()
    yield _disk(home)
    yield from _window()
    yield _keyring()
    yield _seal()


def workspace_checks(context: AppContext) -> Iterator[Check]:
    """What the opened workspace says: database, audit log, network, starter model."""
    row = context.database.row("SELECT sqlite_version() AS version")
    assert row is not None
    size = bytes_text(context.home.database.stat().st_size)
    value = f"SQLite {row['version']}, {size}, {context.home.root}"
    if context.database.read_only:
        words = describe("database.read_only", {})
        yield Check("Database", BAD, f"{value}, read-only: no model can answer", words.remedy)
    else:
        yield Check("Database", GOOD, value)
    verdict = audit.verify(context.database)
    if verdict.ok:
        yield Check("Audit log", GOOD, f"unbroken, lines: {verdict.count:,}")
    else:
        yield Check("Audit log", LESS, f"broken at line {verdict.broken_seq}", "See: bancada audit verify")
    sealed = bool(context.settings.get("network.sealed"))
    yield Check("Network", GOOD, "sealed: nothing leaves this machine" if sealed else "not sealed")
    yield _starter(context)


def conversion_check() -> Check:
    """Whether models can be converted here."""
    tools = find_tools()
    if tools.ready:
        torch = tools.versions["torch"]
        return Check("Conversion", GOOD, f"ready: torch {torch}, llama.cpp's converter of the pinned engine")
    missing = [*tools.missing, *([] if tools.converter else ["llama.cpp's converter"])]
    return Check(
        "Conversion",
        LESS,
        f"not installed: {', '.join(missing)}",
        "Install what converts models with: make setup-convert",
    )


def error_check(name: str, error: BancadaError) -> Check:
    """A failure as a finding."""
    words = describe(error.code, error.params)
    return Check(name, BAD, f"{words.what} {words.meaning}", words.remedy)


def _python() -> Check:
    return Check("Python", GOOD, f"{platform.python_version()}, {sys.executable}")


def _memory() -> Check:
    memory = psutil.virtual_memory()
    value = f"{bytes_text(memory.available)} free of {bytes_text(memory.total)}"
    if memory.available < _LITTLE_MEMORY:
        return Check("Memory", LESS, value, "Close other programs, or choose small models and contexts.")
    return Check("Memory", GOOD, value)


def _disk(home: Path) -> Check:
    # unlike Path.exists, this says no where one may not look
    place = next((one for one in (home, *home.parents) if os.path.exists(one)), Path("/"))  # noqa: PTH110
    try:
        usage = shutil.disk_usage(place)
    except OSError as error:
        return Check("Disk", BAD, f"{place}: {error.strerror}", "Choose another folder with --home DIR.")
    value = f"{bytes_text(usage.free)} free of {bytes_text(usage.total)} at {place}"
    if usage.free < _LITTLE_DISK:
        return Check("Disk", LESS, value, "Make room, or choose a folder on another disk with --home DIR.")
    return Check("Disk", GOOD, value)


def _window() -> Iterator[Check]:
    try:
        version = importlib.metadata.version("pyside6-essentials")
    except importlib.metadata.PackageNotFoundError:
        yield Check(
            "Window", LESS, "PySide6 is not installed", "Install it with: pip install pyside6-essentials"
        )
        return
    display = has_display()
    missing = missing_libraries(x11=display and not os.environ.get("WAYLAND_DISPLAY"))
    if missing:
        yield Check(
            "Window",
            LESS,
            f"Qt {version}, but these system libraries are missing: {', '.join(missing)}",
            f"On Debian or Ubuntu: apt-get install {' '.join(missing.values())}",
        )
    else:
        yield Check("Window", GOOD, f"Qt {version} with the system libraries that it needs")
    if display:
        yield Check(
            "Display", GOOD, os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "there"
        )
    else:
        yield Check(
            "Display", LESS, "none: no window can open", "Everything works from the command line too."
        )


def has_display() -> bool:
    """Whether a window can be shown."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_libraries(*, x11: bool) -> dict[str, str]:
    """Libraries that Qt needs and the system lacks, with their Debian packages. Linux only."""
    if not sys.platform.startswith("linux"):
        return {}
    wanted = {**_QT_LIBRARIES, **(_X11_LIBRARIES if x11 else {})}
    return {name: package for name, package in wanted.items() if ctypes.util.find_library(name) is None}


def _seal() -> Check:
    if seal_kernel.is_available():
        return Check("Seal", GOOD, "workers get no network sockets, native code included")
    remedy = "Keep the machine off the network, or run Bancada on Linux (x86-64 or 64-bit ARM)."
    return Check("Seal", LESS, "Python code alone is sealed; there is no filter for native code", remedy)


def _keyring() -> Check:
    try:
        backend = keyring.get_keyring()
        usable = float(backend.priority) > 0
    except (keyring.errors.KeyringError, RuntimeError) as error:
        return Check("Keyring", LESS, f"not usable: {error}", "A passphrase has to be typed at every start.")
    name = f"{type(backend).__module__}.{type(backend).__name__}"
    if not usable:
        return Check("Keyring", LESS, "none on this machine", "A passphrase has to be typed at every start.")
    return Check("Keyring", GOOD, name)


def _starter(context: AppContext) -> Check:
    version = starter_in(context.library)
    if version is not None:
        return Check(
            "Starter model", GOOD, f"{version.name}:{version.version}, {bytes_text(version.size_bytes)}"
        )
    starter = installed_starter()
    if starter is not None:
        return Check("Starter model", GOOD, f"{starter.name}, installed; the tour puts it into the library")
    count = len(context.library.list())
    words = describe("starter.not_installed", {})
    return Check(
        "Starter model",
        GOOD if count else LESS,
        f"not installed; models in the library: {count}",
        words.remedy,
    )
