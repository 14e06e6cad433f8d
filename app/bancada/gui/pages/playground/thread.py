"""One branch of a conversation as the page shows it, and the writes that make it grow.

Nothing here is Qt's: these functions ask the database and run in the background.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.gui.widgets.token_text import TokenInfo
from bancada.inference.types import GenerationResult, Message
from bancada.storage import conversations, files, requests
from bancada.storage.conversations import ConversationRecord, MessageRecord
from bancada.storage.database import Database

TITLE_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said under an answer. Rates are tokens per second; None: not measured."""

    ttft_ms: float | None = None
    prompt_rate: float | None = None
    answer_rate: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    tokens: int | None = None
    stop_reason: str = ""
    seed: int | None = None
    peak_memory: int | None = None

    @classmethod
    def of_result(cls, result: GenerationResult) -> Figures:
        """From an answer that ended just now."""
        timings = result.timings
        known = timings.total_ms > 0
        return cls(
            ttft_ms=timings.ttft_ms if known and timings.completion_tokens else None,
            prompt_rate=timings.prefill_tokens_per_s,
            answer_rate=timings.decode_tokens_per_s,
            prompt_tokens=timings.prompt_tokens if known else None,
            cached_tokens=timings.cached_tokens if known else None,
            tokens=timings.completion_tokens,
            stop_reason=result.stop_reason.value,
            seed=result.seed,
            peak_memory=result.peak_memory_bytes or None,
        )

    @classmethod
    def of_record(cls, record: requests.RequestRecord) -> Figures:
        """From the stored request."""
        return cls(
            ttft_ms=record.ttft_ms,
            prompt_rate=record.prefill_tokens_per_s,
            answer_rate=record.decode_tokens_per_s,
            prompt_tokens=record.prompt_tokens,
            cached_tokens=record.cached_tokens,
            tokens=record.completion_tokens,
            stop_reason=record.stop_reason or "",
            seed=record.seed,
            peak_memory=record.peak_memory_bytes,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A message, the ids of all its versions (itself among them), and the figures of an answer."""

    message: MessageRecord
    versions: tuple[str, ...] = ()
    figures: Figures | None = None
    tokens: tuple[TokenInfo, ...] = ()

    @property
    def number(self) -> int:
        """Which version it is, from 1."""
        return self.versions.index(self.message.id) + 1 if self.message.id in self.versions else 1


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation and one branch of it, from the root."""

    record: ConversationRecord
    turns: tuple[Turn, ...] = field(default=())


def load(db: Database, conversation_id: str) -> Thread:
    """The branch that is shown; raises BancadaError ``conversation.not_found``."""
    record = conversations.get(db, conversation_id)
    return Thread(record, tuple(turn(db, one) for one in conversations.branch(db, conversation_id)))


def choose(db: Database, conversation_id: str, message_id: str) -> Thread:
    """Show the branch through another version; raises BancadaError."""
    conversations.set_leaf(db, conversation_id, message_id)
    return load(db, conversation_id)


def turn(db: Database, message: MessageRecord) -> Turn:
    """A message with what belongs to it."""
    versions = tuple(one.id for one in conversations.siblings(db, message.id))
    figures = None
    if message.request_id:
        try:
            figures = Figures.of_record(requests.get(db, message.request_id))
        except BancadaError:
            figures = None  # the request was not recorded: its worker died first
    decoded = (TokenInfo.from_json(one) for one in message.tokens or ())
    return Turn(message, versions, figures, tuple(one for one in decoded if one is not None))


def history(turns: Sequence[Turn], system_prompt: str) -> tuple[Message, ...]:
    """What a model is sent of a branch: the system prompt, the questions, the answers that hold text."""
    system = (Message("system", system_prompt.strip()),) if system_prompt.strip() else ()
    said = (Message(one.message.role, one.message.content) for one in turns if one.message.content)
    return (*system, *said)


def raw_prompt(messages: Sequence[Message]) -> str:
    """The text that a model without a chat template goes on with."""
    return "\n\n".join(one.content for one in messages)


def without_oldest(messages: Sequence[Message], count: int) -> tuple[Message, ...]:
    """Leave out the oldest ``count`` messages, the system prompt and the last question apart."""
    head = [one for one in messages if one.role == "system"]
    rest = [one for one in messages if one.role != "system"]
    return (*head, *rest[min(count, max(len(rest) - 1, 0)) :])


def title_of(text: str) -> str:
    """A conversation's first title: the beginning of its first question."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "\u2026"


def fork(db: Database, record: ConversationRecord, turns: Sequence[Turn]) -> str:
    """Copy a branch into a conversation of its own and return its id."""
    with db.transaction():
        made = conversations.create(
            db,
            record.title,
            model_version_id=record.model_version_id,
            system_prompt=record.system_prompt,
            parameters=record.parameters,
        )
        parent: str | None = None
        for one in turns:
            old = one.message
            copy = conversations.add_message(
                db, made.id, parent, old.role, old.content, old.status, old.model_version_id
            )
            conversations.update_message(
                db, copy.id, error=old.error, request_id=old.request_id, tokens=old.tokens
            )
            parent = copy.id
    return made.id


def export(db: Database, conversation_id: str, form: str, path: Path, words: Mapping[str, str]) -> None:
    """Write a conversation as ``json`` (the whole tree) or ``markdown`` (the branch that is shown).

    Raises:
        BancadaError: ``conversation.not_found``, ``chat.export_failed``.
    """
    if form == "json":
        text = json.dumps(conversations.export(db, conversation_id), ensure_ascii=False, indent=2) + "\n"
    else:
        text = to_markdown(load(db, conversation_id), words)
    try:
        files.write_durably(path, text.encode("utf-8", "replace"))
    except OSError as error:
        detail = error.strerror or str(error)
        raise BancadaError("chat.export_failed", path=str(path), detail=detail) from error


def to_markdown(thread: Thread, words: Mapping[str, str]) -> str:
    """A branch as Markdown; ``words`` are the headings by role."""
    parts = [f"# {thread.record.title}"]
    if thread.record.system_prompt.strip():
        parts.append(f"**{words['system']}**\n\n{_quoted(thread.record.system_prompt)}")
    for one in thread.turns:
        parts.append(f"## {words[one.message.role]}\n\n{one.message.content.rstrip()}")
        if one.message.error:
            parts.append(_quoted(str(BancadaError.from_json(one.message.error))))
    return "\n\n".join(parts) + "\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.strip().split("\n"))


def token_rows(tokens: Sequence[TokenInfo]) -> list[Any]:
    """Probabilities in the form that is stored with a message."""
    return [one.to_json() for one in tokens]


def settings_text(parameters: Mapping[str, Any]) -> str:
    """Parameters as the text of a setting; long schemas and grammars belong to their conversation alone."""
    short = {name: value for name, value in parameters.items() if name not in ("schema", "grammar", "form")}
    return json.dumps(short | {"drop_oldest": False}, ensure_ascii=False)
