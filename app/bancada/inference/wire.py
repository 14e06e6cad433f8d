"""How model sessions speak: parameters of the session and its calls, tokens as short arrays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bancada.core.errors import BancadaError
from bancada.inference.types import Alternative, GenerationRequest, LoadSpec, Message, Token

#: name of the session kind
MODEL = "model"
GENERATE, COUNT, TOKENIZE = "generate", "count", "tokenize"


@dataclass(frozen=True, slots=True)
class ModelParams:
    """What a model session is opened with. ``model_version_id`` empty: a file that is not in the library."""

    spec: LoadSpec
    model_version_id: str = ""


@dataclass(frozen=True, slots=True)
class GenerateParams:
    """The call ``generate``; its id is the request's id."""

    request: GenerationRequest
    purpose: str


@dataclass(frozen=True, slots=True)
class CountParams:
    """The call ``count``."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class TokenizeParams:
    """The call ``tokenize``."""

    text: str


def pack(tokens: Iterable[Token]) -> list[list[Any]]:
    """Tokens as ``[id, text, t_ns, logprob, [[id, text, logprob] ...]]``."""
    return [
        [one.id, one.text, one.t_ns, one.logprob, [[a.id, a.text, a.logprob] for a in one.alternatives]]
        for one in tokens
    ]


def unpack(packed: Any) -> list[Token]:
    """Tokens from :func:`pack`; raises BancadaError ``message.malformed``."""
    try:
        return [
            Token(
                int(number),
                str(text),
                int(t_ns),
                None if logprob is None else float(logprob),
                tuple(Alternative(int(a), str(b), float(c)) for a, b, c in alternatives),
            )
            for number, text, t_ns, logprob, alternatives in packed
        ]
    except (TypeError, ValueError, OverflowError) as error:
        raise BancadaError("message.malformed", field="tokens", value=str(error)[:200]) from error
