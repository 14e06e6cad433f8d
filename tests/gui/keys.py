"""Keys as a user presses them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

_SIGNS = {",": Qt.Key.Key_Comma, "/": Qt.Key.Key_Slash}
_MODIFIERS = {
    "Ctrl": Qt.KeyboardModifier.ControlModifier,
    "Shift": Qt.KeyboardModifier.ShiftModifier,
    "Alt": Qt.KeyboardModifier.AltModifier,
}


def press(widget: QWidget, keys: str) -> None:
    """Press ``keys``, such as ``Ctrl+K``, in a widget whose window is active."""
    *held, last = keys.split("+")
    modifiers = Qt.KeyboardModifier.NoModifier
    for one in held:
        modifiers |= _MODIFIERS[one]
    QTest.keyClick(widget, _SIGNS.get(last) or Qt.Key[f"Key_{last}"], modifiers)
