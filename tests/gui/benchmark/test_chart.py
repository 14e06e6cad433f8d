"""The chart as a person has it: legend, crosshair, zoom, pause, table, files, themes, words."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QTableView
from pytestqt.qtbot import QtBot

from bancada.core.errors import BancadaError
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts import TimeChart


@pytest.fixture
def chart(qtbot: QtBot, theme: Theme) -> Iterator[TimeChart]:
    """A chart on the screen with two lines of ten points."""
    made = TimeChart(theme, "Time to first token", "ms", x_title="Repetition", x_unit="")
    qtbot.addWidget(made)
    made.resize(520, 260)
    made.set_series("A", range(10), [100.0 + one for one in range(10)])
    made.set_series("B", range(10), [50.0 - one for one in range(10)])
    made.show()
    QApplication.processEvents()
    yield made
    theme.choose("light")


def drawn(chart: TimeChart, name: str) -> int:
    """How many points of a line are drawn."""
    series, _ = chart.plot.lines[name]
    start, end = chart.plot.plotItem.vb.viewRange()[0]
    return int(series.window(start, end, 400)[0].size)


def test_it_shows_a_sentence_while_there_is_nothing(qtbot: QtBot, theme: Theme) -> None:
    empty = TimeChart(theme, "Memory", "MiB")
    qtbot.addWidget(empty)
    empty.set_empty_text("Nothing yet")
    empty.show()
    assert not empty.plot.isVisible()
    empty.set_series("a", [1], [2.0])
    qtbot.waitUntil(empty.plot.isVisible)
    empty.clear()
    qtbot.waitUntil(lambda: not empty.plot.isVisible())


def test_the_live_figure_is_the_last_value_unless_said(chart: TimeChart) -> None:
    assert chart.figure.value == "109 ms"
    chart.set_figure("355", "ms p50")
    chart.extend_series("A", [10], [500.0])
    QApplication.processEvents()
    assert chart.figure.value == "355 ms p50"


def test_the_legend_hides_a_line_and_the_y_axis_fits_the_rest(chart: TimeChart) -> None:
    low, _ = chart.plot.plotItem.vb.viewRange()[1]
    assert low < 50
    chart.legend.button("B").click()
    assert list(chart.plot.lines) == ["A"]
    low, high = chart.plot.plotItem.vb.viewRange()[1]
    assert 90 < low < 100
    assert high > 109
    chart.legend.button("B").click()
    assert list(chart.plot.lines) == ["A", "B"]


def test_lines_differ_by_more_than_colour(chart: TimeChart) -> None:
    one, other = (style for _, style in chart.plot.lines.values())
    assert (one.dashes, one.marker) != (other.dashes, other.marker)


def test_the_crosshair_reads_values_by_keyboard(chart: TimeChart) -> None:
    chart.plot.setFocus()
    QTest.keyClick(chart.plot, Qt.Key.Key_Right)
    assert chart.plot.reading_text == "Repetition 9; A: 109 ms; B: 41.0 ms"
    QTest.keyClick(chart.plot, Qt.Key.Key_Left)
    assert chart.plot.accessibleDescription() == "Repetition 8; A: 108 ms; B: 42.0 ms"
    QTest.keyClick(chart.plot, Qt.Key.Key_Home)
    assert chart.plot.reading_text.startswith("Repetition 0;")
    QTest.keyClick(chart.plot, Qt.Key.Key_Left)
    assert chart.plot.reading_text.startswith("Repetition 0;")
    QTest.keyClick(chart.plot, Qt.Key.Key_End)
    assert chart.plot.reading_text.startswith("Repetition 9;")
    QTest.keyClick(chart.plot, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert chart.plot.reading_text.startswith("Repetition 0;")
    QTest.keyClick(chart.plot, Qt.Key.Key_Escape)
    assert chart.plot.reading_text == ""


def test_the_crosshair_follows_the_mouse(chart: TimeChart) -> None:
    area = chart.plot.plotItem.vb
    at = chart.plot.mapFromScene(area.mapViewToScene(QPointF(5.2, 80.0)))
    QTest.mouseMove(chart.plot.viewport(), at)
    assert chart.plot.reading_text.startswith("Repetition 5;")
    QTest.mouseMove(chart.plot.viewport(), QPoint(1, chart.plot.height() - 2))
    assert chart.plot.reading_text == ""


def test_zoom_pan_and_show_everything(chart: TimeChart) -> None:
    chart.plot.setFocus()
    QTest.keyClick(chart.plot, Qt.Key.Key_Plus)
    start, end = chart.plot.plotItem.vb.viewRange()[0]
    assert end - start < 9
    QTest.keyClick(chart.plot, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert chart.plot.plotItem.vb.viewRange()[0][0] > start
    # while one looks closer, new points do not move the picture
    before = chart.plot.plotItem.vb.viewRange()[0]
    chart.extend_series("A", [30], [1.0])
    QApplication.processEvents()
    assert chart.plot.plotItem.vb.viewRange()[0] == before
    QTest.keyClick(chart.plot, Qt.Key.Key_0)
    assert chart.plot.plotItem.vb.viewRange()[0][1] > 30


def wheel(chart: TimeChart, modifiers: Qt.KeyboardModifier) -> bool:
    """Turn the wheel over the middle of the chart; whether the chart took it."""
    middle = QPointF(chart.plot.width() / 2, chart.plot.height() / 2)
    not_inverted = bool(0)
    event = QWheelEvent(
        middle,
        chart.plot.mapToGlobal(middle),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        not_inverted,
    )
    chart.plot.wheelEvent(event)
    return bool(event.isAccepted())


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(chart: TimeChart) -> None:
    chart.plot.clearFocus()
    assert not wheel(chart, Qt.KeyboardModifier.NoModifier)
    assert chart.plot.following
    assert wheel(chart, Qt.KeyboardModifier.ControlModifier)
    assert not chart.plot.following


def test_a_double_click_shows_everything(chart: TimeChart) -> None:
    chart.plot.zoom(4)
    QTest.mouseDClick(chart.plot.viewport(), Qt.MouseButton.LeftButton)
    assert chart.plot.following


def test_pause_lets_the_picture_stand_still_and_loses_nothing(chart: TimeChart) -> None:
    chart.menu.pause.setChecked(True)
    chart.extend_series("A", [10, 11], [1.0, 2.0])
    chart.set_series("C", [20], [3.0])
    QApplication.processEvents()
    assert chart.plot.plotItem.vb.viewRange()[0][1] < 10
    chart.menu.pause.setChecked(False)
    QApplication.processEvents()
    assert chart.plot.plotItem.vb.viewRange()[0][1] > 20


def test_a_reference_has_its_label_and_fits_the_picture(chart: TimeChart) -> None:
    chart.set_reference("forecast 400", 400.0)
    QApplication.processEvents()
    assert chart.plot.references.values == {"forecast 400": 400.0}
    assert chart.plot.plotItem.vb.viewRange()[1][1] > 400
    chart.set_reference("forecast 400", None)
    assert chart.plot.references.values == {}


def test_it_shows_its_numbers_as_a_table(qtbot: QtBot, chart: TimeChart) -> None:
    chart.show_table(shown=True)
    QApplication.processEvents()
    table = chart.findChild(QTableView)
    assert table is not None
    assert table.isVisible()
    model = table.model()
    assert model.rowCount() == 20
    assert [model.headerData(at, Qt.Orientation.Horizontal) for at in range(3)] == [
        "Line",
        "Repetition",
        "ms",
    ]
    assert [model.index(13, at).data() for at in range(3)] == ["B", "3", "47.0"]
    chart.extend_series("A", [10], [7.0])
    qtbot.waitUntil(lambda: model.rowCount() == 21)
    chart.show_table(shown=False)
    QApplication.processEvents()
    assert chart.plot.isVisible()


def test_files(chart: TimeChart, tmp_path: Path) -> None:
    chart.set_series("=cmd()", [1], [2.0])
    chart.set_series("C", [1, 2], [1.0, 2.0])
    chart.set_series("D", [1, 2], [1.0, 2.0])
    QApplication.processEvents()
    for ending in ("png", "svg", "csv"):
        chart.save(tmp_path / f"chart.{ending}")
    assert QImage(str(tmp_path / "chart.png")).width() > 600
    assert "<svg" in (tmp_path / "chart.svg").read_text("utf-8")
    with (tmp_path / "chart.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["Line", "Repetition", "Time to first token (ms)"]
    assert rows[1] == ["A", "0.0", "100.0"]
    assert ["'=cmd()", "1.0", "2.0"] in rows
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_cannot_be_written_is_said(chart: TimeChart, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "a.png", tmp_path / "none" / "a.csv", tmp_path / "a.exe"):
        with pytest.raises(BancadaError) as caught:
            chart.save(path)
        assert caught.value.code == "chart.not_saved"


def test_saving_by_the_menu(qtbot: QtBot, chart: TimeChart, tmp_path: Path) -> None:
    target = tmp_path / "chosen.csv"
    action = next(one for one in chart.menu.actions() if "CSV" in one.text())
    action.trigger()
    dialog = chart.findChild(QFileDialog)
    assert dialog is not None
    with qtbot.waitSignal(chart.saved):
        dialog.fileSelected.emit(str(target))
    assert target.exists()
    with qtbot.waitSignal(chart.failed):
        dialog.fileSelected.emit(str(tmp_path / "no" / "folder.csv"))
    dialog.close()


def test_the_picture_goes_to_the_clipboard(chart: TimeChart) -> None:
    next(one for one in chart.menu.actions() if "Copy" in one.text()).trigger()
    assert not QApplication.clipboard().image().isNull()


def test_it_says_itself_to_a_screen_reader(qtbot: QtBot, chart: TimeChart) -> None:
    assert chart.plot.accessibleName() == "Time to first token"
    qtbot.waitUntil(
        lambda: "A: 10 points, from 100 ms to 109 ms, last 109 ms" in chart.plot.accessibleDescription()
    )
    assert chart.legend.button("A").accessibleName() == "A"


def test_it_follows_the_theme(chart: TimeChart, theme: Theme) -> None:
    before = chart.grab().toImage()
    theme.choose("dark")
    QApplication.processEvents()
    dark = chart.grab().toImage()
    theme.choose("contrast")
    QApplication.processEvents()
    contrast = chart.grab().toImage()
    assert before != dark
    assert dark != contrast


def test_a_hundred_thousand_points_are_drawn_with_few(chart: TimeChart) -> None:
    chart.set_series("A", range(100_000), [float(one % 97) for one in range(100_000)])
    QApplication.processEvents()
    assert drawn(chart, "A") <= 1_600
    chart.show_table(shown=True)
    QApplication.processEvents()
    table = chart.findChild(QTableView)
    assert table is not None
    assert table.model().rowCount() == 100_010
    table.scrollToBottom()


def test_points_must_come_in_pairs(chart: TimeChart) -> None:
    with pytest.raises(ValueError, match="as many"):
        chart.set_series("A", [1, 2], [1.0])


def test_a_removed_line_leaves_the_legend(chart: TimeChart) -> None:
    chart.remove_series("B")
    chart.remove_series("unknown")
    QApplication.processEvents()
    assert chart.series_names == ["A"]
    assert not chart.legend.isVisible()


def test_a_growing_chart_moves_its_axes_in_steps(qtbot: QtBot, theme: Theme) -> None:
    chart = TimeChart(theme, "Time per token", "ms", x_title="Token", x_unit="")
    qtbot.addWidget(chart)
    chart.resize(400, 240)
    chart.set_growing(growing=True)
    chart.set_series("line", [0.0, 10.0], [1.0, 9.0])
    chart.show()
    qtbot.waitUntil(chart.plot.isVisible)
    area = chart.plot.plotItem.vb
    ranges = []
    for x in range(11, 41):
        chart.extend_series("line", [float(x)], [5.0])
        qtbot.waitUntil(lambda: not chart._redraw.isActive())
        ranges.append(tuple(area.viewRange()[0]))
        assert ranges[-1][0] <= 0 < x <= ranges[-1][1], "every point is inside"
    assert len(set(ranges)) < 6, "the axis stays while there is room"
    chart.set_growing(growing=False)
    qtbot.waitUntil(lambda: area.viewRange()[0][1] < 42)
