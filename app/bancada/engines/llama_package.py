"""The low-level bindings of llama-cpp-python, without what the package imports around them.

``import llama_cpp`` runs the package's own model class, its chat formats and numpy: 20 MB and a fifth
of a second for things that are not used here. So the package is registered without being run, and its
submodules are imported from it as usual.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any, Final

#: rounds that a thread without work looks for some before it sleeps: about half a millisecond, which
#: bridges the gaps of a quiet machine. OpenMP's own choice is ten times that, and when others take a
#: core, all threads spin for the one that lost it (docs/decisions/0006-threads-not-waiting.md)
_SPINS: Final = "30000"


def submodule(name: str) -> Any:
    """Import ``llama_cpp.<name>``.

    Raises:
        ImportError: the package is not installed.
        OSError, RuntimeError: its library cannot be loaded.
    """
    if "llama_cpp" not in sys.modules:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None:
            raise ImportError("llama-cpp-python is not installed")
        sys.modules["llama_cpp"] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"llama_cpp.{name}")


def version() -> str:
    """The version of llama-cpp-python, read from the name of its record.

    ``importlib.metadata`` reads the record itself, with the parser of e-mails: a megabyte of modules. It
    is asked only where there is no such folder.
    """
    folder = Path(native.__file__).parent.parent
    names = [one.name for one in folder.glob("llama_cpp_python-*.dist-info")]
    if len(names) == 1:
        return names[0].removeprefix("llama_cpp_python-").removesuffix(".dist-info")
    found: str = importlib.import_module("importlib.metadata").version("llama-cpp-python")
    return found


if "OMP_WAIT_POLICY" not in os.environ:
    # read once, when the library is loaded
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)

#: llama.h as Python functions
native: Any = submodule("llama_cpp")
#: the loaded library itself, for the functions that the package does not bind
library: Any = vars(native)["_lib"]
