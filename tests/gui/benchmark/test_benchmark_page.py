"""The Benchmark page with a real model, real jobs and what they measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget
from pytestqt.qtbot import QtBot

from bancada.bench.plan import BENCH, RUN_KIND, TOKEN_STRIDE, BenchParams
from bancada.bench.report import compare
from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.core.events import Changed, JobProgress
from bancada.gui.desk import Desk
from bancada.gui.models.bench import Cursor, Results, columns, labels, read_piece
from bancada.gui.pages.benchmark.board import MEMORY
from bancada.gui.pages.benchmark.definitions import Definitions
from bancada.gui.pages.benchmark.page import BenchmarkPage
from bancada.gui.pages.benchmark.results import comparison_columns
from bancada.gui.widgets.ask import Question
from bancada.jobs.codec import encode
from bancada.jobs.spec import JobStatus
from bancada.storage import jobs, runs, samples
from bancada.storage.samples import SamplePoint
from tiny_gguf import TinyModel, write_tiny_gguf

WAIT = 60_000


@pytest.fixture
def version_id(context: AppContext, tmp_path: Path) -> str:
    """A tiny model in the library."""
    path = write_tiny_gguf(tmp_path / "tiny.gguf")
    job_id = context.jobs.submit(IMPORT, ImportParams(str(path), "Tiny", link=False), title="Import")
    record = context.jobs.wait(job_id, WAIT / 1000)
    assert record.status is JobStatus.SUCCEEDED, record.error
    return str(record.result["version_id"])


def store_run(
    context: AppContext,
    version_id: str,
    name: str = "Tiny:1 chat",
    *,
    speed: float = 100.0,
    lengths: tuple[int, ...] = (16,),
    others: float = 0.0,
) -> str:
    """A finished run as the worker would have stored it: eight repetitions for each length."""
    params = BenchParams(version_id, prompt_tokens=lengths, answer_tokens=(8,), repetitions=8)
    environment = {"model": {"name": "Tiny", "size_bytes": 1_000, "bits_per_weight": 4.5}}
    run_id = runs.start(context.database, RUN_KIND, name, encode(params), environment)
    values: list[tuple[str, int, float, int]] = []
    for step in range(8 * len(lengths)):
        wiggle = step % 3
        values += [
            ("ttft_ms", step, 40.0 + wiggle, step),
            ("prefill_tokens_per_s", step, 900.0 + wiggle, step),
            ("decode_tokens_per_s", step, speed + wiggle, step),
            ("total_ms", step, 400.0, step),
            ("peak_memory_bytes", step, 50e6, step),
            ("others_cores", step, others, step),
        ]
        values += [("itl_ms", step * TOKEN_STRIDE + at, 1000 / speed, step) for at in range(1, 8)]
    runs.log_metrics(context.database, run_id, values)
    runs.finish(context.database, run_id, "finished", {})
    return run_id


@pytest.fixture
def page(desk: Desk, qtbot: QtBot, version_id: str) -> Iterator[BenchmarkPage]:
    """The page on the screen; no benchmark is left running."""
    desk.window.show()
    desk.navigate("benchmark", version_id=version_id)
    found = desk.page("benchmark")
    assert isinstance(found, BenchmarkPage)
    qtbot.waitUntil(lambda: found._stack.currentIndex() > 0 and not desk.background.busy, timeout=WAIT)
    yield found
    desk.window.hide()


def settle(page: BenchmarkPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(
        lambda: not page.shell.background.busy and not page._refresh_timer.isActive(), timeout=WAIT
    )


def show(page: BenchmarkPage, qtbot: QtBot) -> None:
    """Read the runs that a test stored."""
    page.refresh()
    settle(page, qtbot)


def select(page: BenchmarkPage, qtbot: QtBot, *run_ids: str) -> None:
    view = page.results.table.view
    view.clearSelection()
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    for row in range(page.results.table.proxy.rowCount()):
        index = page.results.table.proxy.index(row, 0)
        source = page.results.table.proxy.mapToSource(index)
        if page.results.model.records()[source.row()].run_id in run_ids:
            view.selectionModel().select(index, flags)
    settle(page, qtbot)


def test_without_models_it_says_where_to_go(desk: Desk, qtbot: QtBot) -> None:
    desk.window.show()
    desk.navigate("benchmark")
    page = desk.page("benchmark")
    assert isinstance(page, BenchmarkPage)
    qtbot.waitUntil(lambda: page._stack.currentIndex() == 1, timeout=WAIT)


def test_a_benchmark_from_start_to_result(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    assert page.setup.models.chosen == [version_id]
    page.setup.prompt.clear()
    QTest.keyClicks(page.setup.prompt, "16, 24")
    page.setup.answer.clear()
    QTest.keyClicks(page.setup.answer, "6")
    page.setup.repetitions.setValue(2)
    assert page.setup.preset.currentData() == ""
    assert page.setup.total == 4
    page.start_button.click()
    qtbot.waitUntil(lambda: bool(page.running.jobs), timeout=WAIT)
    assert not page.setup.isEnabled()
    assert page.cancel_button.isVisible()
    job_id = next(iter(page.running.jobs))
    qtbot.waitUntil(lambda: not page.running.jobs and not page.shell.background.busy, timeout=WAIT)
    assert jobs.get(context.database, job_id).status is JobStatus.SUCCEEDED, jobs.get(
        context.database, job_id
    )
    qtbot.waitUntil(lambda: len(page.board.shown) == 2, timeout=WAIT)
    settle(page, qtbot)
    rows = page.results.model.records()
    assert [(one.prompt_tokens, one.repetitions) for one in rows] == [(16, 2), (24, 2)]
    ttft = page.board.charts["ttft_ms"].plot.lines
    assert [len(series) for series, _ in ttft.values()] == [2, 2]
    assert [series.x.tolist() for series, _ in ttft.values()] == [[1, 2], [1, 2]]
    gaps = page.board.charts["itl_ms"].plot.lines
    assert [len(series) for series, _ in gaps.values()] == [10, 10]
    memory = page.board.charts[MEMORY]
    assert len(memory.series_names) == 1
    assert any(label.startswith("forecast") for label in memory.plot.references.values)
    assert page.start_button.isVisible()
    assert page.setup.isEnabled()


def test_cancel_keeps_what_was_measured(page: BenchmarkPage, qtbot: QtBot, context: AppContext) -> None:
    page.setup.prompt.setText("16")
    page.setup.answer.setText("8")
    page.setup.repetitions.setValue(1_000)
    page.start()
    qtbot.waitUntil(lambda: bool(page.running.runs), timeout=WAIT)
    qtbot.waitUntil(lambda: bool(page.board.shown), timeout=WAIT)
    job_id = next(iter(page.running.jobs))
    progress = JobProgress(job_id, "measuring", 3, 1_000, "repetitions", 1.0, 12.0)
    page.running.progressed.emit(progress)
    assert "3 of 1" in page.chip.text()
    assert "left" in page.chip.text()
    page.cancel_button.click()
    qtbot.waitUntil(lambda: not page.running.jobs and not page.shell.background.busy, timeout=WAIT)
    assert jobs.get(context.database, job_id).status is JobStatus.CANCELED
    qtbot.waitUntil(
        lambda: any(one.status == "canceled" for one in page.results.model.records()), timeout=WAIT
    )


def test_a_failed_benchmark_says_why(page: BenchmarkPage, qtbot: QtBot) -> None:
    page.setup.prompt.setText("5000")
    page.setup.answer.setText("8")
    page.setup.repetitions.setValue(1)
    page.start()
    qtbot.waitUntil(page.error.isVisible, timeout=WAIT)
    assert "context" in page.error.accessibleName().lower()
    assert not page._anyway.isVisible()


def test_lengths_that_cannot_be_read_do_not_start(page: BenchmarkPage) -> None:
    page.setup.prompt.setText("a few")
    page.setup.changed.emit()
    assert page.setup.total == 0
    assert not page.start_button.isEnabled()
    page.start()
    assert page.error.isVisible()


def test_too_little_memory_can_be_overruled(page: BenchmarkPage) -> None:
    page.running.refused.emit(BancadaError("jobs.memory_short", subject="x", need="9 GB", have="1 GB"))
    assert page.error.isVisible()
    assert page._anyway.isVisible()


def test_presets_fill_the_fields(page: BenchmarkPage) -> None:
    page.setup.preset.setCurrentIndex(page.setup.preset.findData("quick"))
    params = page.setup.params("v")
    assert (params.preset, params.prompt_tokens, params.answer_tokens, params.repetitions) == (
        "quick", (128,), (32,), 3,
    )  # fmt: skip
    page.setup.threads.setCurrentIndex(1)
    page.setup.context.setValue(4_096)
    params = page.setup.params("v")
    assert (params.threads, params.context) == (1, 4_096)


def test_kept_runs_are_listed_drawn_and_described(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    run_id = store_run(context, version_id, lengths=(16, 32))
    context.events.publish(Changed("run"))
    qtbot.waitUntil(lambda: len(page.results.model.records()) == 2, timeout=WAIT)
    qtbot.waitUntil(lambda: len(page.board.shown) == 2, timeout=WAIT)
    settle(page, qtbot)
    row = page.results.model.records()[0]
    texts = {one.id: one.text(row) if one.text else str(one.value(row)) for one in columns()}
    assert texts["lengths"] == "16 + 8"
    assert "\N{PLUS-MINUS SIGN}" in texts["ttft_ms.mean"]
    assert texts["ttft_ms.p50"] == "41.0"
    assert texts["n"] == "8"
    assert texts["trust"] == "steady"
    assert page.board.charts["decode_tokens_per_s"].figure.value == "101 tok/s p50"
    assert row.token == "series1"
    page.opened(run_id=run_id)
    assert page.results.selected_runs == [run_id]


def test_a_disturbed_run_says_so(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    store_run(context, version_id, others=1.5)
    show(page, qtbot)
    row = page.results.model.records()[0]
    assert {one.id: one for one in columns()}["trust"].value(row) == "disturbed"
    assert "busy" in row.notes[0]


def test_several_runs_are_compared(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    slow, fast = (
        store_run(context, version_id, "Tiny:1 slow"),
        store_run(context, version_id, "Tiny:1 fast", speed=200),
    )
    show(page, qtbot)
    select(page, qtbot, slow, fast)
    assert len(page.board.shown) == 2
    assert sorted(page.board.charts["ttft_ms"].series_names) == ["fast 16 + 8", "slow 16 + 8"]
    page.results.setCurrentIndex(1)
    qtbot.waitUntil(lambda: bool(page.results.comparison_columns()), timeout=WAIT)
    assert page.results.comparison_columns()[-1] == "Ratio"
    comparison = compare(context.database, [slow, fast])
    made = comparison_columns(comparison)
    row = next(one for one in comparison.rows if one.measure.key == "decode_tokens_per_s")
    ratio = made[-1]
    assert ratio.text is not None
    assert ratio.tone is not None
    assert ratio.tip is not None
    assert ratio.text(row).startswith("\N{MULTIPLICATION SIGN}1.99")
    assert ratio.tone(row) == "good"
    assert "more than noise" in ratio.tip(row)
    select(page, qtbot, slow)
    qtbot.waitUntil(lambda: not page.results.comparison_columns(), timeout=WAIT)


def test_runs_without_common_lengths_cannot_be_compared(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    ids = [store_run(context, version_id), store_run(context, version_id, lengths=(99,))]
    show(page, qtbot)
    page.results.setCurrentIndex(1)
    select(page, qtbot, *ids)
    qtbot.waitUntil(lambda: "in common" in page.results._hint.text(), timeout=WAIT)


def test_a_run_is_renamed_and_removed(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    run_id = store_run(context, version_id)
    show(page, qtbot)
    page.results.rename_button.click()
    dialog = page.results.findChild(QInputDialog)
    assert dialog is not None
    dialog.setTextValue("After the update")
    dialog.accept()
    qtbot.waitUntil(lambda: page.results.model.records()[0].name == "After the update", timeout=WAIT)
    settle(page, qtbot)
    page.results.remove_button.click()
    question = next(one for one in page.window().findChildren(Question) if one.isVisible())
    assert question.accessibleName() == "Remove After the update?"
    question.buttons[0].click()
    qtbot.waitUntil(lambda: page.results.model.records() == [], timeout=WAIT)
    settle(page, qtbot)
    assert runs.list_runs(context.database, RUN_KIND) == []
    with pytest.raises(BancadaError):
        runs.rename(context.database, run_id, "gone")


def test_more_rows_than_styles_are_not_all_drawn(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    store_run(context, version_id, lengths=(1, 2, 3, 4, 5, 6))
    show(page, qtbot)
    page.results.table.view.selectAll()
    settle(page, qtbot)
    assert len(page.board.shown) == 5


def test_files(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str, tmp_path: Path
) -> None:
    store_run(context, version_id)
    show(page, qtbot)
    page.exporting.save_charts(tmp_path / "charts.png")
    assert QImage(str(tmp_path / "charts.png")).width() > 1_000
    page.exporting.save_table(tmp_path / "table.csv")
    page.exporting.save_run(tmp_path / "run.csv")
    qtbot.waitUntil(
        lambda: (tmp_path / "table.csv").exists() and (tmp_path / "run.csv").exists(), timeout=WAIT
    )
    assert "Tiny:1 chat" in (tmp_path / "table.csv").read_text("utf-8")
    assert "median_low" in (tmp_path / "run.csv").read_text("utf-8")
    page.exporting.save_charts(tmp_path / "none" / "charts.png")
    page.exporting.menu.actions()[1].trigger()
    dialog = page.findChild(QFileDialog)
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path / "again.csv"))
    dialog.close()
    qtbot.waitUntil((tmp_path / "again.csv").exists, timeout=WAIT)


def test_charts_as_tables_and_the_definitions(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    store_run(context, version_id)
    show(page, qtbot)
    page.table_button.click()
    qtbot.waitUntil(lambda: all(one.menu.table.isChecked() for one in page.board.charts.values()))
    page.table_button.click()
    page.show_meaning()
    dialog = page.window().findChild(Definitions)
    assert dialog is not None
    texts = [one.text() for one in dialog.findChildren(QWidget) if hasattr(one, "text")]
    assert any("to its first token" in text for text in texts)
    dialog.close()


def test_a_busy_machine_is_said_before_anything_is_measured(page: BenchmarkPage) -> None:
    page.load.say(1.4, running=False)
    assert page.load.isVisible()
    assert "1.4" in page.load.text.text()
    page.load.say(1.4, running=True)
    assert "the run will say so" in page.load.text.text()
    page.load.say(0.1, running=False)
    assert not page.load.isVisible()


def test_models_are_ticked_by_keyboard(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, tmp_path: Path
) -> None:
    path = write_tiny_gguf(tmp_path / "other.gguf", TinyModel(name="Other", seed=5))
    job_id = context.jobs.submit(IMPORT, ImportParams(str(path), "Other", link=False), title="Import")
    context.jobs.wait(job_id, 60)
    show(page, qtbot)
    chooser = page.setup.models
    assert len(chooser.chosen) == 1
    chooser.open_list()
    popup = chooser._popup
    QTest.keyClick(popup.filter, Qt.Key.Key_Down)
    QTest.keyClick(popup.list, Qt.Key.Key_Space)
    assert len(chooser.chosen) == 2
    assert "Other:1" in chooser.text()
    QTest.keyClicks(popup.filter, "tiny")
    assert popup.list.model().rowCount() == 1
    popup._toggle(popup.list.model().index(0, 0))
    assert [chooser.name(one) for one in chooser.chosen] == ["Other:1"]
    QTest.keyClick(popup.filter, Qt.Key.Key_Return)
    assert not popup.isVisible()


def test_every_control_has_a_name(
    page: BenchmarkPage, qtbot: QtBot, context: AppContext, version_id: str
) -> None:
    store_run(context, version_id)
    show(page, qtbot)
    nameless = [
        f"{type(one).__name__} {one.objectName()}"
        for one in page.findChildren(QWidget)
        if one.focusPolicy().value & 1
        and one.isVisible()
        and one.focusProxy() is None
        and not (one.accessibleName() or getattr(one, "text", lambda: "")())
        and type(one).__name__
        not in ("QScrollBar", "QHeaderView", "QSplitter", "QTableCornerButton", "QTabBar")
    ]
    assert nameless == []


def test_curves_are_read_on_from_where_they_were(context: AppContext, version_id: str) -> None:
    job = context.jobs
    assert job.running() == []
    run_id = store_run(context, version_id)
    first = read_piece(context, run_id, Cursor())
    (line,) = first.lines.values()
    assert line["ttft_ms"][0] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert line["itl_ms"][0][-1] == 56
    again = read_piece(context, run_id, first.cursor)
    assert again.lines == {next(iter(first.lines)): {}}
    assert first.forecast_mib is not None
    assert first.memory == ([], [])


def test_the_memory_of_an_ended_run_comes_from_the_store(context: AppContext, version_id: str) -> None:
    job_id = context.jobs.submit(
        BENCH, BenchParams(version_id, (8,), (4,), 1, warmup=0, threads=1, threads_batch=1), title="Benchmark"
    )
    record = context.jobs.wait(job_id, WAIT / 1000)
    assert record.status is JobStatus.SUCCEEDED, record.error
    samples.add_many(context.database, job_id, [SamplePoint(90_000, 3 << 20, 1.0)])
    piece = read_piece(context, str(record.result["run_id"]), Cursor())
    assert piece.memory[0][-1] == 90.0
    assert piece.memory[1][-1] == 3.0


def test_names_of_lines_say_what_tells_them_apart(context: AppContext, version_id: str) -> None:
    store_run(context, version_id, "Tiny:1 chat", lengths=(16, 32))
    rows = Results(context.database).rows()
    assert list(labels(rows).values()) == ["16 + 8", "32 + 8"]
    assert list(labels(rows[:1]).values()) == ["Tiny:1 chat 16 + 8"]
    store_run(context, version_id, "Tiny:1 chat")
    both = labels(Results(context.database).rows())
    assert len(set(both.values())) == 3 or all("chat" in one for one in both.values())
