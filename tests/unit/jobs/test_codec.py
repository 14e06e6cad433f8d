"""Dataclasses to JSON values and back; what does not fit is named."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from bancada.core.errors import BancadaError
from bancada.inference.types import GenerationRequest, Message, Sampling
from bancada.jobs.codec import decode, encode


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    number: int
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    colour: Colour
    inner: Inner
    many: tuple[Inner, ...] = ()
    names: list[str] | None = None
    table: dict[str, int] | None = None
    either: int | str = 0
    whatever: Any = None


def test_all_kinds_of_fields_come_back() -> None:
    value = Outer("é", Colour.RED, Inner(1), (Inner(2, 3.0),), ["a"], {"b": 1}, "text", {"x": [1]})
    data = encode(value)
    assert data["many"] == [{"number": 2, "share": 3.0}]
    assert decode(Outer, data) == value
    assert (
        decode(Outer, {"name": "a", "colour": "red", "inner": {"number": 1, "share": 2}}).inner.share == 2.0
    )
    request = GenerationRequest(messages=(Message("user", "x"),), sampling=Sampling(seed=3))
    assert decode(GenerationRequest, encode(request)) == request


GOOD = {"name": "a", "colour": "red", "inner": {"number": 1}}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, "Outer"),
        ([], "Outer"),
        ({}, "Outer"),
        ({**GOOD, "more": 1}, "Outer"),
        ({**GOOD, "name": 1}, "Outer.name"),
        ({**GOOD, "colour": "blue"}, "Outer.colour"),
        ({**GOOD, "colour": []}, "Outer.colour"),
        ({**GOOD, "inner": {"number": True}}, "Outer.inner.number"),
        ({**GOOD, "inner": {"number": 1, "share": True}}, "Outer.inner.share"),
        ({**GOOD, "many": {}}, "Outer.many"),
        ({**GOOD, "many": [1]}, "Outer.many[]"),
        ({**GOOD, "names": 5}, "Outer.names"),
        ({**GOOD, "table": []}, "Outer.table"),
        ({**GOOD, "either": 1.5}, "Outer.either"),
    ],
)
def test_what_does_not_fit_is_named(data: Any, field: str) -> None:
    with pytest.raises(BancadaError) as caught:
        decode(Outer, data)
    assert caught.value.code == "message.malformed"
    assert caught.value.params["field"] == field
