"""Convert & quantize in the window: types weighed by a real worker, real files made, certificates shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.gui.desk import Desk
from bancada.gui.pages.models.library.view import LibraryView
from bancada.gui.pages.models.page import ModelsPage
from bancada.gui.pages.quantize.page import QuantizePage
from bancada.quantization.certificate import (
    FORMAT,
    VERSION,
    Certificate,
    Divergence,
    FileFacts,
    TextFacts,
    to_text,
)
from bancada.storage import certificates, models
from bancada.storage.certificates import NewCertificate
from bancada.storage.models import VersionRecord
from tiny_gguf import TinyModel, write_tiny_gguf

WAIT = 60_000


@pytest.fixture
def source(desk: Desk, tmp_path: Path) -> VersionRecord:
    """A tiny model in 32 bits, in the library."""
    path = write_tiny_gguf(tmp_path / "Tiny-F32.gguf", TinyModel(name="Tiny-F32", width=256, hidden=256))
    job = desk.context.jobs.submit(IMPORT, ImportParams(str(path)), title="import")
    record = desk.context.jobs.wait(job, 60)
    assert record.result is not None, record.failure
    return models.get_version(desk.context.database, record.result["version_id"])


@pytest.fixture
def page(desk: Desk, source: VersionRecord, qtbot: QtBot) -> Iterator[QuantizePage]:
    desk.window.resize(1280, 800)
    desk.window.show()
    desk.navigate("quantize", version_id=source.id)
    made = desk.page("quantize")
    assert isinstance(made, QuantizePage)
    qtbot.waitUntil(lambda: made.quantize.model.rowCount() > 0, timeout=WAIT)
    yield made
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)


def settled(page: QuantizePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: page.strips.isHidden() and not page.shell.background.busy, timeout=WAIT)


def add_certificate(desk: Desk, source: VersionRecord, made: VersionRecord, verdict: str, kl: float) -> str:
    """A certificate as the worker stores it."""

    def facts(one: VersionRecord) -> FileFacts:
        return FileFacts(
            one.name, one.version, one.format, one.quantization, one.parameters, one.bits_per_weight,
            one.size_bytes, one.sha256,
        )  # fmt: skip

    divergence = Divergence(
        10.0, 0.1, 9.0, 0.1, 1.1, 0.01, kl, 0.0, kl, kl, kl, kl, 0.8, 0.0, 0.01, 0.0
    )  # fmt: skip
    report = Certificate(
        format=FORMAT,
        version=VERSION,
        made_at="2026-01-01T00:00:00+00:00",
        made_by="a test",
        engine="llama.cpp",
        machine="here",
        subject=facts(made),
        source=facts(source),
        verdict=verdict,
        reasons=("The perplexity relative to the source is 1.1, above 1.05.",),
        thresholds={},
        text=TextFacts("a text", "0" * 64, 512, 4, 1024),
        divergence=divergence,
    )
    new = NewCertificate(made.id, source.id, made.sha256, source.sha256, verdict, to_text(report))
    return certificates.add(desk.context.database, new).id


def quantized(page: QuantizePage, qtbot: QtBot, kind: str) -> VersionRecord:
    """Make a type through the form, without its certificate."""
    form = page.quantize
    form.all_types.setChecked(True)
    form.certify.setChecked(False)
    form.table.select(kind)
    qtbot.waitUntil(form.button.isEnabled, timeout=WAIT)
    before = {one.id for one in page.shell.context.library.list()}
    form.button.click()

    def new() -> list[VersionRecord]:
        return [one for one in page.shell.context.library.list() if one.id not in before]

    qtbot.waitUntil(lambda: len(new()) == 1, timeout=WAIT)
    settled(page, qtbot)
    return new()[0]


def test_types_are_weighed_and_one_is_made(page: QuantizePage, source: VersionRecord, qtbot: QtBot) -> None:
    form = page.quantize
    assert form.table.selected_ids() == ["Q4_K_M"]
    assert "Q4_K_M" in form.button.text()
    shown = {one.name: one for one in form.model.records()}
    assert shown["Q8_0"].variant.size_bytes < source.size_bytes
    made = quantized(page, qtbot, "Q8_0")
    assert made.parent_version_id == source.id
    assert made.size_bytes == shown["Q8_0"].variant.size_bytes, "the size was said to the byte"
    qtbot.waitUntil(lambda: page.results.table.selected_ids() == [made.id], timeout=WAIT)
    assert "Nobody has checked" in page.results.words.text()
    assert not page.results.page_button.isVisible()
    with qtbot.waitSignal(page.results.play_asked):
        page.results.play_button.click()


def test_the_best_type_within_a_size(page: QuantizePage) -> None:
    form = page.quantize
    sizes = {one.name: one.variant.size_bytes for one in form.model.records()}
    form.largest.setText(str(sizes["Q8_0"]))
    QTest.keyClick(form.largest, Qt.Key.Key_Return)
    assert form.table.selected_ids() == ["Q8_0"]
    form.largest.setText("many")
    form.choose_within()
    assert form.error.isVisible()
    form.largest.setText("1 kB")
    form.choose_within()
    assert any("1.0 kB" in one.text() for one in form.error.findChildren(QLabel))


def test_several_types_are_compared(page: QuantizePage) -> None:
    form = page.quantize
    form.table.view.selectAll()
    assert form.goal.isVisible()
    assert str(form.model.rowCount()) in form.button.text()
    asked: list[object] = []
    form.begun.disconnect()
    form.begun.connect(lambda kind, params, title: asked.extend((kind, params, title)))
    form.start()
    kind, params, _ = asked
    assert getattr(kind, "name", "") == "model.sweep"
    assert len(getattr(params, "types", ())) == form.model.rowCount()


def test_a_type_that_needs_a_matrix_waits_for_one(page: QuantizePage, qtbot: QtBot) -> None:
    form = page.quantize
    form.all_types.setChecked(True)
    form.table.select("IQ2_XXS")
    assert not form.button.isEnabled()
    assert "needs an importance matrix" in form.words.text()


def test_a_wrong_override_is_said(page: QuantizePage, qtbot: QtBot) -> None:
    page.quantize.overrides.setText("no_such_tensor=Q8_0")
    page.quantize.overrides.textEdited.emit("no_such_tensor=Q8_0")
    qtbot.waitUntil(page.quantize.error.isVisible, timeout=WAIT)


def test_certificates_and_the_chart(
    page: QuantizePage, desk: Desk, source: VersionRecord, qtbot: QtBot, tmp_path: Path
) -> None:
    small, large = quantized(page, qtbot, "Q4_0"), quantized(page, qtbot, "Q8_0")
    add_certificate(desk, source, small, "red", 0.4)
    good = add_certificate(desk, source, large, "green", 0.001)
    page.refresh()
    qtbot.waitUntil(lambda: set(page.results.chart.shown) == {small.id, large.id}, timeout=WAIT)
    page.results.table.select(large.id)
    qtbot.waitUntil(lambda: "perplexity" in page.results.words.text(), timeout=WAIT)
    assert page.results.chip.text() == "green"
    assert "not signed" in page.results.signature.text().lower()
    chart = page.results.chart
    assert not chart.grab().isNull()
    area = chart._area()
    row = next(one for one in chart._rows if one.version_id == small.id)
    at = chart._place(row, area)
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(round(at.x()), round(at.y())))
    assert page.results.table.selected_ids() == [small.id]
    target = tmp_path / "cert.html"
    page.results.write_page(target, good)
    qtbot.waitUntil(target.exists, timeout=WAIT)
    assert "Green" in target.read_text(encoding="utf-8")


def test_another_format_says_what_it_needs(page: QuantizePage, qtbot: QtBot) -> None:
    page.show_task("convert")
    form = page.convert
    assert form.isVisible()
    form.target.setCurrentIndex(form.target.findData("onnx"))
    assert form.device.isVisible()
    form.device.setCurrentIndex(form.device.findData("dml"))
    assert [form.kind.itemData(at) for at in range(form.kind.count())] == ["int4", "fp16"]
    assert form.words.text()
    form.target.setCurrentIndex(form.target.findData("hf"))
    assert not form.device.isVisible()


def test_a_matrix_is_computed_offered_and_removed(page: QuantizePage, tmp_path: Path, qtbot: QtBot) -> None:
    text = tmp_path / "um texto.txt"
    text.write_text("The zebra crosses the road where the lines are white. " * 200, encoding="utf-8")
    page.quantize.matrix_asked.emit()
    form = page.matrix
    assert form.isVisible()
    form.text.setText(str(text))
    form.chunks.setValue(1)
    form.button.click()
    qtbot.waitUntil(lambda: form.model.rowCount() == 1, timeout=WAIT)
    settled(page, qtbot)
    record = form.model.records()[0]
    assert record.text_name == "um texto.txt"
    assert page.quantize.matrix.findData(record.id) > 0
    form.table.select(record.id)
    assert "tensors were seen" in form.detail.text()
    form.remove_button.click()
    qtbot.waitUntil(lambda: form.model.rowCount() == 0, timeout=WAIT)
    qtbot.waitUntil(lambda: page.quantize.matrix.findData(record.id) < 0, timeout=WAIT)


def test_without_a_model_it_says_what_to_do(desk: Desk, qtbot: QtBot) -> None:
    desk.window.show()
    desk.navigate("quantize")
    page = desk.page("quantize")
    assert isinstance(page, QuantizePage)
    qtbot.waitUntil(lambda: page._pages.currentIndex() == 1, timeout=WAIT)
    shown = page._pages.currentWidget()
    assert shown is not None
    shown.findChildren(QPushButton)[0].click()
    assert desk.page_id == "models"


def test_the_card_of_a_model_leads_here(desk: Desk, source: VersionRecord, qtbot: QtBot) -> None:
    desk.window.resize(1280, 800)
    desk.window.show()
    desk.navigate("models", version_id=source.id)
    host = desk.page("models")
    assert isinstance(host, ModelsPage)
    library = host.view("library")
    assert isinstance(library, LibraryView)
    qtbot.waitUntil(library.detail.quantize_button.isVisible, timeout=WAIT)
    library.detail.quantize_button.click()
    page = desk.page("quantize")
    assert isinstance(page, QuantizePage)
    qtbot.waitUntil(lambda: page.current == source, timeout=WAIT)
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=WAIT)
