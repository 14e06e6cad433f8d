"""``bancada chat``: one answer, or a conversation on a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from bancada.cli.command import DONE, Invocation, Nouns, UsageError, clean, decimal, folder, whole
from bancada.cli.conversation import converse
from bancada.cli.generation import Answer, answer_document, measures_line, stream_answer
from bancada.cli.models import CACHE_TYPES, MAX_CONTEXT
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.inference.session import ModelSession
from bancada.inference.types import GenerationRequest, Message, Sampling
from bancada.storage.models import VersionRecord

MAX_SEED: Final = 2**32 - 2  # the last value means "draw one" to llama.cpp
_MAX_FILE: Final = 1_000_000
_MAX_STDIN: Final = 64_000_000
_MAX_LOGPROBS: Final = 100


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    parser = nouns.command("chat", "let a model answer", _chat)
    parser.add_argument("model", type=clean, metavar="MODEL", help="name, name:version, name@alias, or id")
    parser.add_argument(
        "-p", "--prompt", type=clean, metavar="TEXT", help="the question; - reads it from stdin"
    )
    parser.add_argument("--system", type=clean, default="", metavar="TEXT", help="the system prompt")
    parser.add_argument(
        "--raw", action="store_true", help="continue the text as it is, without a chat template"
    )
    parser.add_argument("--seed", type=whole(0, MAX_SEED), metavar="N", help="default: drawn, and reported")
    parser.add_argument(
        "--max-tokens", type=whole(1, MAX_CONTEXT), default=512, metavar="N", help="default: 512"
    )
    defaults = Sampling()
    for option, kind, value in (
        ("--temperature", decimal(0, 100), defaults.temperature),
        ("--top-k", whole(0, MAX_CONTEXT), defaults.top_k),
        ("--top-p", decimal(0, 1), defaults.top_p),
        ("--min-p", decimal(0, 1), defaults.min_p),
        ("--repeat-penalty", decimal(0.01, 100), defaults.repeat_penalty),
    ):
        parser.add_argument(option, type=kind, default=value, metavar="X", help=f"default: {value:g}")
    parser.add_argument(
        "--stop", type=clean, action="append", metavar="TEXT", help="end before this text; repeatable"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--schema", type=folder, metavar="FILE", help="answer in JSON that fits this JSON schema"
    )
    form.add_argument("--grammar", type=folder, metavar="FILE", help="answer by this GBNF grammar")
    parser.add_argument(
        "--logprobs",
        type=whole(0, _MAX_LOGPROBS),
        default=0,
        metavar="N",
        help="with --json: log-probabilities and the N most likely alternatives of every token",
    )
    parser.add_argument(
        "--context", type=whole(1, MAX_CONTEXT), metavar="N", help="tokens (default: the setting)"
    )
    parser.add_argument(
        "--cache-type", choices=CACHE_TYPES, default="f16", help="type of the keys and values kept"
    )
    parser.add_argument("--force", action="store_true", help="load a model that was put aside after crashes")


def _chat(invocation: Invocation) -> int:
    options = invocation.options
    prompt = _prompt(invocation)
    schema = None if options.schema is None else _read(options.schema)
    grammar = None if options.grammar is None else _read(options.grammar)
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        session = open_session(invocation, context, version)
        if prompt is None:
            return converse(
                invocation, session, lambda messages: _request(options, messages, schema, grammar)
            )
        request = (
            _request(options, (), schema, grammar, prompt)
            if options.raw
            else _request(options, _messages(options.system, prompt), schema, grammar)
        )
        answer = stream_answer(invocation, session, request, purpose="chat")
        _show(invocation, session, version, answer)
    return DONE


def open_session(invocation: Invocation, context: AppContext, version: VersionRecord) -> ModelSession:
    """Load the model with the options of the command, or the settings where an option is left out."""
    options = invocation.options
    wanted = options.context
    if wanted is None:
        wanted = min(context.settings.get("chat.context"), version.context_length or MAX_CONTEXT)
    if invocation.console.err.isatty():
        invocation.console.note(f"Loading {version.name} ...")
    return context.open_model(version.id, context=wanted, cache_type=options.cache_type, force=options.force)


def _prompt(invocation: Invocation) -> str | None:
    """The question; None for a conversation on a terminal."""
    options = invocation.options
    prompt: str | None = options.prompt
    if prompt is None and sys.stdin.isatty():
        if invocation.console.as_json or options.raw:
            raise UsageError("--json and --raw need -p TEXT", "bancada chat MODEL -p TEXT")
        return None
    if prompt is None or prompt == "-":
        data = sys.stdin.buffer.read(_MAX_STDIN + 1)
        if len(data) > _MAX_STDIN:
            raise UsageError(f"more than {_MAX_STDIN:,} bytes on stdin")
        prompt = data.decode("utf-8", "replace")
    if not prompt.strip():
        raise UsageError("the prompt is empty", "bancada chat MODEL -p TEXT")
    return prompt


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BancadaError("cli.cannot_read", path=str(path), reason=reason) from error
    if len(data) > _MAX_FILE:
        raise BancadaError("cli.cannot_read", path=str(path), reason=f"it has more than {_MAX_FILE:,} bytes")
    return data.decode("utf-8", "replace")


def _messages(system: str, prompt: str) -> tuple[Message, ...]:
    question = Message("user", prompt)
    return (Message("system", system), question) if system else (question,)


def _request(
    options: argparse.Namespace,
    messages: tuple[Message, ...],
    schema: str | None,
    grammar: str | None,
    prompt: str | None = None,
) -> GenerationRequest:
    return GenerationRequest(
        messages=messages,
        prompt=prompt,
        sampling=Sampling(
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            min_p=options.min_p,
            repeat_penalty=options.repeat_penalty,
            seed=options.seed,
        ),
        max_tokens=options.max_tokens,
        stop=tuple(options.stop or ()),
        schema=schema,
        grammar=grammar,
        logprobs=options.logprobs,
    )


def _show(invocation: Invocation, session: ModelSession, version: VersionRecord, answer: Answer) -> None:
    document: dict[str, Any] = {
        "model": {
            "id": version.id,
            "name": version.name,
            "version": version.version,
            "sha256": version.sha256,
        },
        **answer_document(session, answer, with_tokens=invocation.options.logprobs > 0),
    }
    invocation.console.document(document)
    if not invocation.console.as_json:
        invocation.console.note(measures_line(answer.result))
