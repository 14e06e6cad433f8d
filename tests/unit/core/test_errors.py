"""Errors in words, across process borders."""

from __future__ import annotations

import json

import pytest

from bancada.core.error_catalog import CATALOG
from bancada.core.errors import BancadaError, describe


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = BancadaError("disk.full", need="2.0 GB", have="1.0 GB", path="somewhere")
    assert "2.0 GB" in str(error)
    assert str(error).endswith("then try again.")


def test_an_error_survives_json() -> None:
    error = BancadaError("database.newer", found=9, known=1)
    again = BancadaError.from_json(json.loads(json.dumps(error.to_json())))
    assert (again.code, again.params) == (error.code, error.params)


@pytest.mark.parametrize(
    "data", [{}, {"code": 1, "params": {}}, {"code": "disk.full"}, {"code": "x", "params": []}]
)
def test_a_malformed_record_is_an_internal_error(data: dict[str, object]) -> None:
    assert BancadaError.from_json(data).code == "internal.error"


def test_unknown_codes_and_missing_values_never_raise() -> None:
    assert "no.such.code" in describe("no.such.code", {}).what
    assert "(need)" in describe("disk.full", {}).what


@pytest.mark.parametrize("code", CATALOG)
def test_every_entry_has_its_three_sentences(code: str) -> None:
    what, meaning, remedy = CATALOG[code]
    assert all((what, meaning, remedy))
    assert "." in code
