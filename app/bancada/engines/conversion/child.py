"""The process that runs one stage of a conversion: started by a worker, ended with it.

Converters are large programs of others: they keep the interpreter's lock, print what they like, leak, and
may die in native code. So each stage has a process of its own, without a network, without code of the
model, without a cache outside its folder; it is told what to do by one line on standard input and answers
in lines on standard output. When its standard input closes, it ends.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final, NoReturn, get_type_hints

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.core.seal import seal_process
from bancada.core.seal_kernel import refuse_sockets
from bancada.engines.conversion.failures import typed
from bancada.jobs.codec import decode

#: stage -> "module:function", called with its order and a way to tell progress
STAGES: Final = {
    "dequantize": "bancada.engines.conversion.hf:run",
    "gguf": "bancada.engines.conversion.gguf:run",
    "generator": "bancada.engines.conversion.generator:run",
    "encoder": "bancada.engines.conversion.encoder:run",
    "try": "bancada.engines.conversion.trial:run",
}
#: stages that are programs of others
_OTHERS: Final = frozenset({"gguf", "generator", "encoder"})


class Channel:
    """A private copy of standard output; what others print goes to standard error, the job's log."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, key: str, value: Any) -> None:
        """Write one message as a line of JSON."""
        view = memoryview(json.dumps({key: value}).encode() + b"\n")
        with self._lock:
            while view:
                view = view[os.write(self._out, view) :]

    def progress(self, stage: str, done: float, total: float | None, unit: str) -> None:
        """Say how far it is."""
        self.send("progress", [stage, float(done), None if total is None else float(total), unit])


def main() -> int:
    """Read the order, do it, answer; the exit code is 0 whenever there is an answer."""
    channel = Channel()
    message = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    seal_process()
    refuse_sockets()
    try:
        if message["stage"] in _OTHERS:
            forbid_remote_code()
        run: Callable[..., dict[str, Any]] = resolve(STAGES[message["stage"]])
        order = decode(get_type_hints(run)["order"], message["order"])
        channel.send("result", run(order, channel.progress))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        if not isinstance(error, BancadaError):
            traceback.print_exc()
        channel.send("error", typed(error, str(message["stage"])).to_json())
    sys.stdout.flush()
    sys.stderr.flush()
    # native libraries may crash in their own teardown; everything is said and written
    os._exit(0)


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(65_536):
        pass
    os._exit(1)


def forbid_remote_code() -> None:
    """Let no library import program code that lies with a model, whatever it is asked to trust."""
    try:
        loader = importlib.import_module("transformers.dynamic_module_utils")
    except ImportError:
        return  # the stage that needs it says so

    def refuse(*_: object, **__: object) -> NoReturn:
        raise BancadaError("convert.remote_code", files="its configuration")

    # before any other module of the library takes its own reference
    for name in ("get_class_from_dynamic_module", "get_class_in_module"):
        setattr(loader, name, refuse)


if __name__ == "__main__":
    sys.exit(main())
