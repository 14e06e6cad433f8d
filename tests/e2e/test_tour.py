"""The first job on the starter model, as a newcomer without a display runs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).resolve().parents[2] / "app"


class Reader(HTMLParser):
    """Collects what a page would load and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        loading = ("src", "srcset", "href", "xlink:href")
        self.loads += [value or "" for name, value in attrs if name in loading]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> tuple[dict[str, Any], str, Path]:
    """Run the tour once in an empty workspace: its document, its notes, its home."""
    assert smollm2.is_file()
    home = tmp_path_factory.mktemp("tour") / "new home"
    done = subprocess.run(
        [sys.executable, "-m", "bancada", "--home", str(home), "tour", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(APP)},
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document, Path(document["report"]).read_text(encoding="utf-8"), home


def test_every_figure_is_there(tour: tuple[dict[str, Any], str, Path]) -> None:
    document, _page, _home = tour
    assert len(document["answers"]) == 2
    for one in document["answers"]:
        assert one["text"].strip()
        assert one["ttft_ms"] > 0
        assert one["decode_tokens_per_s"] > 0
        assert one["peak_memory_bytes"] > 98_000_000
    # the second question begins like the first: its beginning is not computed again
    assert document["answers"][1]["timings"]["cached_tokens"] > 0
    for cell in document["bench"]["cells"]:
        assert cell["measures"]["prefill_tokens_per_s"]["n"] == cell["repetitions"]
    assert document["pictures"] or document["pictures_missing"]


def test_the_report_is_one_file_that_loads_nothing(tour: tuple[dict[str, Any], str, Path]) -> None:
    document, page, _home = tour
    reader = Reader()
    reader.feed(page)
    assert all(one.startswith("data:image/png;base64,") for one in reader.loads)
    assert not reader.tags & {"script", "link", "iframe", "object", "form"}
    assert not re.search(r"url\(|@import|https?://", page)
    assert "prefers-color-scheme: dark" in page
    assert page.count("<svg") >= 4
    words = " ".join(reader.words)
    assert document["model"]["sha256"] in words
    for one in document["answers"]:
        assert one["prompt"] in words
    assert "None" not in words
    assert "nan" not in words.split()


def test_the_tour_leaves_the_workspace_ready(tour: tuple[dict[str, Any], str, Path]) -> None:
    document, _page, home = tour
    done = subprocess.run(
        [sys.executable, "-m", "bancada", "--home", str(home), "models", "list", "--json"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(APP)},
        check=True,
    )
    assert [one["id"] for one in json.loads(done.stdout)] == [document["model"]["id"]]
