"""One line of progress on stderr: redrawn on a terminal, plain and rare elsewhere."""

from __future__ import annotations

import time
from typing import Final, TextIO

from bancada.cli import text
from bancada.core.events import JobProgress
from bancada.core.sizes import bytes_text

_BAR: Final = 24
_REDRAW_S: Final = 0.1
_PLAIN_S: Final = 5.0


class ProgressLine:
    """Shows the latest progress of one job."""

    def __init__(self, stream: TextIO, columns: int) -> None:
        self._stream = stream
        self._columns = columns
        self._live = stream.isatty()
        self._drawn_at = float("-inf")
        self._stage = ""
        self._shown = ""

    def update(self, progress: JobProgress) -> None:
        """Draw ``progress``; repeated calls are cheap."""
        now = time.monotonic()
        wait = _REDRAW_S if self._live else _PLAIN_S
        if progress.stage == self._stage and now - self._drawn_at < wait:
            return
        line = progress_text(progress, bar=self._live)
        if line == self._shown:
            return
        self._stage, self._drawn_at, self._shown = progress.stage, now, line
        if self._live:
            self._stream.write(f"\r\x1b[K{text.clip(line, max(20, self._columns - 1))}")
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away, so that what follows starts at the margin."""
        if self._live and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._shown = ""


def progress_text(progress: JobProgress, *, bar: bool) -> str:
    """``Hashing  ██████──────  52 %  51.2 MB of 98.4 MB  410 MB/s  1 s left``."""
    stage = text.printable(progress.stage)
    parts = [stage[:1].upper() + stage[1:]]
    if progress.total:
        share = min(1.0, max(0.0, progress.done / progress.total))
        if bar:
            full = round(share * _BAR)
            parts.append("\u2588" * full + "\u2500" * (_BAR - full))
        parts.append(f"{share:.0%}")
        parts.append(f"{_figure(progress.done, progress.unit)} of {_amount(progress.total, progress.unit)}")
    elif progress.done:
        parts.append(_amount(progress.done, progress.unit))
    if progress.per_second and progress.unit == "bytes":
        parts.append(f"{bytes_text(progress.per_second)}/s")
    if progress.remaining_s is not None and progress.remaining_s >= 1:
        parts.append(f"{_left(progress.remaining_s)} left")
    return text.GAP.join(parts)


def _left(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 10 else text.seconds_text(seconds)


def _figure(value: float, unit: str) -> str:
    return bytes_text(value) if unit == "bytes" else f"{value:,.0f}"


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return bytes_text(value)
    return f"{value:,.0f} {text.printable(unit)}".rstrip()
