"""The drawing part of a chart: axes, lines, crosshair, zoom and pan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.axis import NumberAxis
from bancada.gui.widgets.charts.crosshair import Crosshair
from bancada.gui.widgets.charts.lines import Lines
from bancada.gui.widgets.charts.references import References
from bancada.gui.widgets.charts.series import Series
from bancada.gui.widgets.charts.style import Style, thin

#: more points than any series has: a step to the first or the last one
_FAR: Final = 1 << 60
#: while a chart grows its axes stay as long as the data fill this share of them ...
_FULL: Final = 0.5
#: ... and then leave room for this share more to come
_AHEAD: Final = 0.5


class Plot(pg.PlotWidget):
    """Lines over one x axis. The y axis always fits what is visible; x follows the data until one zooms."""

    probed = Signal()  # the crosshair moved: see ``reading_text``
    following_changed = Signal(bool)

    def __init__(
        self,
        theme: Theme,
        titles: tuple[str, str],
        format_x: Callable[[float], str],
        format_y: Callable[[float], str],
        *,
        whole_x: bool = False,
    ) -> None:
        bottom, left = NumberAxis("bottom", titles[0], whole=whole_x), NumberAxis("left", titles[1])
        super().__init__(background=None, axisItems={"bottom": bottom, "left": left})
        self._theme = theme
        self._axes = (bottom, left)
        self._lines = Lines(self.plotItem, theme, format_y)
        self.references = References(self.plotItem)
        # pyqtgraph's own grid takes 2 ms of every frame
        self._grid = pg.PlotCurveItem()
        self._grid.setZValue(-1)
        self._gridded: tuple[float, ...] = ()
        self.plotItem.addItem(self._grid, ignoreBounds=True)
        self.following = True
        #: more is coming: the axes then grow in steps, because new ticks cost more than new points
        self.growing = False
        self._ratio = 1.0
        self._area: pg.ViewBox = self.plotItem.vb
        self._area.setMenuEnabled(False)
        self._area.setMouseEnabled(x=True, y=False)
        self._area.disableAutoRange()
        self._area.sigRangeChangedManually.connect(self._moved_by_hand)
        self.plotItem.hideButtons()
        # room for the outer halves of the last labels
        self.plotItem.setContentsMargins(0, 4, 8, 2)
        self._crosshair = Crosshair(self, self._lines.readings, format_x)
        self.apply_theme()

    # -- what is drawn

    @property
    def lines(self) -> dict[str, tuple[Series, Style]]:
        """The visible lines by name."""
        return self._lines.shown

    @property
    def reading_text(self) -> str:
        """The crosshair's values in one line; empty without a crosshair."""
        return self._crosshair.text

    def set_line(self, name: str, series: Series, style: Style) -> None:
        """Add a line or replace its data; :meth:`redraw` shows it."""
        self._lines.set(name, series, style)

    def remove_line(self, name: str) -> None:
        self._lines.remove(name)

    def show_line(self, name: str, *, shown: bool) -> None:
        """Show or hide a line; the y axis fits what is left."""
        self._lines.show(name, shown=shown)
        self.redraw()

    def freeze(self, *, frozen: bool) -> None:
        """While frozen the picture stands still; what comes in meanwhile is kept and shown after."""
        self._lines.freeze(frozen=frozen)
        self.redraw()

    def redraw(self) -> None:
        """Fit the axes and hand each line as many points as its width in pixels can show."""
        if self.following:
            self._fit_x()
        start, end = self._area.viewRange()[0]
        self._fit_y(start, end)
        self._draw_grid()
        self._lines.draw(self._area)
        self.references.place(end)
        self._crosshair.refresh()
        # else the scene finds out while it paints, and paints a second time
        self._area.prepareForPaint()

    def _draw_grid(self) -> None:
        (start, end), (low, high) = self._area.viewRange()
        drawn = start, end, low, high, self.height()
        if drawn != self._gridded:
            self._gridded = drawn
            self._set_grid(start, end, self._axes[1].places(low, high))

    def _set_grid(self, start: float, end: float, places: list[float]) -> None:
        marks = np.repeat(places, 2)
        self._grid.setData(
            x=np.tile((start, end), marks.size // 2), y=marks, connect="pairs", antialias=False
        )

    def apply_theme(self, ratio: float | None = None) -> None:
        """Take over the theme's colours and type; ``ratio`` is pixels per pixel of the window."""
        self._ratio = ratio or self.devicePixelRatioF()
        font = QFont(self.font())
        font.setPixelSize(self._theme.px(10))
        for axis in self._axes:
            axis.apply(self._theme, font)
        self._lines.apply(self._ratio)
        self._grid.setPen(thin(self._theme.color("hover" if self._theme.name == "contrast" else "border")))
        self.references.apply(self._theme, font, self._ratio)
        self._crosshair.apply(self._theme, self._ratio)
        self.setStyleSheet(
            "QGraphicsView#chartPlot { border: 2px solid transparent; border-radius: 6px; }"
            f"QGraphicsView#chartPlot:focus {{ border-color: {self._theme.color('accent').name()}; }}"
        )

    # -- ranges

    def _fit_x(self) -> None:
        drawn = list(self._lines.drawn())
        if not drawn:
            return
        low = min(float(series.x[0]) for series, _ in drawn)
        high = max(float(series.x[count - 1]) for series, count in drawn)
        pad = 0.02 * (high - low) or 0.5
        start, end = self._area.viewRange()[0]
        if self.growing:
            if start <= low and high <= end and high - start >= _FULL * (end - start):
                return
            high += _AHEAD * (high - low)
        self._area.setXRange(low - pad, high + pad, padding=0)

    def _fit_y(self, start: float, end: float) -> None:
        found = [series.extremes(start, end, count) for series, count in self._lines.drawn()]
        marks = list(self.references.values.values())
        values = [value for pair in found if pair for value in pair] + marks
        if not values:
            return
        low, high = min(values), max(values)
        below, above = self._area.viewRange()[1]
        fits = below <= low and high <= above and high - low >= _FULL * (above - below)
        if self.growing and self.following and fits:
            return
        pad = 0.08 * (high - low) or abs(high) * 0.05 or 0.5
        # a reference's label sits above its line and is some 18 pixels high
        room = 18 / max(self._area.height() - 18, 18) * (high - low) if marks else 0.0
        self._area.setYRange(low - pad, high + pad + room, padding=0)

    def _moved_by_hand(self) -> None:
        if self.following:
            self.following = False
            self.following_changed.emit(False)  # noqa: FBT003 - a signal's argument has no name
        self.redraw()

    def reset(self) -> None:
        """Show everything again and follow what comes."""
        if not self.following:
            self.following = True
            self.following_changed.emit(True)  # noqa: FBT003 - a signal's argument has no name
        self.redraw()

    def zoom(self, factor: float, center: float | None = None) -> None:
        """Show ``1 / factor`` of the present span, around ``center``, the crosshair or the middle."""
        start, end = self._area.viewRange()[0]
        if center is None:
            center = (start + end) / 2 if self._crosshair.x is None else self._crosshair.x
        self._area.setXRange(center - (center - start) / factor, center + (end - center) / factor, padding=0)
        self._moved_by_hand()

    def pan(self, share: float) -> None:
        """Move by a share of the visible span, to the right when positive."""
        start, end = self._area.viewRange()[0]
        by = share * (end - start)
        self._area.setXRange(start + by, end + by, padding=0)
        self._moved_by_hand()

    # -- crosshair

    def probe(self, x: float | None) -> None:
        """Put the crosshair on the point nearest to ``x``; None takes it away."""
        before = self._crosshair.text
        self._crosshair.move(x)
        if self._crosshair.text != before:
            self.probed.emit()

    def step(self, points: int) -> None:
        """Move the crosshair by that many points, to the left when negative; it starts at the last one."""
        x = self._lines.step(self._crosshair.x, points)
        if x is not None:
            self.probe(x)

    # -- events

    def keyPressEvent(self, event: QKeyEvent) -> None:
        stride = 10 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        moving = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        keys: dict[int, Callable[[], None]] = {
            Qt.Key.Key_Left: lambda: self.pan(-0.1) if moving else self.step(-stride),
            Qt.Key.Key_Right: lambda: self.pan(0.1) if moving else self.step(stride),
            Qt.Key.Key_Home: lambda: self.step(-_FAR),
            Qt.Key.Key_End: lambda: self.step(_FAR),
            Qt.Key.Key_Plus: lambda: self.zoom(1.5),
            Qt.Key.Key_Minus: lambda: self.zoom(1 / 1.5),
            Qt.Key.Key_0: self.reset,
        }
        if event.key() in keys:
            keys[event.key()]()
        elif event.key() == Qt.Key.Key_Escape and self._crosshair.x is not None:
            self.probe(None)
        else:
            # not pyqtgraph's: it would swallow keys that belong to the window
            QWidget.keyPressEvent(self, event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom with Ctrl or with the focus here; else the page scrolls, as one expects over a page."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier or self.hasFocus():
            at = self._area.mapSceneToView(self.mapToScene(event.position().toPoint()))
            self.zoom(1.0015 ** event.angleDelta().y(), at.x())
            event.accept()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if event.buttons() == Qt.MouseButton.NoButton:
            scene = self.mapToScene(event.position().toPoint())
            inside = self._area.sceneBoundingRect().contains(QPointF(scene))
            self.probe(self._area.mapSceneToView(QPointF(scene)).x() if inside else None)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.reset()
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.probe(None)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self.apply_theme()

    def resizeEvent(self, ev: QResizeEvent | None) -> None:
        super().resizeEvent(ev)
        if hasattr(self, "_crosshair"):  # pyqtgraph resizes while it is being made
            self.redraw()
