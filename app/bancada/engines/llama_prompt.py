"""From messages or raw text to token ids, so that a user's text is never read as a control token."""

from __future__ import annotations

import re
import secrets
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from bancada.core.errors import BancadaError
from bancada.engines.chat_template import ChatTemplate
from bancada.inference.types import Message, PromptCheck

#: room that an answer is promised, when turns are dropped for it
ANSWER_ROOM: Final = 512
#: a longer text is first counted in slices of this many characters: a few million take the tokenizer
#: many seconds and more than a gigabyte, only to learn that they do not fit
SLICE: Final = 100_000

_SURROGATES = re.compile("[\ud800-\udfff]")


def to_utf8(text: str) -> bytes:
    """UTF-8 of ``text``; a lone surrogate, which has none, becomes U+FFFD."""
    return _SURROGATES.sub("\ufffd", text).encode()


class Vocabulary(Protocol):
    """What an engine knows of its model's tokens."""

    #: token ids, -1 where there is none
    bos: int
    eos: int
    adds_bos: bool

    def chat_template(self) -> str | None: ...

    def control_texts(self) -> list[str]: ...

    def tokenize(self, text: bytes, *, parse_special: bool) -> list[int]: ...

    def piece(self, token: int, *, special: bool = False) -> bytes: ...


class PromptBuilder:
    """Makes prompts for one model with the model's own template and vocabulary."""

    def __init__(self, model: Vocabulary, limit: int | None = None) -> None:
        """``limit`` is the context: of a text far beyond it, the tokens are estimated and not made."""
        self._model = model
        self._limit = limit
        self._control_texts = sorted(model.control_texts(), key=len, reverse=True)
        self._controls = re.compile("|".join(map(re.escape, self._control_texts)) or r"(?!)")
        self.template: ChatTemplate | None = None
        self.template_error: BancadaError | None = None
        source = model.chat_template()
        if source is None:
            self.template_error = BancadaError("model.no_chat_template")
            return
        try:
            self.template = ChatTemplate(source, bos=self._text(model.bos), eos=self._text(model.eos))
        except BancadaError as error:
            self.template_error = error

    def chat(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of the rendered messages, ready for the assistant's answer.

        A control token's text inside a message (a user who writes ``<|im_end|>``) is replaced by a
        mark before the template sees it, and comes back as plain text that cannot end the turn.

        Raises:
            BancadaError: ``model.no_chat_template``, ``model.template_refused``,
                ``prompt.refused_by_template``, or ``prompt.too_long`` far beyond the limit.
        """
        if self.template is None:
            raise self.template_error or BancadaError("model.no_chat_template")
        mark = f"zq{secrets.token_hex(8)}"
        texts: list[str] = []

        def hide(found: re.Match[str]) -> str:
            texts.append(found[0])
            return f"{mark}n{len(texts) - 1}x"

        hidden = [replace(one, content=self._controls.sub(hide, one.content)) for one in messages]
        rendered = self.template.render(hidden)
        tokens: list[int] = []
        for index, part in enumerate(re.split(f"{mark}n([0-9]+)x", rendered)):
            if index % 2:
                tokens += self._tokenize(texts[int(part)], parse_special=False)
            elif part:
                tokens += self._tokenize(part, parse_special=True)
        return self._begun(tokens)

    def check(self, messages: Sequence[Message], context: int) -> PromptCheck:
        """Count the rendered messages, and the oldest turns (system apart) that would have to go.

        Raises:
            BancadaError: as :meth:`chat`.
        """
        tokens = self._length(messages)
        room = context - min(ANSWER_ROOM, context // 4)
        if tokens <= room:
            return PromptCheck(tokens, context, 0)
        # what is left after each possible cut; the later the cut, the fewer the tokens
        cuts = _cuts(messages)
        best = bisect_left(cuts, 1, key=lambda cut: int(self._length(_without(messages, cut)) <= room))
        return PromptCheck(tokens, context, cuts[min(best, len(cuts) - 1)] if cuts else 0)

    def raw(self, text: str) -> list[int]:
        """Token ids of a raw prompt; control tokens may be written in it, as in a template by hand.

        Raises:
            BancadaError: ``prompt.empty`` when there is nothing to begin with, ``prompt.too_long`` far
                beyond the limit.
        """
        tokens = self._begun(self._tokenize(text, parse_special=True))
        if not tokens:
            if self._model.bos < 0:
                raise BancadaError("prompt.empty")
            tokens = [self._model.bos]
        return tokens

    def plain(self, text: str) -> list[int]:
        """Token ids of a text as text: nothing added, nothing read as a control token."""
        return self._model.tokenize(to_utf8(text), parse_special=False)

    def _length(self, messages: Sequence[Message]) -> int:
        try:
            return len(self.chat(messages))
        except BancadaError as error:
            if error.code != "prompt.too_long":
                raise
            return int(error.params["tokens"])

    def _tokenize(self, text: str, *, parse_special: bool) -> list[int]:
        if self._limit is not None and len(text) > SLICE:
            counted = 0
            for begin in range(0, len(text), SLICE):
                part = text[begin : begin + SLICE]
                counted += len(self._model.tokenize(to_utf8(part), parse_special=parse_special))
                if counted > self._limit:
                    estimate = counted * len(text) // (begin + len(part))
                    raise BancadaError("prompt.too_long", tokens=estimate, context=self._limit)
        return self._model.tokenize(to_utf8(text), parse_special=parse_special)

    def _begun(self, tokens: list[int]) -> list[int]:
        # templates often write the first token themselves; a second one would be nonsense
        if self._model.adds_bos and self._model.bos >= 0 and tokens[:1] != [self._model.bos]:
            return [self._model.bos, *tokens]
        return tokens

    def _text(self, token: int) -> str:
        return self._model.piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""


def _cuts(messages: Sequence[Message]) -> list[int]:
    """How many of the oldest turns (the system's apart) may go, so that a question opens what is left."""
    turns = [one for one in messages if one.role != "system"]
    opening = [at for at in range(1, len(turns)) if turns[at].role == "user"]
    return opening or list(range(1, len(turns)))


def _without(messages: Sequence[Message], cut: int) -> list[Message]:
    """The messages without the oldest ``cut`` turns that are not the system's."""
    kept: list[Message] = []
    for one in messages:
        if one.role == "system" or cut == 0:
            kept.append(one)
        else:
            cut -= 1
    return kept
