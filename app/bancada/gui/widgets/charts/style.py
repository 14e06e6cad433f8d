"""How a line looks: a colour of the theme, and a dash pattern and a marker for eyes that see no colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPen

from bancada.gui.theme.theme import Theme


@dataclass(frozen=True, slots=True)
class Style:
    """``token`` names a colour of the theme; ``dashes`` are lengths on, off, on ... in pixels (none: solid).

    ``marker`` is one of pyqtgraph's symbols and is drawn where points are few.
    """

    token: str
    dashes: tuple[float, ...] = ()
    marker: str = "o"


#: given to a chart's lines in turn
STYLES: Final[tuple[Style, ...]] = (
    Style("series1", (), "o"),
    Style("series2", (9.0, 4.0), "s"),
    Style("series3", (3.0, 3.0), "t"),
    Style("series4", (10.0, 4.0, 3.0, 4.0), "d"),
    Style("series5", (10.0, 4.0, 3.0, 4.0, 3.0, 4.0), "+"),
)
#: for what is not measured but forecast or required
REFERENCE: Final = Style("series2", (12.0, 6.0))


def pen(theme: Theme, style: Style, *, ratio: float = 1.0, dashed: bool = True) -> QPen:
    """The pen of a line; thicker in the high-contrast theme.

    ``ratio`` is the screen's (or the file's) pixels per pixel of the window: the pen is cosmetic, so
    that zooming keeps its width, and Qt counts cosmetic widths in the screen's pixels.
    """
    made = thin(theme.color(style.token), (2.4 if theme.name == "contrast" else 1.6) * ratio)
    made.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    if style.dashes and dashed:
        made.setCapStyle(Qt.PenCapStyle.FlatCap)
        # Qt counts dashes in widths of the pen
        made.setDashPattern([one * ratio / made.widthF() for one in style.dashes])
    return made


def thin(color: QColor, width: float = 1.0) -> QPen:
    """A pen whose width is in pixels of the screen, whatever the drawing's scale."""
    made = QPen(color, width)
    made.setCosmetic(True)
    return made
