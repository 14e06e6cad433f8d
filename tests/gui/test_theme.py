"""Colours that can be read, icons that are there, and a theme that switches while the window is open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from PySide6.QtCore import QFile, QSize
from PySide6.QtGui import QColor, QIcon
from PySide6.QtWidgets import QApplication, QLabel

from bancada.core.paths import resources
from bancada.gui.pages import PAGES
from bancada.gui.theme.icons import TintedIcons, resource_parts
from bancada.gui.theme.theme import Theme
from bancada.gui.theme.tokens import THEMES, contrast_ratio

GROUNDS = ("background", "surface", "raised")
TEXTS = ("text", "muted", "accent", "good", "warn", "bad")


@pytest.fixture
def switchable(theme: Theme) -> Iterator[Theme]:
    yield theme
    theme.choose("light", 1.0)


@pytest.mark.parametrize("name", THEMES)
def test_texts_can_be_read(name: str) -> None:
    tokens = THEMES[name]
    pairs = [*product(TEXTS, GROUNDS), ("text", "hover"), ("text", "pressed"), ("on_accent", "accent")]
    pairs += [("on_accent", "accent_hover"), ("on_accent", "accent_pressed"), ("text", "accent_soft")]
    pairs += [
        ("accent", "accent_soft"),
        ("muted", "hover"),
        ("text", "rail"),
        ("muted", "rail"),
        ("accent", "rail"),
    ]
    pairs += [(tone, f"{tone}_soft") for tone in ("good", "warn", "bad")]
    poor = {
        (text, ground): round(contrast_ratio(tokens[text], tokens[ground]), 2)
        for text, ground in pairs
        if contrast_ratio(tokens[text], tokens[ground]) < 4.5
    }
    assert not poor


@pytest.mark.parametrize("name", THEMES)
def test_graphics_can_be_seen(name: str) -> None:
    tokens = THEMES[name]
    marks = ("edge", "accent", "muted", "disabled")
    poor = {
        (mark, ground): round(contrast_ratio(tokens[mark], tokens[ground]), 2)
        for mark, ground in product(marks, ("background", "surface", "raised"))
        if contrast_ratio(tokens[mark], tokens[ground]) < 3
    }
    assert not poor


def test_contrast_of_black_and_white() -> None:
    assert contrast_ratio("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast_ratio("#777777", "#777777") == pytest.approx(1)


def test_all_themes_have_the_same_tokens() -> None:
    assert len({frozenset(tokens) for tokens in THEMES.values()}) == 1


def test_icons_have_one_stroke_and_take_every_colour() -> None:
    files = sorted((resources() / "icons").glob("*.svg"))
    assert {spec.icon for spec in PAGES} <= {one.stem for one in files}
    for file in files:
        svg = file.read_text("utf-8")
        assert 'viewBox="0 0 24 24"' in svg
        assert 'stroke-width="1.7"' in svg
        assert "currentColor" in svg
        assert not re.search(r"#[0-9a-fA-F]{3,6}|<image|<script|href", svg), file.name


def test_every_icon_draws_in_its_colour(switchable: Theme) -> None:
    for file in (resources() / "icons").glob("*.svg"):
        image = switchable.icon(file.stem, "bad").pixmap(QSize(48, 48), 1.0).toImage()
        strongest = max(
            (image.pixelColor(x, y) for x in range(48) for y in range(48)), key=lambda color: color.alpha()
        )
        assert strongest.alpha() > 200, file.stem
        assert strongest.red() > strongest.blue(), file.stem


def test_an_unknown_icon_is_named(qapp: QApplication) -> None:
    icons = TintedIcons()
    for name in ("no-such-icon", "../style", ""):
        with pytest.raises(FileNotFoundError):
            icons.path(name, "#000000")


def test_a_resource_holds_what_was_put_in(qapp: QApplication, tmp_path: Path) -> None:
    (tmp_path / "mark.svg").write_text("<svg>currentColor</svg>", encoding="utf-8")
    path = TintedIcons(tmp_path).path("mark", "#12AB9F")
    assert path == ":/bancada/mark-12ab9f.svg"
    file = QFile(path)
    assert file.open(QFile.OpenModeFlag.ReadOnly)
    assert file.readAll().data() == b"<svg>#12AB9F</svg>"
    file.close()
    assert len(resource_parts("a", "b", b"")) == 3


@pytest.mark.parametrize("name", THEMES)
def test_a_theme_is_applied(switchable: Theme, qapp: QApplication, name: str) -> None:
    switchable.choose(name)
    assert switchable.name == name
    assert qapp.palette().window().color() == QColor(THEMES[name]["background"])
    assert switchable.color("accent") == QColor(THEMES[name]["accent"])
    sheet = qapp.styleSheet()
    assert "$" not in sheet
    assert THEMES[name]["accent"] in sheet
    for path in re.findall(r"url\(([^)]+)\)", sheet):
        assert not QIcon(path).pixmap(16, 16).isNull(), path


def test_switching_restyles_what_is_shown(switchable: Theme, qapp: QApplication) -> None:
    label = QLabel("Seen")
    label.show()
    seen = []
    for name in THEMES:
        switchable.choose(name)
        label.ensurePolished()
        seen.append(label.palette().windowText().color().name().upper())
    assert seen == [THEMES[name]["text"] for name in THEMES]
    label.deleteLater()


def test_the_size_of_text_is_kept_in_bounds(switchable: Theme, qapp: QApplication) -> None:
    changes: list[int] = []
    switchable.changed.connect(lambda: changes.append(1))
    switchable.choose("light", 1.5)
    assert qapp.font().pixelSize() == 20
    assert switchable.mono().pixelSize() == 20
    switchable.choose("light", 9.0)
    assert switchable.scale == 2.0
    switchable.choose("light", 0.1)
    assert switchable.scale == 0.8
    before = len(changes)
    switchable.choose("light", 0.8)
    assert len(changes) == before


def test_the_desktop_decides_where_nobody_chose(switchable: Theme) -> None:
    switchable.choose("system")
    assert switchable.choice == "system"
    assert switchable.name in THEMES
    switchable.follow_system()
    assert switchable.name in THEMES
