"""A chart as a file: a picture with its title and legend, or its numbers."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QImageWriter, QPainter
from PySide6.QtSvg import QSvgGenerator

from bancada.core.errors import BancadaError
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.charts.legend import paint_sample
from bancada.gui.widgets.charts.plot import Plot
from bancada.gui.widgets.charts.series import Series

#: pixels of the file for each pixel of the window
_SCALE: Final = 2
_MARGIN: Final = 12
#: the height of title and legend
_HEAD: Final = 56
#: first characters that a spreadsheet would run as a formula
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as it is drawn into a file."""

    title: str
    value: str
    plot: Plot
    theme: Theme

    @property
    def size(self) -> QSize:
        return self.plot.viewport().size() + QSize(2 * _MARGIN, _HEAD + _MARGIN)

    def paint(self, painter: QPainter) -> None:
        """Draw into a painter whose unit is one pixel of the window."""
        size, theme = self.size, self.theme
        painter.fillRect(QRect(0, 0, size.width(), size.height()), QColor(theme.color("surface")))
        font = QFont(self.plot.font())
        font.setPixelSize(13)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.color("text")))
        heading = QRectF(12, 8, size.width() - 24, 20)
        painter.drawText(heading, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.title)
        painter.drawText(heading, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.value)
        font.setPixelSize(11)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        self._paint_legend(painter, QFontMetricsF(font))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.plot.viewport().rect()
        self.plot.render(painter, QRectF(area.translated(_MARGIN, _HEAD)), area)

    def _paint_legend(self, painter: QPainter, metrics: QFontMetricsF) -> None:
        left = 12.0
        for whole_name, (_, style) in self.plot.lines.items():
            paint_sample(painter, self.theme, style, QRectF(left, 34, 26, 12))
            painter.setPen(QColor(self.theme.color("text")))
            room = (self.size.width() - 2 * _MARGIN) / max(len(self.plot.lines), 1) - 50
            name = metrics.elidedText(whole_name, Qt.TextElideMode.ElideMiddle, room)
            width = metrics.horizontalAdvance(name)
            painter.drawText(
                QRectF(left + 32, 30, width + 2, 20),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                name,
            )
            left += 32 + width + 18


def picture(figure: Figure) -> QImage:
    """A picture of twice the window's resolution."""
    size = figure.size
    image = QImage(size * _SCALE, QImage.Format.Format_ARGB32)
    image.setDevicePixelRatio(_SCALE)
    figure.plot.apply_theme(_SCALE)
    painter = QPainter(image)
    figure.paint(painter)
    painter.end()
    figure.plot.apply_theme()
    return image


def save_png(figure: Figure, path: Path) -> None:
    """Write a picture of twice the window's resolution. Raises BancadaError ``chart.not_saved``."""
    save_image(picture(figure), path)


def save_image(image: QImage, path: Path) -> None:
    """Write a picture as PNG. Raises BancadaError ``chart.not_saved``."""

    def write(part: Path) -> None:
        writer = QImageWriter(str(part), QByteArray(b"png"))
        if not writer.write(image):
            raise OSError(writer.errorString())

    replace_file(path, write)


def save_svg(figure: Figure, path: Path) -> None:
    """Write a drawing that keeps sharp at any size. Raises BancadaError ``chart.not_saved``."""

    def write(part: Path) -> None:
        generator = QSvgGenerator()
        generator.setFileName(str(part))
        generator.setSize(figure.size)
        generator.setViewBox(QRect(0, 0, figure.size.width(), figure.size.height()))
        generator.setTitle(figure.title)
        painter = QPainter()
        if not painter.begin(generator):
            raise OSError("the drawing could not be written")
        figure.paint(painter)
        painter.end()

    replace_file(path, write)


def save_csv(headers: tuple[str, str, str], lines: Mapping[str, Series], path: Path) -> None:
    """Write one row for each point, numbers with a decimal point. Raises BancadaError ``chart.not_saved``."""

    def write(part: Path) -> None:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([_plain(one) for one in headers])
            for name, series in lines.items():
                label = _plain(name)
                writer.writerows(
                    (label, repr(x), repr(y))
                    for x, y in zip(series.x.tolist(), series.y.tolist(), strict=True)
                )

    replace_file(path, write)


def _plain(text: str) -> str:
    """A spreadsheet must not take a name for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside the target and rename, so that a failure leaves the old file whole."""
    part = path.with_name(path.name + ".part")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BancadaError("chart.not_saved", path=str(path), reason=error.strerror or str(error)) from error
