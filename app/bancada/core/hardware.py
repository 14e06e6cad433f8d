"""What machine this is: processor, memory and graphics processors, by the standard library alone."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

#: instruction sets that decide how fast an engine is; others are not worth a line
FEATURES: Final = (
    "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512vl", "avx512_vnni", "avx512_bf16",
    "amx_tile", "amx_int8", "amx_bf16", "neon", "asimd", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)  # fmt: skip
_VENDORS: Final = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel", "0x106b": "Apple"}
_NO_LIMIT: Final = 1 << 60
#: seconds that a small program of the system is given
TOOL_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor. ``memory_bytes`` is None where nobody says it; ``driver`` may be empty."""

    name: str
    vendor: str
    memory_bytes: int | None = None
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Hardware:
    """The machine. ``usable_cores`` are those that this process may use (affinity, container)."""

    system: str
    cpu: str
    architecture: str
    features: tuple[str, ...]
    physical_cores: int
    logical_cores: int
    usable_cores: int
    memory_bytes: int
    gpus: tuple[Gpu, ...]

    @property
    def name(self) -> str:
        """One line for people."""
        parts = [self.cpu, f"{self.physical_cores} cores", f"{self.memory_bytes / 1e9:.0f} GB"]
        return ", ".join(parts + [gpu.name for gpu in self.gpus])

    def facts(self) -> dict[str, Any]:
        """What makes measurements comparable, as JSON values; another value means another machine."""
        # memory is rounded: kernels reserve a little more or less from one start to the next
        rounded = {"memory_bytes": round(self.memory_bytes / (1 << 28)) << 28}
        gpus = [asdict(one) for one in self.gpus]
        return {"name": self.name, **asdict(self), **rounded, "features": list(self.features), "gpus": gpus}

    def fingerprint(self) -> str:
        """A hash of :meth:`facts`."""
        return hashlib.sha256(json.dumps(self.facts(), sort_keys=True).encode()).hexdigest()


