"""Every error that the code can raise has words, and every entry of the catalogue is raised somewhere."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import bancada
from bancada.core.error_catalog import CATALOG

SOURCES = sorted(Path(bancada.__file__).parent.rglob("*.py"))
_CODE = "abcdefghijklmnopqrstuvwxyz_."


def _calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") == "BancadaError"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield path, node, str(node.args[0].value)


def _strings() -> set[str]:
    found: set[str] = set()
    for path in SOURCES:
        if path.parent.name == "error_words":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_raised_code_has_words() -> None:
    missing = sorted({f"{path.name}: {code}" for path, _, code in _calls() if code not in CATALOG})
    assert not missing


def test_every_entry_is_used() -> None:
    unused = sorted(set(CATALOG) - _strings())
    assert not unused


def test_every_placeholder_is_given() -> None:
    wrong = []
    for path, call, code in _calls():
        given = {one.arg for one in call.keywords}
        if None in given:  # **parameters: not knowable here
            continue
        wanted = {
            name for text in CATALOG.get(code, ()) for _, name, _, _ in string.Formatter().parse(text) if name
        }
        if not wanted <= given:
            wrong.append(f"{path.name}:{call.lineno} {code} lacks {sorted(wanted - given)}")
    assert not wrong


def test_codes_and_words_have_one_form() -> None:
    for code, (what, meaning, remedy) in CATALOG.items():
        assert set(code) <= set(_CODE), code
        for text in (what, remedy):
            assert text, code
            assert text.rstrip().endswith((".", "?", ":")), f"{code}: {text}"
        assert not meaning or meaning[0].isupper() or meaning.startswith("{"), code
