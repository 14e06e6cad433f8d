"""A process of its own in which a grammar is tried: one that crashes the parser takes only this along.

Run as ``bancada grammar-probe LIBRARY`` with the GBNF text on stdin. Exit code 0: valid; 3: refused,
with the parser's words on stderr; a signal: it crashed or went over the limits.
"""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Final

INVALID: Final = 3
MEMORY_BYTES: Final = 1 << 30
CPU_SECONDS: Final = 5


def main(library: str) -> int:
    """Parse the grammar on stdin with llama.cpp's own parser and return the exit code."""
    if sys.platform != "win32":
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    text = sys.stdin.buffer.read()
    # the library alone: importing its package would take five times as long
    llama = ctypes.CDLL(library)
    llama.llama_sampler_init_grammar.restype = ctypes.c_void_p
    llama.llama_sampler_init_grammar.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    return 0 if llama.llama_sampler_init_grammar(None, text, b"root") else INVALID
