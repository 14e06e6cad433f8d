"""The machine as it is, and the words of other systems."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bancada.core import hardware
from bancada.core.hardware import (
    Gpu,
    available_memory,
    detect,
    find_gpus,
    parse_cpuinfo,
    parse_nvidia_smi,
    parse_sysctl_features,
    parse_vm_stat,
    total_memory,
    usable_cores,
)

CPUINFO = """processor : 0
model name : Some(R)  CPU(TM) X
physical id : 0
core id : 0
flags : fpu sse4_2 avx2 fma amx_tile

processor : 1
physical id : 0
core id : 0

processor : 2
physical id : 0
core id : 1

processor : 3
physical id : 1
core id : 0
"""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine() -> None:
    here = detect()
    assert here.cpu
    assert 1 <= here.physical_cores <= here.logical_cores
    assert 1 <= here.usable_cores <= here.logical_cores == os.cpu_count()
    assert 0 < available_memory() <= here.memory_bytes
    assert json.loads(json.dumps(here.facts())) == here.facts()
    assert here.cpu in here.name
    assert detect().fingerprint() == here.fingerprint()


def test_another_machine_has_another_fingerprint() -> None:
    here = detect()
    more = replace(here, gpus=(Gpu("Card", "NVIDIA", 1 << 30, "1"),))
    assert more.fingerprint() != here.fingerprint()
    assert "Card" in more.name


def test_cpuinfo() -> None:
    assert parse_cpuinfo(CPUINFO) == ("Some CPU X", ("sse4_2", "fma", "avx2", "amx_tile"), 3)
    arm = "processor : 0\nFeatures : fp asimd asimddp i8mm\n"
    assert parse_cpuinfo(arm) == ("", ("asimd", "asimddp", "i8mm"), 0)


def test_a_container_is_believed(tmp_path: Path) -> None:
    write(tmp_path, "proc/meminfo", "MemTotal:       8000 kB\nMemAvailable:   6000 kB\n")
    assert (total_memory(tmp_path), available_memory(tmp_path)) == (8000 * 1024, 6000 * 1024)
    write(tmp_path, "sys/fs/cgroup/memory.max", "max\n")
    assert total_memory(tmp_path) == 8000 * 1024
    write(tmp_path, "sys/fs/cgroup/memory.max", str(4000 * 1024))
    write(tmp_path, "sys/fs/cgroup/memory.current", str(1000 * 1024))
    assert (total_memory(tmp_path), available_memory(tmp_path)) == (4000 * 1024, 3000 * 1024)
    write(tmp_path, "sys/fs/cgroup/cpu.max", "50000 100000")
    assert usable_cores(tmp_path) == 1
    assert total_memory(tmp_path / "none") == 0


def test_cards(tmp_path: Path) -> None:
    assert find_gpus(tmp_path) == ()
    write(tmp_path, "sys/class/drm/card0/device/vendor", "0x1002\n")
    write(tmp_path, "sys/class/drm/card0/device/device", "0x73bf\n")
    write(tmp_path, "sys/class/drm/card0/device/mem_info_vram_total", "17163091968\n")
    write(tmp_path, "sys/class/drm/card1/device/vendor", "0x10de\n")
    write(tmp_path, "sys/class/drm/card2/device/vendor", "0x1234\n")
    write(tmp_path, "sys/class/drm/card0-HDMI-A-1/status", "connected\n")
    amd = Gpu("AMD graphics 0x73bf", "AMD", 17163091968)
    assert find_gpus(tmp_path) == (amd, Gpu("NVIDIA graphics ", "NVIDIA"))
    write(
        tmp_path,
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  x\n",
    )
    write(tmp_path, "proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA T4\nIRQ: 1\n")
    assert find_gpus(tmp_path) == (Gpu("NVIDIA T4", "NVIDIA", None, "550.54.15"), amd)


def test_the_words_of_tools() -> None:
    text = "NVIDIA H200, 143771, 550.1\nbroken line\nOdd, [N/A], 1\n"
    assert parse_nvidia_smi(text) == (
        Gpu("NVIDIA H200", "NVIDIA", 143771 << 20, "550.1"),
        Gpu("Odd", "NVIDIA", None, "1"),
    )
    pages = "Statistics: (page size of 16384 bytes)\nPages free: 10.\nPages active: 5.\nPages inactive: 20.\n"
    assert parse_vm_stat(pages) == 30 * 16384
    assert parse_vm_stat("") == 0
    intel = "machdep.cpu.features: FPU SSE4.2 AVX1.0 FMA\nmachdep.cpu.leaf7_features: AVX2\n"
    intel += "hw.optional.avx512f: 1\n"
    assert parse_sysctl_features(intel) == ("sse4_2", "avx", "fma", "avx2", "avx512f")
    apple = "hw.optional.neon: 1\nhw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_I8MM: 0\n"
    assert parse_sysctl_features(apple) == ("neon", "asimddp")


def test_a_program_that_is_absent_or_fails() -> None:
    assert hardware._output("no-such-program-here") == ""
    assert hardware._output("cat", "/no/such/file") == ""
    assert hardware._sysctl_number("hw.memsize") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="what other systems' ways give on Linux: nothing")
def test_ways_of_other_systems_give_nothing_here() -> None:
    assert hardware._mac_cpu() == ("", (), 0)
    assert hardware._windows_cpu() == ("", (), 0)
    assert hardware._windows_memory() == (0, 0)
    assert hardware._windows_gpus() == ()


def test_a_program_that_hangs_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o700)
    monkeypatch.setattr(hardware, "TOOL_TIMEOUT_S", 0.1)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_gpus(tmp_path / "none") == ()
    tool.write_text("#!/bin/sh\necho 'NVIDIA T4, 15360, 550.1'\n")
    monkeypatch.setattr(hardware, "TOOL_TIMEOUT_S", 5.0)
    assert find_gpus(tmp_path / "none") == (Gpu("NVIDIA T4", "NVIDIA", 15360 << 20, "550.1"),)
