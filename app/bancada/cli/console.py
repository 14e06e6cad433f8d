"""The two streams of the command line: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from bancada.cli import text
from bancada.core.errors import BancadaError, describe
from bancada.jobs.codec import encode

_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"


class Console:
    """Writes one command's result.

    With ``as_json`` stdout carries exactly one JSON document and :meth:`say` is silent; without
    it stdout carries text for people. Notes always go to stderr.
    """

    def __init__(self, out: TextIO, err: TextIO, *, as_json: bool) -> None:
        self.out = out
        self.err = err
        self.as_json = as_json
        for stream in (out, err):
            # a name that the terminal's encoding does not know must not end the program
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")

    @property
    def columns(self) -> int:
        """The terminal's width, 0 where stdout is a file or a pipe: nothing is clipped then."""
        return shutil.get_terminal_size().columns if self.out.isatty() else 0

    def document(self, value: Any) -> None:
        """Write the JSON document, when JSON is asked for."""
        if self.as_json:
            self._put(self._dumps(value) + "\n", now=True)

    def say(self, line: str = "") -> None:
        """Write one line of the result for people."""
        if not self.as_json:
            self._put(line + "\n")

    def stream(self, piece: str) -> None:
        """Write a piece of running text for people, at once."""
        if not self.as_json:
            self._put(text.steerless(piece) if self.out.isatty() else piece, now=True)

    def flush(self) -> None:
        """Write out what waits; raises BancadaError ``output.failed``, BrokenPipeError."""
        self._put("", now=True)

    def heading(self, line: str) -> None:
        """Write a heading for people."""
        self.say(self._styled(line, _BOLD))

    def table(
        self,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Sequence[int] = (),
        optional: Sequence[int] = (),
    ) -> None:
        """Write an aligned table for people; a narrow terminal loses ``optional`` columns, in their order."""
        kept = list(range(len(headings)))
        leave = list(optional)
        while True:
            lines = text.table(
                [headings[one] for one in kept],
                [[row[one] for one in kept] for row in rows],
                right=[place for place, one in enumerate(kept) if one in right],
                columns=0 if leave else self.columns,
            )
            if not leave or not self.columns or max(map(text.width, lines)) <= self.columns:
                break
            kept.remove(leave.pop(0))
        first, *rest = lines
        self.say(self._styled(first, _DIM))
        for line in rest:
            self.say(line)

    def listing(
        self,
        document: Sequence[Any],
        empty: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Sequence[int] = (),
        optional: Sequence[int] = (),
    ) -> None:
        """Write records as a document and as a table; without any, say ``empty``."""
        self.document(document)
        if rows:
            self.table(headings, rows, right=right, optional=optional)
        else:
            self.say(empty)

    def pairs(self, items: Sequence[tuple[str, str]]) -> None:
        """Write names and values for people."""
        for line in text.pairs(items):
            self.say(line)

    def note(self, line: str) -> None:
        """Write one line to stderr."""
        self.err.write(text.printable(line) + "\n")
        self.err.flush()

    def error(self, error: BancadaError) -> None:
        """Say what happened, what it means and what to do; as JSON besides when that is asked for."""
        words = describe(error.code, error.params)
        message = f"{words.what} {words.meaning}".strip()
        self.failure(error.code, message, words.remedy)

    def failure(self, code: str, message: str, hint: str) -> None:
        """Report a failure on stderr, and as ``{"error": ...}`` on stdout with JSON."""
        self.err.write(f"bancada: {text.printable(message)}\n")
        if hint:
            self.err.write(f"  {text.printable(hint)}\n")
        self.err.flush()
        self.document({"error": {"code": code, "message": message, "hint": hint}})

    def _put(self, piece: str, *, now: bool = False) -> None:
        try:
            self.out.write(piece)
            if now:
                self.out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise BancadaError("output.failed", detail=error.strerror or str(error)) from error

    def _styled(self, line: str, style: str) -> str:
        plain = not self.out.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        return line if plain else f"{style}{line}{_PLAIN}"

    def _dumps(self, value: Any) -> str:
        # stdout of another encoding gets ASCII, which every reader of JSON understands
        ascii_only = (self.out.encoding or "ascii").lower().replace("-", "") != "utf8"
        return json.dumps(_finite(encode(value)), ensure_ascii=ascii_only)


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: they become null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value
