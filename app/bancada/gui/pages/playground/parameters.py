"""The values of the parameter panel: what they may be, how they are stored, and the presets."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from bancada.inference.types import GenerationRequest, Message, Sampling

TEXT: Final = "text"
SCHEMA: Final = "schema"
GRAMMAR: Final = "grammar"
#: alternatives that are asked for with each token while probabilities are coloured
ALTERNATIVES: Final = 5
_STOP_LIMIT: Final = 16
_TEXT_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Parameters:
    """One set of values. ``context`` 0 means the model's usual one; ``seed`` None draws a new one each time.

    ``drop_oldest``: the user agreed that the oldest turns are left out when the context is full.
    """

    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.05
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    colored: bool = False
    form: str = TEXT
    schema: str = ""
    grammar: str = ""
    context: int = 0
    drop_oldest: bool = False

    def to_json(self) -> dict[str, Any]:
        """JSON values by name."""
        made = {one.name: getattr(self, one.name) for one in fields(self)}
        return made | {"stop": list(self.stop)}

    @classmethod
    def from_json(cls, data: object) -> Parameters:
        """Take what fits; everything else keeps its default, whoever wrote the row."""
        if not isinstance(data, dict):
            return cls()
        made = cls()
        for name, value in data.items():
            if isinstance(name, str) and (checked := _checked(name, value)) is not _REFUSED:
                made = replace(made, **{name: checked})
        return made

    @property
    def sampling(self) -> Sampling:
        """The part that chooses tokens."""
        return Sampling(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repeat_penalty=self.repeat_penalty,
            seed=self.seed,
        )

    def request(self, messages: tuple[Message, ...], prompt: str | None) -> GenerationRequest:
        """What is sent to the model: ``messages``, or ``prompt`` for one that has no chat template."""
        return GenerationRequest(
            messages=() if prompt is not None else messages,
            prompt=prompt,
            sampling=self.sampling,
            max_tokens=self.max_tokens,
            stop=self.stop,
            schema=self.schema if self.form == SCHEMA and self.schema.strip() else None,
            grammar=self.grammar if self.form == GRAMMAR and self.grammar.strip() else None,
            logprobs=ALTERNATIVES if self.colored else 0,
        )

    def same_sampling(self, other: Parameters) -> bool:
        """Whether both choose tokens alike: what a preset is about."""
        return self.sampling == other.sampling


@dataclass(frozen=True, slots=True)
class Range:
    """The bounds of a number, its step and its decimals."""

    low: float
    high: float
    step: float
    decimals: int


RANGES: Final = {
    "temperature": Range(0.0, 2.0, 0.05, 2),
    "top_p": Range(0.05, 1.0, 0.01, 2),
    "top_k": Range(0, 200, 1, 0),
    "min_p": Range(0.0, 1.0, 0.01, 2),
    "repeat_penalty": Range(0.5, 2.0, 0.01, 2),
    "max_tokens": Range(1, 32_768, 1, 0),
    "seed": Range(0, 2**31 - 1, 1, 0),
    "context": Range(0, 1_048_576, 1, 0),
}
_WHOLE: Final = frozenset({"top_k", "max_tokens", "seed", "context"})
_REFUSED: Final = object()

#: the presets that are always there, by id; their names are the panel's to translate
PRESETS: Final[dict[str, Parameters]] = {
    "exact": Parameters(temperature=0.0, top_p=0.95, repeat_penalty=1.0, seed=0),
    "balanced": Parameters(temperature=0.7, top_p=0.95, repeat_penalty=1.05),
    "creative": Parameters(temperature=1.1, top_p=0.98, top_k=0, min_p=0.02, repeat_penalty=1.05),
}


def _checked(name: str, value: Any) -> Any:
    if name in RANGES:
        return _checked_number(name, value)
    match name:
        case "colored" | "drop_oldest":
            fits = isinstance(value, bool)
        case "form":
            fits = value in (TEXT, SCHEMA, GRAMMAR)
        case "schema" | "grammar":
            fits = isinstance(value, str) and len(value) <= _TEXT_LIMIT
        case "stop" if isinstance(value, list | tuple):
            value, fits = tuple(one for one in value if isinstance(one, str) and one)[:_STOP_LIMIT], True
        case _:
            fits = False
    return value if fits else _REFUSED


def _checked_number(name: str, value: Any) -> Any:
    if name == "seed" and value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return _REFUSED
    bounds = RANGES[name]
    bounded = min(max(value, bounds.low), bounds.high)
    return int(bounded) if name in _WHOLE else float(bounded)


def stop_strings(text: str) -> tuple[str, ...]:
    r"""The lines of the stop field; ``\n`` and ``\t`` in them stand for the characters."""
    lines = (line.replace("\\n", "\n").replace("\\t", "\t") for line in text.split("\n"))
    return tuple(dict.fromkeys(line for line in lines if line))[:_STOP_LIMIT]


def stop_text(stops: tuple[str, ...]) -> str:
    """The other way of :func:`stop_strings`."""
    return "\n".join(one.replace("\n", "\\n").replace("\t", "\\t") for one in stops)


@dataclass(frozen=True, slots=True)
class SchemaProblem:
    """Why a text is no JSON schema: ``kind`` is ``syntax`` or ``object``; the place counts from 1."""

    kind: str
    detail: str = ""
    line: int = 0
    column: int = 0


def check_schema(text: str) -> SchemaProblem | None:
    """Whether a text can be a JSON schema at all; the engine checks the rest before it is used."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        return SchemaProblem("syntax", error.msg, error.lineno, error.colno)
    except RecursionError:
        return SchemaProblem("syntax", "nested too deeply", 1, 1)
    return None if isinstance(data, dict) else SchemaProblem("object")
