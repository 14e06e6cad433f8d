"""Numbers as people read them, in the locale's format. The unit is always said: MB is 10^6, MiB 2^20."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

_DECIMAL_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_BINARY_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
UNKNOWN: Final = "\N{EN DASH}"


def number(value: float, decimals: int = 0) -> str:
    """A number with the locale's separators."""
    locale = QLocale()
    if locale.language() == QLocale.Language.C:
        # no language is set: its numbers have no separators
        locale = QLocale(QLocale.Language.English)
    return locale.toString(float(value), "f", decimals)


def bytes_text(size: float | None, *, binary: bool = False) -> str:
    """Bytes with three digits that count: ``98.4 MB``; files decimal, memory ``binary``."""
    if size is None:
        return UNKNOWN
    base, units = (1024.0, _BINARY_UNITS) if binary else (1000.0, _DECIMAL_UNITS)
    value, unit = float(size), 0
    while value >= base and unit < len(units) - 1:
        value /= base
        unit += 1
    decimals = 0 if unit == 0 or value >= 100 else 1
    return f"{number(value, decimals)} {units[unit]}"


def memory_text(size: float | None) -> str:
    """Bytes of memory, in MiB or GiB."""
    return bytes_text(size, binary=True)


def memory_share_text(part: float, whole: float) -> str:
    """Some memory of more, the unit said once where it is the same: ``250 of 368 MiB``."""
    first, second = memory_text(part), memory_text(whole)
    value, _, unit = first.rpartition(" ")
    said = value if second.rpartition(" ")[2] == unit else first
    return QCoreApplication.translate("format", "%1 of %2").replace("%1", said).replace("%2", second)


def rate_text(per_second: float | None, unit: str) -> str:
    """Speed: ``164 tok/s``; of bytes: ``12.3 MB/s``."""
    if per_second is None:
        return UNKNOWN
    if unit == "bytes":
        return f"{bytes_text(per_second)}/s"
    return f"{number(per_second, 0 if per_second >= 100 else 1)} {unit}/s"


def milliseconds_text(value: float | None) -> str:
    """Short times: ``0.84 ms``, ``38 ms``, ``1.24 s``."""
    if value is None:
        return UNKNOWN
    if value >= 1000:
        return duration_text(value / 1000)
    return f"{number(value, 0 if value >= 100 else 1 if value >= 10 else 2)} ms"


def duration_text(seconds: float | None) -> str:
    """Spans of time: ``1.2 s``, ``48 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 10:
        return f"{number(seconds, 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def percent_text(done: float, total: float | None) -> str:
    """``64 %``; an empty text when the total is not known."""
    if not total or total <= 0:
        return ""
    return f"{number(min(max(done / total, 0.0), 1.0) * 100)} %"


def parameters_text(count: int) -> str:
    """The size of a model in parameters: ``135M``, ``7.2B``."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            value = count / size
            return f"{number(value, 0 if value >= 100 else 1)}{unit}"
    return number(count)


def when_text(iso: str | None) -> str:
    """A stored UTC time as local date and time; today's without the date."""
    if not iso:
        return UNKNOWN
    try:
        local = datetime.fromisoformat(iso).astimezone()
    except ValueError:
        return UNKNOWN
    moment = QDateTime(local.year, local.month, local.day, local.hour, local.minute, local.second)
    time = QLocale().toString(moment.time(), QLocale.FormatType.ShortFormat)
    today = QDateTime.currentDateTime().date()
    if moment.date() == today:
        return QCoreApplication.translate("format", "Today, %1").replace("%1", time)
    if moment.date() == today.addDays(-1):
        return QCoreApplication.translate("format", "Yesterday, %1").replace("%1", time)
    return f"{QLocale().toString(moment.date(), QLocale.FormatType.ShortFormat)}, {time}"
