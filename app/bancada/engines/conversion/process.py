"""A worker's end of a conversion's own process: start it, hear of its progress, end it when canceled."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Final

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.conversion.failures import TOOLS
from bancada.jobs.codec import encode

_MODULE: Final = "bancada.engines.conversion.child"
_POLL_S: Final = 0.1


def run_stage(
    stage: str,
    order: object,
    *,
    work: Path,
    threads: int,
    progress: Callable[[str, float, float | None, str], None],
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Run one stage of a conversion in a process of its own and wait for it.

    The process inherits the worker's limit of memory, its log and its process group, so that whatever ends
    the worker ends it too.

    Args:
        stage: a key of ``bancada.engines.conversion.child.STAGES``.
        order: the stage's own parameters.
        work: a folder for everything that it leaves lying about.
        threads: cores that it may use.
        progress: called with stage, done, total and unit.
        should_stop: asked ten times a second; True ends the process.

    Raises:
        BancadaError: what the stage failed with; ``convert.tool_crashed`` when it died without a word.
        Canceled: ``should_stop`` said so; the process is gone.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=work,
        env=_environment(work, threads),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), name="conversion", daemon=True)
    reader.start()
    try:
        process.stdin.write(json.dumps({"stage": stage, "order": encode(order)}).encode() + b"\n")
        process.stdin.flush()
        return _answer(stage, process, lines, progress, should_stop)
    except BrokenPipeError:
        raise _crashed(stage, process.wait()) from None
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass


def _answer(
    stage: str,
    process: subprocess.Popen[bytes],
    lines: queue.SimpleQueue[bytes | None],
    progress: Callable[[str, float, float | None, str], None],
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    while True:
        if should_stop():
            raise Canceled
        try:
            line = lines.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if line is None:
            raise _crashed(stage, process.wait())
        message = json.loads(line)
        if "progress" in message:
            progress(*message["progress"])
        elif "error" in message:
            raise BancadaError.from_json(message["error"])
        else:
            result: dict[str, Any] = message["result"]
            return result


def _read(stream: IO[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _environment(work: Path, threads: int) -> dict[str, str]:
    """No network, no cache of the user's, no code beside the program's."""
    folder = str(work)
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "HF_HOME": folder,
        "TMPDIR": folder,
        "TORCHINDUCTOR_CACHE_DIR": folder,
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": str(threads),
    }


def _crashed(stage: str, code: int) -> BancadaError:
    cause = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return BancadaError("convert.tool_crashed", tool=TOOLS.get(stage, stage), cause=cause)
