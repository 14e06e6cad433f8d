"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QLocale

from bancada.gui.widgets import format as words


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom))
    yield
    QLocale.setDefault(before)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, words.UNKNOWN),
        (0, "0 bytes"),
        (999, "999 bytes"),
        (98_362_432, "98.4 MB"),
        (4_400_000_000, "4.4 GB"),
    ],
)
def test_bytes(size: float | None, text: str) -> None:
    assert words.bytes_text(size) == text


def test_memory_is_binary() -> None:
    assert words.memory_text(297 << 20) == "297 MiB"
    assert words.memory_text(25_165_824_000) == "23.4 GiB"


@pytest.mark.parametrize(
    ("rate", "unit", "text"),
    [
        (None, "bytes", words.UNKNOWN),
        (12_300_000, "bytes", "12.3 MB/s"),
        (1212.4, "tok", "1,212 tok/s"),
        (9.5, "tok", "9.5 tok/s"),
    ],
)
def test_rates(rate: float | None, unit: str, text: str) -> None:
    assert words.rate_text(rate, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, words.UNKNOWN),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (48.2, "48 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert words.duration_text(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, words.UNKNOWN), (0.84, "0.84 ms"), (38.4, "38.4 ms"), (355.2, "355 ms"), (1240, "1.2 s")],
)
def test_milliseconds(value: float | None, text: str) -> None:
    assert words.milliseconds_text(value) == text


def test_percent_is_bounded() -> None:
    assert words.percent_text(64, 100) == "64 %"
    assert words.percent_text(120, 100) == "100 %"
    assert not words.percent_text(1, None)
    assert not words.percent_text(1, 0)


def test_parameters() -> None:
    assert words.parameters_text(134_515_008) == "135M"
    assert words.parameters_text(7_248_023_552) == "7.2B"
    assert words.parameters_text(12) == "12"


def test_moments() -> None:
    now = datetime.now(UTC)
    assert words.when_text(now.isoformat()).startswith("Today, ")
    assert words.when_text((now - timedelta(days=1)).isoformat()).startswith("Yesterday, ")
    assert words.when_text("2020-02-29T12:00:00.000+00:00").startswith("29/02/2020")
    assert words.when_text("nonsense") == words.when_text(None) == words.when_text("") == words.UNKNOWN


def test_a_german_reads_german_numbers() -> None:
    QLocale.setDefault(QLocale(QLocale.Language.German))
    assert words.number(1234.5, 1) == "1.234,5"
    assert words.bytes_text(1_200_000_000) == "1,2 GB"


def test_without_a_language_numbers_have_separators() -> None:
    QLocale.setDefault(QLocale(QLocale.Language.C))
    assert words.number(1_234_567) == "1,234,567"
