"""Grammars and schemas that hold an answer to a form, checked before the engine sees them.

llama.cpp's grammar parser may crash or take all memory on a bad grammar, so every grammar is first
parsed in a disposable child process under limits; what came out is remembered by its hash.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Final

from bancada.core.errors import BancadaError
from bancada.engines.grammar_probe import INVALID
from bancada.engines.json_schema import schema_to_gbnf
from bancada.jobs.process import worker_command

#: a longer text is refused unread; a large schema gives some 10,000 characters
LENGTH_LIMIT: Final = 200_000
TIMEOUT_S: Final = 20.0
_REMEMBERED: Final = 256


class GrammarChecker:
    """Turns what a request asks for into a grammar that is safe to use."""

    def __init__(self, library: Path) -> None:
        """``library`` is llama.cpp's shared library, the one that this process uses."""
        self._library = library
        self._verdicts: dict[str, BancadaError | None] = {}

    def grammar(self, grammar: str | None, schema: str | None) -> str | None:
        """The GBNF for a request's ``grammar`` or ``schema``; None when it has neither.

        Raises:
            BancadaError: ``grammar.invalid``, ``grammar.both``, ``schema.invalid``.
        """
        if grammar is not None and schema is not None:
            raise BancadaError("grammar.both")
        text = grammar if schema is None else schema_to_gbnf(schema)
        if text is None:
            return None
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        if key not in self._verdicts:
            while len(self._verdicts) >= _REMEMBERED:
                del self._verdicts[next(iter(self._verdicts))]
            self._verdicts[key] = self._try(text)
        verdict = self._verdicts[key]
        if verdict is None:
            return text
        if schema is not None:
            raise BancadaError("schema.invalid", detail=str(verdict.params["detail"]))
        raise verdict

    def _try(self, text: str) -> BancadaError | None:
        problem = _problem(text)
        if problem:
            return _invalid(problem)
        try:
            done = subprocess.run(
                [*worker_command()[:-1], "grammar-probe", str(self._library)],
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return _invalid("reading it took too long")
        if done.returncode == 0:
            return None
        words = _parser_words(done.stderr.decode("utf-8", "replace"))
        if done.returncode == INVALID:
            return _invalid(words or "the engine did not understand it")
        return _invalid(_crash(done.returncode, words))


def _problem(text: str) -> str:
    """What keeps a text from being given to the parser at all; "" for nothing."""
    if not text.strip():
        return "it is empty"
    if len(text) > LENGTH_LIMIT:
        return f"it has {len(text):,} characters, more than {LENGTH_LIMIT:,}"
    if re.search("[\0\ud800-\udfff]", text):
        return "it contains U+0000 or half a character (a lone surrogate)"
    return ""


def _invalid(detail: str) -> BancadaError:
    return BancadaError("grammar.invalid", detail=detail)


def _parser_words(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    # the parser's own complaint comes first; what follows says only that it failed
    first = next((line for line in lines if not line.startswith("llama_")), "")
    return first.removeprefix("parse: ").removeprefix("error parsing grammar: ")[:300]


def _crash(code: int, words: str) -> str:
    if code < 0 and os.name == "posix" and -code == signal.SIGXCPU:
        return "reading it took too long"
    if "bad_alloc" in words or "MemoryError" in words:
        return "it needs too much memory"
    return f"the engine's parser broke on it (code {code})"
