"""A chart with all that belongs to it: title, live figure, legend, menu, files, numbers as a table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHeaderView, QStackedWidget, QTableView, QToolButton

from bancada.core.errors import BancadaError
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import Card, Chip, IconButton, Label
from bancada.gui.widgets.charts import export
from bancada.gui.widgets.charts.legend import Legend
from bancada.gui.widgets.charts.menu import ChartMenu
from bancada.gui.widgets.charts.numbers import number_text, place_text
from bancada.gui.widgets.charts.plot import Plot
from bancada.gui.widgets.charts.points_model import PointsModel
from bancada.gui.widgets.charts.series import Numbers, Series
from bancada.gui.widgets.charts.style import REFERENCE, STYLES, Style

#: the table and the description follow the data at this pace; the drawing follows at once
_SLOW_MS: Final = 500


class TimeChart(Card):
    """Lines over time (or over repetitions), drawn from whatever ``set_series`` was given last.

    Call it as often as you like: drawing happens once for each turn of the event loop, only while the
    chart is visible, and costs the same for a thousand points and for a million.

    Args:
        theme: colours and type; a change is followed.
        title: what is measured; the y axis bears it with the unit.
        unit: the unit of y, beside the live figure.
        x_title, x_unit: the name and unit of the x axis; without a unit x counts things.
        format_y: how a y value is written with its unit; about three significant digits without it.
    """

    #: a file could not be written (BancadaError)
    failed = Signal(object)
    #: a file was written (its path)
    saved = Signal(str)

    def __init__(
        self,
        theme: Theme,
        title: str,
        unit: str,
        *,
        x_title: str = "",
        x_unit: str = "s",
        format_y: Callable[[float], str] | None = None,
    ) -> None:
        super().__init__(title)
        self._theme, self._title, self.unit, self._x_unit = theme, title, unit, x_unit
        self._x_title = x_title or self.tr("Time")
        self._format_y = format_y or (lambda value: f"{number_text(value)} {unit}".strip())
        self._series: dict[str, Series] = {}
        self._styles: dict[str, Style] = {}
        self._own_figure = False
        titles = self._named(self._x_title, x_unit), unit
        self.plot = Plot(theme, titles, self._format_x, self._format_y, whole_x=not x_unit)
        self._model = PointsModel(
            (self.tr("Line"), self._named(self._x_title, x_unit), unit),
            place_text,
            number_text,
            self,
        )
        self._redraw = QTimer(self, singleShot=True, interval=0)
        self._redraw.timeout.connect(self._draw)
        self._slow = QTimer(self, singleShot=True, interval=_SLOW_MS)
        self._slow.timeout.connect(self._follow)
        self._build()
        theme.changed.connect(self._apply_theme)
        self._apply_theme()
        self._draw()

    # -- data

    def set_series(self, name: str, xs: Numbers, ys: Numbers, style: Style | None = None) -> None:
        """Show a line, in place of what it showed before. Its style is the next free one unless given.

        Raises:
            ValueError: ``xs`` and ``ys`` are not equally long.
        """
        self._put(name, Series(xs, ys), style)

    def extend_series(self, name: str, xs: Numbers, ys: Numbers) -> None:
        """Add points to a line, which costs as much as the new points only."""
        if name not in self._series:
            self._put(name, Series(), None)
        self._series[name].extend(xs, ys)
        self._changed()

    def remove_series(self, name: str) -> None:
        """Take a line away; an unknown name is ignored."""
        if self._series.pop(name, None) is not None:
            del self._styles[name]
            self.plot.remove_line(name)
            self.legend.remove(name)
            self._changed()

    def clear(self) -> None:
        """Take all lines and references away and show everything that comes."""
        for name in list(self._series):
            self.remove_series(name)
        for label in list(self.plot.references.values):
            self.plot.references.set(label, None)
        self._own_figure = False
        self.menu.pause.setChecked(False)
        self.plot.reset()
        self._changed()

    @property
    def series_names(self) -> list[str]:
        return list(self._series)

    def set_reference(self, label: str, value: float | None, style: Style = REFERENCE) -> None:
        """Draw a labelled dashed line at ``value``; None removes it."""
        self.plot.references.set(label, value, style)
        self._apply_theme()
        self._changed()

    def set_growing(self, *, growing: bool) -> None:
        """Say that points keep coming: the axes then leave room for them; else they fit what is there."""
        if growing != self.plot.growing:
            self.plot.growing = growing
            self._changed()

    def set_figure(self, text: str, unit: str = "") -> None:
        """Say the live figure; without this it is the last value of the first line."""
        self._own_figure = True
        self._figure.setText(text)
        self._figure_unit.setText(unit or self.unit)

    def set_empty_text(self, text: str) -> None:
        """What stands in the chart while it has no data."""
        self._empty.setText(text)

    def show_table(self, *, shown: bool) -> None:
        """Show the numbers in place of the drawing, or the drawing again."""
        self.menu.table.setChecked(shown)

    # -- files

    @property
    def figure(self) -> export.Figure:
        """The chart as it is drawn into a file."""
        value = f"{self._figure.text()} {self._figure_unit.text()}".strip()
        return export.Figure(self._named(self._title, self.unit), value, self.plot, self._theme)

    def save(self, path: Path) -> None:
        """Write the chart; the ending says how: ``.png``, ``.svg`` or ``.csv``.

        Raises:
            BancadaError: ``chart.not_saved``, also for another ending.
        """
        ending = path.suffix.lower()
        if ending == ".png":
            export.save_png(self.figure, path)
        elif ending == ".svg":
            export.save_svg(self.figure, path)
        elif ending == ".csv":
            headers = (*self._model.headers[:2], self._named(self._title, self.unit))
            export.save_csv(headers, self._series, path)
        else:
            raise BancadaError("chart.not_saved", path=str(path), reason=self.tr("unknown kind of file"))

    def _save_to(self, path: str) -> None:
        try:
            self.save(Path(path))
        except BancadaError as error:
            self.failed.emit(error)
        else:
            self.saved.emit(path)

    # -- building

    def _build(self) -> None:
        self._figure, self._figure_unit = Label("", "figure"), Label("", "note")
        self._paused = Chip(self.tr("paused"), "warn")
        self._paused.hide()
        self._reset = IconButton(self._theme, "expand", self.tr("Show everything (0)"))
        self._reset.clicked.connect(self.plot.reset)
        self._reset.hide()
        more = IconButton(self._theme, "more", self.tr("Menu of the chart %1").replace("%1", self._title))
        self.menu = ChartMenu(self, self._title)
        self.menu.pause.toggled.connect(self._pause)
        self.menu.table.toggled.connect(self._draw)
        self.menu.everything.triggered.connect(self.plot.reset)
        self.menu.save_to.connect(self._save_to)
        self.menu.copy.triggered.connect(
            lambda: QGuiApplication.clipboard().setImage(export.picture(self.figure))
        )
        more.setMenu(self.menu)
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        for widget in (self._paused, self._figure, self._figure_unit, self._reset, more):
            self.header.addWidget(widget)
        self.legend = Legend(self._theme)
        self.legend.toggled.connect(lambda name, shown: self.plot.show_line(name, shown=shown))
        self.legend.hide()
        self.plot.setObjectName("chartPlot")
        self.plot.setAccessibleName(self._title)
        self.plot.probed.connect(self._say_reading)
        self.plot.following_changed.connect(lambda following: self._reset.setVisible(not following))
        self._empty = Label(self.tr("Nothing has been measured yet."), "muted", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        for page in (self.plot, self._empty, self._make_table()):
            self._pages.addWidget(page)
        self.body.setSpacing(0)
        self.body.addWidget(self.legend)
        self.body.addWidget(self._pages, 1)
        self.setAccessibleName(self._title)

    def _make_table(self) -> QTableView:
        self._table = QTableView()
        self._table.setModel(self._model)
        self._table.setAccessibleName(self.tr("Numbers of the chart %1").replace("%1", self._title))
        self._table.setAlternatingRowColors(True)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(26)
        header = self._table.horizontalHeader()
        header.setResizeContentsPrecision(0)  # the visible rows: there may be a million
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        return self._table

    # -- drawing

    def _put(self, name: str, series: Series, style: Style | None) -> None:
        known = name in self._series
        if style is None:
            style = self._styles.get(name) or self._free_style()
        self._series[name] = series
        self.plot.set_line(name, series, style)
        if not known or style != self._styles[name]:
            self._styles[name] = style
            self.legend.add(name, style)
        self._changed()

    def _free_style(self) -> Style:
        taken = set(self._styles.values())
        return next((one for one in STYLES if one not in taken), STYLES[len(taken) % len(STYLES)])

    def _changed(self) -> None:
        if self.isVisible() and not self._redraw.isActive():
            self._redraw.start()

    def _draw(self) -> None:
        table = self.menu.table.isChecked()
        has_points = any(len(one) for one in self._series.values())
        page = self._table if table else self.plot if has_points else self._empty
        if self._pages.currentWidget() is not page:
            self._pages.setCurrentWidget(page)
            if table:
                self._follow()
        self.legend.setVisible(len(self._series) > 1 and not table)
        if not table:
            self.plot.redraw()
        if not self._own_figure and not self.menu.pause.isChecked():
            self._say_last()
        if self.isVisible() and not self._slow.isActive():
            self._slow.start()

    def _say_last(self) -> None:
        last = next((float(one.y[-1]) for one in self._series.values() if len(one)), None)
        self._figure.setText("" if last is None else number_text(last))
        self._figure_unit.setText("" if last is None else self.unit)

    def _follow(self) -> None:
        """Bring what costs more than drawing up to date: the table and the words for screen readers."""
        if self.menu.table.isChecked() and not self.menu.pause.isChecked():
            self._model.set_lines(self._series)
        self.plot.setAccessibleDescription(self._describe())

    def _describe(self) -> str:
        parts = [self.tr("Line chart. Left and right arrows read the values.")]
        for name, series in self._series.items():
            span = series.extremes(float("-inf"), float("inf"))
            if span is not None:
                text = self.tr("%1: %2 points, from %3 to %4, last %5.")
                values = (
                    name,
                    str(len(series)),
                    *(self._format_y(one) for one in (*span, float(series.y[-1]))),
                )
                for place, value in enumerate(values, 1):
                    text = text.replace(f"%{place}", value)
                parts.append(text)
        return " ".join(parts)

    def _say_reading(self) -> None:
        self.plot.setAccessibleDescription(self.plot.reading_text or self._describe())

    def _pause(self, paused: bool) -> None:
        self._paused.setVisible(paused)
        self.plot.freeze(frozen=paused)
        self._changed()

    def _apply_theme(self) -> None:
        self._pages.setMinimumHeight(self._theme.px(84))
        self.plot.apply_theme()
        self.legend.apply_theme()

    def _format_x(self, value: float) -> str:
        return f"{self._x_title} {place_text(value)} {self._x_unit}".strip()

    @staticmethod
    def _named(title: str, unit: str) -> str:
        return f"{title} ({unit})" if unit else title

    # -- events

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._redraw.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._redraw.stop()
        self._slow.stop()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu.popup(event.globalPos())
