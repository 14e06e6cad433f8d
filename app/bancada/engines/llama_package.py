"""The low-level bindings of llama-cpp-python, without what the package imports around them.

``import llama_cpp`` runs the package's own model class, its chat formats and numpy: 20 MB and a fifth
of a second for things that are not used here. So the package is registered without being run, and its
submodules are imported from it as usual.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any


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


#: llama.h as Python functions
native: Any = submodule("llama_cpp")
#: the loaded library itself, for the functions that the package does not bind
library: Any = vars(native)["_lib"]