def detect(root: Path = Path("/")) -> Hardware:
    """Look at this machine. ``root`` is where Linux's ``proc`` and ``sys`` are."""
    if sys.platform == "win32":
        cpu, features, physical = _windows_cpu()
    elif sys.platform == "darwin":
        cpu, features, physical = _mac_cpu()
    else:
        cpu, features, physical = parse_cpuinfo(_text(root / "proc/cpuinfo"))
    logical = os.cpu_count() or 1
    usable = usable_cores(root)
    return Hardware(
        system=f"{platform.system()} {platform.release()}",
        cpu=cpu or platform.processor() or platform.machine(),
        architecture=platform.machine(),
        features=features,
        physical_cores=min(physical or logical, logical),
        logical_cores=logical,
        usable_cores=usable,
        memory_bytes=total_memory(root),
        gpus=find_gpus(root),
    )


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: its affinity, and a container's quota rounded up."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _text(root / "sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit() and int(quota[1]):
        count = min(count, max(1, -(-int(quota[0]) // int(quota[1]))))
    return max(1, count)


def total_memory(root: Path = Path("/")) -> int:
    """Main memory in bytes, at most what a container may use; 0 when it cannot be asked."""
    if sys.platform == "win32":
        return _windows_memory()[0]
    if sys.platform == "darwin":
        return _sysctl_number("hw.memsize")
    return min(parse_meminfo(_text(root / "proc/meminfo")).get("MemTotal", 0), _container_limit(root))


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that can be taken now without swapping; 0 when it cannot be asked."""
    if sys.platform == "win32":
        return _windows_memory()[1]
    if sys.platform == "darwin":
        return parse_vm_stat(_output("vm_stat"))
    free = parse_meminfo(_text(root / "proc/meminfo")).get("MemAvailable", 0)
    limit = _container_limit(root)
    if limit == _NO_LIMIT:
        return free
    used = _number(root / "sys/fs/cgroup/memory.current") or _number(
        root / "sys/fs/cgroup/memory/memory.usage_in_bytes"
    )
    return max(0, min(free, limit - (used or 0)))


def find_gpus(root: Path = Path("/")) -> tuple[Gpu, ...]:
    """The graphics processors: by NVIDIA's own tool or driver, and the kernel's list of cards."""
    if sys.platform == "win32":
        return _windows_gpus()
    if sys.platform == "darwin":
        name = _output("sysctl", "-n", "machdep.cpu.brand_string").strip()
        apple = platform.machine() == "arm64"
        return (Gpu(f"{name} (Metal)", "Apple", total_memory()),) if apple else ()
    nvidia = _nvidia(root)
    others = _drm_cards(root)
    if nvidia:
        others = tuple(one for one in others if one.vendor != "NVIDIA")
    return nvidia + others


# -- Linux


def parse_cpuinfo(text: str) -> tuple[str, tuple[str, ...], int]:
    """Name, features and physical cores from ``/proc/cpuinfo`` (0 cores where it does not say)."""
    name = ""
    flags: set[str] = set()
    cores: set[tuple[str, str]] = set()
    package = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "model name" and not name:
            name = re.sub(r"\s+", " ", re.sub(r"\((?:R|TM)\)", "", value)).strip()
        elif key in ("flags", "Features") and not flags:
            flags = set(value.split())
        elif key == "physical id":
            package = value
        elif key == "core id":
            cores.add((package, value))
    return name, tuple(one for one in FEATURES if one in flags), len(cores)


def parse_meminfo(text: str) -> dict[str, int]:
    """``/proc/meminfo`` in bytes."""
    return {
        found[1]: int(found[2]) * 1024 for found in re.finditer(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)
    }


def _container_limit(root: Path) -> int:
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _number(root / "sys/fs/cgroup" / name)
        if limit is not None:
            return min(limit, _NO_LIMIT)
    return _NO_LIMIT


def _nvidia(root: Path) -> tuple[Gpu, ...]:
    query = _output(
        "nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"
    )
    found = parse_nvidia_smi(query)
    if found:
        return found
    driver = re.search(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)", _text(root / "proc/driver/nvidia/version"))
    models = (
        re.search(r"^Model:\s*(.+)$", _text(one), re.MULTILINE)
        for one in sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    )
    return tuple(
        Gpu(model[1].strip(), "NVIDIA", None, driver[1] if driver else "") for model in models if model
    )


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Lines of ``name, memory in MiB, driver``."""
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    return tuple(
        Gpu(row[0], "NVIDIA", int(row[1]) << 20 if row[1].isdigit() else None, row[2])
        for row in rows
        if len(row) == 3
    )


def _drm_cards(root: Path) -> tuple[Gpu, ...]:
    cards = []
    for card in sorted((root / "sys/class/drm").glob("card*")):
        if not re.fullmatch(r"card\d+", card.name):
            continue
        vendor = _VENDORS.get(_text(card / "device/vendor").strip())
        if vendor is None:
            continue  # a virtual display
        device = _text(card / "device/device").strip()
        memory = _number(card / "device/mem_info_vram_total")
        cards.append(Gpu(f"{vendor} graphics {device}", vendor, memory))
    return tuple(cards)


# -- macOS


def parse_vm_stat(text: str) -> int:
    """Free, inactive, speculative and purgeable pages of ``vm_stat``, in bytes."""
    size = re.search(r"page size of (\d+) bytes", text)
    names = "free|inactive|speculative|purgeable"
    pages = sum(int(one) for one in re.findall(rf"^Pages (?:{names}):\s+(\d+)", text, re.MULTILINE))
    return pages * int(size[1]) if size else 0


def _mac_cpu() -> tuple[str, tuple[str, ...], int]:
    listed = _output("sysctl", "machdep.cpu.features", "machdep.cpu.leaf7_features", "hw.optional")
    return (
        _output("sysctl", "-n", "machdep.cpu.brand_string").strip(),
        parse_sysctl_features(listed),
        _sysctl_number("hw.physicalcpu"),
    )


def parse_sysctl_features(text: str) -> tuple[str, ...]:
    """Features from ``machdep.cpu.*features`` (a list of words) and ``hw.optional`` (``name: 1``)."""
    lowered = text.lower().replace("sse4.2", "sse4_2").replace("avx1.0", "avx")
    words = {
        word
        for line in lowered.splitlines()
        if line.startswith("machdep.cpu.")
        for word in line.partition(":")[2].split()
    }
    switched = {found[1] for found in re.finditer(r"([\w]+): 1$", lowered, re.MULTILINE)}
    apple = {"feat_dotprod": "asimddp", "feat_i8mm": "i8mm", "feat_bf16": "bf16", "feat_sme": "sme"}
    found = words | switched | {apple[one] for one in switched if one in apple}
    return tuple(one for one in FEATURES if one in found)


def _sysctl_number(name: str) -> int:
    text = _output("sysctl", "-n", name).strip()
    return int(text) if text.isdigit() else 0


# -- Windows


def _windows_cpu() -> tuple[str, tuple[str, ...], int]:
    if sys.platform == "win32":
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
            name = str(winreg.QueryValueEx(key, "ProcessorNameString")[0])
        # source of the numbers: PF_* of processthreadsapi.h
        numbers = {"sse4_2": 38, "avx": 39, "avx2": 40, "avx512f": 41, "neon": 19, "asimddp": 43}
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        return name.strip(), tuple(one for one in FEATURES if one in numbers and present(numbers[one])), 0
    return "", (), 0


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of sysinfoapi.h."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 5),
    )


def _windows_memory() -> tuple[int, int]:
    if sys.platform == "win32":
        status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.total), int(status.available)
    return 0, 0


def _windows_gpus() -> tuple[Gpu, ...]:
    found: list[Gpu] = []
    if sys.platform == "win32":
        import winreg

        base = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
        for index in range(8):
            try:
                with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, rf"{base}\{index:04}") as key:
                    name = str(winreg.QueryValueEx(key, "DriverDesc")[0])
                    memory = int(winreg.QueryValueEx(key, "HardwareInformation.qwMemorySize")[0])
                    driver = str(winreg.QueryValueEx(key, "DriverVersion")[0])
            except OSError:
                continue
            vendor = next((one for one in _VENDORS.values() if one.lower() in name.lower()), "")
            found.append(Gpu(name, vendor, memory, driver))
    return tuple(found)


# -- asking the system


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _output(program: str, *arguments: str) -> str:
    """What a small program of the system prints; "" when it is absent, slow or fails."""
    found = shutil.which(program)
    if found is None:
        return ""
    try:
        done = subprocess.run(
            [found, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout
