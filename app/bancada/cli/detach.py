"""``--detach``: the same command again, in a process of its own that outlives the terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Final

from bancada.cli.command import DONE, FAILED, Invocation
from bancada.core.errors import BancadaError

#: set in the environment of the second process
_MARK: Final = "BANCADA_DETACHED"


def is_detached() -> bool:
    """Whether this is the second process."""
    return _MARK in os.environ


def start_detached(invocation: Invocation) -> int:
    """Start the command again without ``--detach`` in its own session and pass on its first line.

    That line is the job's id, or the error that kept it from being queued.
    """
    words = [word for word in invocation.arguments if word not in ("--detach", "--json")]
    command = [*program(), "--home", str(invocation.home), *words, "--json"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, _MARK: "1"},
        start_new_session=True,
        creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
    )
    assert process.stdout is not None
    with process.stdout as stream:
        line = stream.readline()
    # the other process is on its own from here; forgetting it keeps Python from warning about it
    process.returncode = 0
    try:
        answer = json.loads(line)
    except ValueError:
        raise BancadaError("cli.detach_failed") from None
    invocation.console.document(answer)
    if "error" in answer:
        error = answer["error"]
        if not invocation.console.as_json:
            invocation.console.failure(error["code"], error["message"], error["hint"])
        return FAILED
    invocation.console.say(answer["job_id"])
    return DONE


def report_job(job_id: str) -> None:
    """In the second process: say the job's id, then let go of the pipe to the first one."""
    sys.stdout.write(json.dumps({"job_id": job_id}) + "\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def program() -> list[str]:
    """How this program starts itself again; ``-P`` keeps the current folder out of the imports."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-P", "-m", "bancada"]
