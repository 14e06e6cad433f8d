"""``bancada doctor``: what this machine can do and what is missing, with the remedy."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bancada.cli import text
from bancada.cli.checks import (
    BAD,
    GOOD,
    LESS,
    Check,
    conversion_check,
    error_check,
    machine_checks,
    workspace_checks,
)
from bancada.cli.command import DONE, FAILED, Invocation, Nouns, refusal
from bancada.cli.generation import told_features
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.inference.probe import ENGINE_PROBE, EngineFacts, ProbeParams
from bancada.jobs.codec import decode, encode

_SIGNS: Final = {GOOD: "ok", LESS: "--", BAD: "!!"}
_NVIDIA: Final = Path("/dev/nvidiactl")
_RENDER: Final = Path("/dev/dri")


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    nouns.command("doctor", "say what this machine can do and what is missing, with the remedy", _doctor)


def _doctor(invocation: Invocation) -> int:
    facts: EngineFacts | None = None
    checks = list(machine_checks(invocation.home))
    try:
        with invocation.workspace() as context:
            checks += workspace_checks(context)
            try:
                facts = probe_engine(context)
                checks += engine_checks(facts)
            except BancadaError as error:
                checks.append(error_check("Engine", error))
    except BancadaError as error:
        checks.append(error_check("Workspace", error))
    except OSError as error:
        checks.append(error_check("Workspace", refusal(error)))
    checks.append(conversion_check())
    usable = not any(one.state == BAD for one in checks)
    invocation.console.document(
        {"usable": usable, "home": str(invocation.home), "checks": encode(checks), "engine": encode(facts)}
    )
    wide = max(text.width(one.name) for one in checks)
    for one in checks:
        invocation.console.say(f"{_SIGNS[one.state]}  {one.name:<{wide}}  {text.printable(one.value)}")
        if one.remedy and one.state != GOOD:
            invocation.console.say(f"    {'':<{wide}}  {text.printable(one.remedy)}")
    invocation.console.say()
    invocation.console.say(
        "Bancada is usable." if usable else "Bancada is not usable yet: see the lines with !!"
    )
    return DONE if usable else FAILED


def probe_engine(context: AppContext) -> EngineFacts:
    """Ask a worker, because a build that does not fit the processor ends the process that loads it.

    Raises:
        BancadaError: ``worker.*`` or ``engine.*`` when the engine does not load.
    """
    session = context.sessions.open(ENGINE_PROBE, ProbeParams())
    try:
        return decode(EngineFacts, session.report)
    finally:
        session.close()


def engine_checks(facts: EngineFacts) -> Iterator[Check]:
    """The engine's build, its ONNX sibling and the GPU."""
    told = told_features(facts.cpu_features)
    yield Check("Engine", GOOD, f"{facts.engine} ({facts.version}), uses {told or 'no special features'}")
    try:
        version = importlib.metadata.version("onnxruntime-genai")
        yield Check("ONNX engine", GOOD, f"onnxruntime-genai {version}")
    except importlib.metadata.PackageNotFoundError:
        yield Check("ONNX engine", LESS, "not installed", "Install it with: pip install onnxruntime-genai")
    yield _gpu(facts)


def _gpu(facts: EngineFacts) -> Check:
    if facts.gpus:
        words = "; ".join(
            f"{one.name}, {bytes_text(one.free_bytes)} free of {bytes_text(one.total_bytes)}"
            for one in facts.gpus
        )
        return Check("GPU", GOOD, words)
    if _NVIDIA.exists():
        return Check(
            "GPU",
            LESS,
            "an NVIDIA GPU is there, but this build of the engine computes on the processor only",
            "Set up again with BANCADA_ENGINE=cuda make run",
        )
    if _RENDER.is_dir() and any(_RENDER.glob("renderD*")):
        return Check(
            "GPU",
            LESS,
            "a graphics device is there, but this build of the engine computes on the processor only",
            "Set up again with BANCADA_ENGINE=vulkan make run",
        )
    return Check("GPU", GOOD, "none in this machine: models run on the processor")
