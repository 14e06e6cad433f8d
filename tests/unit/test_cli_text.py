"""Figures, tables, progress and charts of the command line."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET

import pytest

from bancada.cli import text
from bancada.cli.console import Console
from bancada.cli.progress import ProgressLine, progress_text
from bancada.cli.svg import Bar, Line, bar_chart, line_chart, ticks
from bancada.core.events import JobProgress


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (999, "999"), (1_000, "1.0 k"), (134_515_008, "134.5 M"), (7e9, "7.0 G"), (5e15, "5000.0 T")],
)
def test_counts(value: float, expected: str) -> None:
    assert text.count_text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "\u2013"),
        (0.4, "0.40 ms"),
        (72.06, "72.1 ms"),
        (340, "340 ms"),
        (1_850, "1.85 s"),
        (42_000, "42 s"),
        (125_000, "2 min 05 s"),
        (12_000_000, "3 h 20 min"),
    ],
)
def test_durations(value: float | None, expected: str) -> None:
    assert text.milliseconds_text(value) == expected


def test_nothing_steers_the_terminal() -> None:
    assert text.printable("a\x1b[2Jb\n\u202ec\ud800\u2028") == "a\\x1b[2Jb\\n\\u202ec\\ud800\\u2028"
    assert text.printable("\U0001f469\u200d\U0001f52c مرحبا") == "\U0001f469\u200d\U0001f52c مرحبا"
    assert text.steerless("a\n\tb\x07") == "a\n\tb\\x07"


def test_columns_are_aligned_for_wide_and_combining_characters() -> None:
    lines = text.table(("Name", "Size"), [("模型", "1"), ("e\u0301a", "22"), ("plain", "333")], right=(1,))
    assert {text.width(line) for line in lines} == {text.width("plain") + 2 + 4}
    assert lines[1] == "模型      1"


def test_the_first_column_gives_way_to_a_narrow_terminal() -> None:
    lines = text.table(("Name", "Id"), [("n" * 80, "x" * 10)], columns=40)
    assert all(text.width(line) <= 40 for line in lines)
    assert lines[1].endswith("x" * 10)
    assert "\u2026" in lines[1]


def test_pairs_are_aligned() -> None:
    assert text.pairs([("A", "1"), ("Long", "2\n")]) == ["A     1", "Long  2\\n"]
    assert text.pairs([]) == []


def job(
    *,
    stage: str = "copying",
    done: float = 44.3e6,
    total: float | None = 98.4e6,
    unit: str = "bytes",
    per_second: float | None = None,
    remaining_s: float | None = None,
) -> JobProgress:
    return JobProgress("1", stage, done, total, unit, per_second, remaining_s)


def test_progress_says_bytes_speed_and_what_remains() -> None:
    line = progress_text(job(per_second=120e6, remaining_s=3.2), bar=False)
    assert line == "Copying  45%  44.3 MB of 98.4 MB  120.0 MB/s  3 s left"
    assert "\u2588" in progress_text(job(), bar=True)


def test_progress_of_unknown_length_and_other_units() -> None:
    assert progress_text(job(total=None, done=0, stage="checking"), bar=True) == "Checking"
    assert progress_text(job(total=None, done=5, unit="files"), bar=False) == "Copying  5 files"
    assert (
        progress_text(job(done=2, total=4, unit="repetitions"), bar=False)
        == "Copying  50%  2 of 4 repetitions"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_narrow_terminal_loses_optional_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    out = Terminal()
    console = Console(out, io.StringIO(), as_json=False)
    console.table(("Name", "Kind", "Size"), [("n" * 40, "k" * 9, "1 kB")], right=(2,), optional=(1,))
    lines = out.getvalue().splitlines()
    assert "Kind" not in lines[0]
    assert "\x1b[2m" in lines[0]
    assert text.width(lines[1]) <= 24
    assert lines[1].endswith("1 kB")


def test_json_is_one_document_in_any_encoding() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(out, io.StringIO(), as_json=True)
    console.document({"name": "\U0001f980", "bad": float("nan"), "far": [float("inf")]})
    assert json.loads(raw.getvalue()) == {"name": "\U0001f980", "bad": None, "far": [None]}


def test_a_terminal_gets_one_line_that_is_redrawn() -> None:
    stream = Terminal()
    line = ProgressLine(stream, 40)
    line.update(job(stage="one"))
    line.update(job(stage="two \x1b[2J"))
    line.clear()
    written = stream.getvalue()
    assert "\n" not in written
    assert written.count("\r\x1b[K") == 3
    assert "\x1b[2J" not in written
    assert all(text.width(part) < 40 for part in written.split("\r\x1b[K"))


def test_a_file_gets_few_plain_lines() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream, 0)
    for done in range(1000):
        line.update(job(done=done, total=1000))
    line.clear()
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("top", "last"), [(0, 1), (-5, 1), (1, 1), (7, 8), (98, 100), (1447, 1500), (0.013, 0.015)]
)
def test_ticks_are_round_and_reach_the_top(top: float, last: float) -> None:
    values = ticks(top)
    assert values[0] == 0
    assert values[-1] == pytest.approx(last)
    assert len(values) <= 7


def test_charts_are_well_formed_and_escape_names() -> None:
    lines = [Line("<a>", ((0.0, 1.0), (2.0, 3.0))), Line("b & c", tuple((x / 10, 1.0) for x in range(5000)))]
    svg = ET.fromstring(line_chart(lines, label='"x"', x_name="s", y_name="MB", y_format=str))
    assert svg.get("aria-label") == '"x"'
    words = [one.text for one in svg.iter("text")]
    assert "<a>" in words
    assert "b & c" in words
    bars = [Bar("one", 3.0, 2.0, 4.0), Bar("two", 1.0)]
    svg = ET.fromstring(bar_chart(bars, label="x", y_name="tokens/s", y_format=lambda value: f"{value:g}"))
    assert len(list(svg.iter("rect"))) == 2
    assert len([one for one in svg.iter("path") if one.get("class") == "whisker"]) == 1
    ET.fromstring(line_chart([], label="", x_name="", y_name="", y_format=str))
    ET.fromstring(bar_chart([], label="", y_name="", y_format=str))


def test_a_peak_survives_thinning() -> None:
    points = tuple((float(x), 9.0 if x == 7_777 else 1.0) for x in range(20_000))
    svg = ET.fromstring(line_chart([Line("a", points)], label="", x_name="", y_name="", y_format=str))
    line = next(one for one in svg.iter("path") if one.get("class") == "line s1")
    heights = [float(one.split()[1]) for one in (line.get("d") or "").replace("M", "L").split("L")[1:]]
    assert len(heights) <= 600
    assert min(heights) < max(heights) - 100
