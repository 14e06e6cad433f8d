"""Home: the state of the model, one primary action, what was asked and measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.core.events import Changed
from bancada.core.hardware import Gpu, Hardware
from bancada.core.ids import new_id
from bancada.gui.desk import Desk
from bancada.gui.pages.home.page import HomePage
from bancada.storage import conversations, requests
from tiny_gguf import write_tiny_gguf

WAIT_MS = 30_000


@pytest.fixture
def page(desk: Desk, qtbot: QtBot) -> Iterator[HomePage]:
    desk.window.show()
    desk.start()
    desk.navigate("home")
    made = desk.pages["home"]
    assert isinstance(made, HomePage)
    qtbot.waitUntil(lambda: made.facts is not None)
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy)


def test_without_a_model_it_leads_to_one(page: HomePage, desk: Desk) -> None:
    assert page.start.headline.text() == "No model is here yet"
    assert page.start.first.isVisible()
    assert page.conversations._empty.isVisible()
    assert page.measured._empty.isVisible()
    primary = [one for one in (page.start.first, page.start.second) if one.text() == "Import a model"]
    assert len(primary) == 1
    primary[0].click()
    assert desk.page_id == "models"


def test_a_model_is_ready_after_its_import(page: HomePage, desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    file = write_tiny_gguf(tmp_path / "tiny.gguf")
    desk.context.jobs.submit(IMPORT, ImportParams(str(file), "Tiny"), title="Import Tiny")
    qtbot.waitUntil(lambda: page.start.headline.text() == "A model is ready", timeout=WAIT_MS)
    assert page.start.first.text() == "Ask Tiny"
    assert "Tiny" in page.start.detail.text()
    assert page.next._measure.isVisible()
    assert not page.next._compare.isVisible()
    page.start.second.click()
    assert desk.page_id == "benchmark"


def test_conversations_and_figures_appear(page: HomePage, desk: Desk, qtbot: QtBot) -> None:
    database = desk.context.database
    for at in range(9):
        conversations.create(database, f"Question {at}\nin two lines")
    for at in range(8):
        record = requests.RequestRecord(
            id=new_id(),
            purpose="chat",
            outcome="finished",
            completion_tokens=100 + at,
            ttft_ms=40.0 + at,
            prefill_tokens_per_s=1200.0,
            decode_tokens_per_s=99.5,
        )
        requests.add(database, record)
    requests.add(database, requests.RequestRecord(id=new_id(), purpose="chat", outcome="failed"))
    for kind in ("conversation", "request"):
        desk.context.events.publish(Changed(kind))
    qtbot.waitUntil(lambda: page.measured.figures["ttft"].text() != "\N{EN DASH}")
    assert page.measured.figures["ttft"].text() == "43.5 ms"
    assert "interval" in page.measured.figures["ttft"].toolTip()
    assert page.measured.figures["decode"].text() == "99.5"
    assert page.measured._cells[0][2].text() == "107"
    rows = [one for one in page.conversations.rows if one.isVisible()]
    assert len(rows) == 7
    assert rows[0].accessibleName().startswith("Question 8")
    QApplication.processEvents()
    rows[0].click()
    assert desk.page_id == "playground"


def test_the_machine_is_described(page: HomePage) -> None:
    hardware = Hardware(
        system="Linux",
        cpu="A processor",
        architecture="x86_64",
        features=("avx2", "avx512f", "amx_tile", "amx_int8"),
        physical_cores=8,
        logical_cores=16,
        usable_cores=4,
        memory_bytes=32 << 30,
        gpus=(Gpu("NVIDIA H200", "NVIDIA", 139 << 30), Gpu("Intel graphics", "Intel")),
    )
    page.machine.show_hardware(hardware)
    shown = {key: label.text() for key, label in page.machine._values.items()}
    assert shown["features"] == "AMX, AVX512, AVX2"
    assert shown["cores"] == "4 of 16 usable"
    assert shown["memory"] == "32.0 GiB"
    assert shown["gpu"] == "NVIDIA H200 (139 GiB), Intel graphics"
