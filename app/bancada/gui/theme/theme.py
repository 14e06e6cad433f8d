"""The look as an object: colours, icons, fonts, and the style sheet made of them."""

from __future__ import annotations

from string import Template
from typing import Final

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication

from bancada.core.paths import resources
from bancada.gui.theme.icons import TintedIcons
from bancada.gui.theme.tokens import THEMES, Tokens

SANS: Final = ("Inter", "Segoe UI", "SF Pro Text", "Noto Sans")
MONO: Final = ("JetBrains Mono", "Cascadia Mono", "SF Mono", "DejaVu Sans Mono", "Liberation Mono")
SMALLEST_SCALE: Final = 0.8
LARGEST_SCALE: Final = 2.0
#: the usual size of an icon, in pixels at scale 1
ICON: Final = 18

#: name in the template -> pixels at scale 1
_SIZES: Final = {"small": 11, "note": 12, "body": 13, "subtitle": 15, "title": 17, "figure": 17}


class Theme(QObject):
    """One of light, dark and contrast, applied to the whole application and switchable live."""

    changed = Signal()

    def __init__(self, application: QApplication, choice: str = "system", scale: float = 1.0) -> None:
        super().__init__()
        self._application = application
        self._icons = TintedIcons()
        self._template = Template((resources() / "style.qss").read_text("utf-8"))
        self._default_family = application.font().family()
        self._choice, self._scale, self._name = choice, scale, ""
        for file in sorted((resources() / "fonts").glob("*.[ot]tf")):
            QFontDatabase.addApplicationFont(str(file))
        application.setStyle("Fusion")
        self._system = _system_look(application.palette())
        self._apply()

    @property
    def name(self) -> str:
        """``light``, ``dark`` or ``contrast``: what is shown now."""
        return self._name

    @property
    def choice(self) -> str:
        """``system`` or the theme that the user chose."""
        return self._choice

    @property
    def scale(self) -> float:
        return self._scale

    def choose(self, choice: str, scale: float | None = None) -> None:
        """Switch the theme and the size of text; nothing happens when neither changes."""
        scale = self._scale if scale is None else min(max(scale, SMALLEST_SCALE), LARGEST_SCALE)
        if (choice, scale) != (self._choice, self._scale):
            self._choice, self._scale = choice, scale
            self._apply()
            self.changed.emit()

    def color(self, token: str) -> QColor:
        """The colour of a token of :mod:`bancada.gui.theme.tokens`; KeyError for an unknown one."""
        return QColor(self._tokens[token])

    def icon(self, name: str, color: str = "text") -> QIcon:
        """An icon of ``resources/icons`` in a token's colour, greyed when its widget is disabled."""
        icon = QIcon(self._icons.path(name, self._tokens[color]))
        icon.addFile(self._icons.path(name, self._tokens["disabled"]), QSize(), QIcon.Mode.Disabled)
        return icon

    def mono(self, size: int = 0) -> QFont:
        """The monospaced face for figures and code; ``size`` in pixels at scale 1 (0: body size)."""
        font = QFont(self._application.font())
        font.setFamilies([*MONO, QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()])
        font.setPixelSize(self.px(size or _SIZES["body"]))
        return font

    def px(self, size: float) -> int:
        """Pixels of text at the user's text size."""
        return round(size * self._scale)

    def follow_system(self) -> None:
        """Listen to the desktop from now on. Not before the first paint: its words cost time to learn."""
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._system_changed)
        hints.accessibility().contrastPreferenceChanged.connect(self._system_changed)
        self._system_changed()

    def _system_changed(self) -> None:
        hints = QGuiApplication.styleHints()
        if hints.accessibility().contrastPreference().name == "HighContrast":
            self._system = "contrast"
        elif hints.colorScheme().name != "Unknown":
            self._system = hints.colorScheme().name.lower()
        if self._choice not in THEMES and self._system != self._name:
            self._apply()
            self.changed.emit()

    def _apply(self) -> None:
        self._name = self._choice if self._choice in THEMES else self._system
        self._tokens: Tokens = THEMES[self._name]
        font = QFont(self._application.font())
        font.setFamilies([*SANS, self._default_family])
        font.setPixelSize(self.px(_SIZES["body"]))
        self._application.setFont(font)
        self._application.setPalette(_palette(self._tokens))
        self._application.setStyleSheet(self._style_sheet())

    def _style_sheet(self) -> str:
        values = dict(self._tokens)
        values.update({f"px_{name}": str(self.px(size)) for name, size in _SIZES.items()})
        values["line"] = "2px" if self._name == "contrast" else "1px"
        values["mono"] = ", ".join(f'"{family}"' for family in MONO)
        for name, color in (
            ("check", "on_accent"),
            ("dash", "on_accent"),
            ("dot", "on_accent"),
            ("chevron-down", "muted"),
            ("chevron-up", "muted"),
            ("chevron-right", "muted"),
        ):
            values["icon_" + name.replace("-", "_")] = self._icons.path(name, self._tokens[color])
        for name in ("chevron-down", "chevron-up"):
            values["icon_off_" + name.replace("-", "_")] = self._icons.path(name, self._tokens["disabled"])
        return self._template.substitute(values)


def _system_look(palette: QPalette) -> str:
    role = QPalette.ColorRole
    dark = palette.color(role.WindowText).lightness() > palette.color(role.Window).lightness()
    return "dark" if dark else "light"


def _palette(tokens: Tokens) -> QPalette:
    """What style sheets do not reach: item views' texts, placeholders, links, disabled states."""
    palette = QPalette()
    role = QPalette.ColorRole
    for target, token in (
        (role.Window, "background"),
        (role.WindowText, "text"),
        (role.Base, "surface"),
        (role.AlternateBase, "raised"),
        (role.ToolTipBase, "raised"),
        (role.ToolTipText, "text"),
        (role.PlaceholderText, "muted"),
        (role.Text, "text"),
        (role.Button, "surface"),
        (role.ButtonText, "text"),
        (role.BrightText, "bad"),
        (role.Highlight, "accent"),
        (role.HighlightedText, "on_accent"),
        (role.Link, "accent"),
        (role.LinkVisited, "accent"),
        (role.Accent, "accent"),
        (role.Light, "raised"),
        (role.Midlight, "border"),
        (role.Mid, "border"),
        (role.Dark, "edge"),
        (role.Shadow, "border"),
    ):
        palette.setColor(target, QColor(tokens[token]))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, QColor(tokens["disabled"]))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(tokens["border"]))
    return palette
