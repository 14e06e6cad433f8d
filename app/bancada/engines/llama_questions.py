"""Answers of a GGUF model to many short questions at once: the likeliest of given options, or written ones.

Several questions share a batch. The options of one share the evaluation of what they have in common: its
tokens belong to all of their sequences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from bancada.core.errors import BancadaError, Canceled
from bancada.engines.divergence import Floats
from bancada.engines.llama_native import ABORTED, NativeModel, take_log
from bancada.engines.llama_package import native
from bancada.engines.llama_prompt import PromptBuilder, to_utf8
from bancada.engines.llama_scoring import FreeThreads
from bancada.inference.types import Message
from bancada.quantization.questions import Question

_CONTEXT: Final = 2048
_SEQUENCES: Final = 32
#: options of one question, at most
_SHARED: Final = 8
_BATCH: Final = 512
_LOGIT_BYTES: Final = 56 << 20
_WRITTEN: Final = 8
_ANSWER_TOKENS: Final = 24
_PROMPT_TOKENS: Final = _CONTEXT // _WRITTEN - _ANSWER_TOKENS


@dataclass(frozen=True, slots=True)
class _Row:
    """One token of a batch: its sequences, and whether logits are wanted after it."""

    token: int
    position: int
    sequences: tuple[int, ...]
    wanted: bool


def answer_all(
    model: NativeModel,
    asked: Sequence[Question],
    *,
    on_answer: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> list[str]:
    """The model's answer to each question, in their order; ``on_answer`` is told how many are done.

    Raises:
        BancadaError: ``engine.out_of_memory``, ``engine.context_failed``, ``engine.evaluation_failed``.
        Canceled: ``should_stop`` said so.
    """
    batches = _Batches(model, should_stop)
    answers: dict[int, str] = {}
    try:
        for answered in (_choose(batches, model, asked), _write(batches, model, asked)):
            for index, answer in answered:
                answers[index] = answer
                on_answer(len(answers))
    finally:
        batches.close()
    return [answers[index] for index in range(len(asked))]


class _Batches:
    """A context of many short sequences."""

    def __init__(self, model: NativeModel, should_stop: Callable[[], bool]) -> None:
        self.rows = min(_BATCH, max(64, _LOGIT_BYTES // (4 * model.size)))
        self._size = model.size
        self._should_stop = should_stop
        self._threads = FreeThreads()
        self._abort = native.ggml_abort_callback(lambda _data: should_stop())
        take_log()
        params = native.llama_context_default_params()
        params.n_ctx = _CONTEXT
        params.n_batch = params.n_ubatch = _BATCH
        params.n_seq_max = _SEQUENCES
        params.kv_unified = True
        params.n_outputs_max = self.rows
        params.n_outputs_max_per_seq = 0
        params.n_threads = params.n_threads_batch = self._threads.count
        params.no_perf = True
        params.abort_callback = self._abort
        self._handle: Any = native.llama_init_from_model(model.handle, params)
        if not self._handle:
            words = take_log()
            code = "engine.out_of_memory" if "alloc" in words else "engine.context_failed"
            raise BancadaError(code, detail=words.strip()[-300:])
        self._memory: Any = native.llama_get_memory(self._handle)
        self._batch: Any = native.llama_batch_init(_BATCH, 0, _SHARED)

    def clear(self) -> None:
        native.llama_memory_clear(self._memory, 0)

    def evaluate(self, rows: Sequence[_Row]) -> Floats:
        """Logits [wanted rows, vocabulary], good until the next call."""
        if self._should_stop():
            raise Canceled
        batch = self._batch
        for place, row in enumerate(rows):
            batch.token[place], batch.pos[place] = row.token, row.position
            batch.n_seq_id[place] = len(row.sequences)
            for number, sequence in enumerate(row.sequences):
                batch.seq_id[place][number] = sequence
            batch.logits[place] = row.wanted
        batch.n_tokens = len(rows)
        self._threads.adjust(self._handle)
        status = native.llama_decode(self._handle, batch)
        native.llama_synchronize(self._handle)
        if status == ABORTED:
            raise Canceled
        if status:
            raise BancadaError("engine.evaluation_failed", status=status)
        wanted = sum(one.wanted for one in rows)
        flat = np.ctypeslib.as_array(native.llama_get_logits(self._handle), shape=(wanted * self._size,))
        logits: Floats = flat.reshape(wanted, self._size)
        return logits

    def close(self) -> None:
        native.llama_batch_free(self._batch)
        native.llama_free(self._handle)


# -- options


@dataclass(frozen=True, slots=True)
class _Choice:
    """A question with its options as tokens: what all begin with, and how each goes on."""

    index: int
    shared: tuple[int, ...]
    rests: tuple[tuple[int, ...], ...]

    @property
    def tokens(self) -> int:
        return len(self.shared) + sum(len(one) for one in self.rests)

    @property
    def outputs(self) -> int:
        return 1 + sum(len(one) - 1 for one in self.rests)


def _choose(batches: _Batches, model: NativeModel, asked: Sequence[Question]) -> Iterator[tuple[int, str]]:
    choices = [_tokenized(model, index, one) for index, one in enumerate(asked) if one.options]
    for group in _grouped(choices, batches.rows):
        batches.clear()
        rows, spans = _lay_out(group)
        logits = batches.evaluate(rows)
        zs = [_log_z(one) for one in logits]
        for choice, places in zip(group, spans, strict=True):
            options = asked[choice.index].options
            scores = []
            for rest, after in zip(choice.rests, places, strict=True):
                total = sum(float(logits[at][token]) - zs[at] for at, token in zip(after, rest, strict=True))
                scores.append(total if math.isfinite(total) else -math.inf)
            best = max(range(len(options)), key=scores.__getitem__)
            yield choice.index, options[best] if math.isfinite(scores[best]) else ""


def _tokenized(model: NativeModel, index: int, one: Question) -> _Choice:
    begin = [model.bos] if model.adds_bos and model.bos >= 0 else []
    wholes = [
        begin + model.tokenize(to_utf8(f"{one.question} {option}"), parse_special=False)
        for option in one.options
    ]
    common = 0
    shortest = min(len(whole) for whole in wholes) - 1  # each goes on with one token at least
    while common < shortest and len({whole[common] for whole in wholes}) == 1:
        common += 1
    return _Choice(index, tuple(wholes[0][:common]), tuple(tuple(whole[common:]) for whole in wholes))


def _grouped(choices: Sequence[_Choice], rows: int) -> Iterator[list[_Choice]]:
    """As many questions together as a batch has room for."""
    group: list[_Choice] = []
    for one in choices:
        full = group and (
            sum(len(each.rests) for each in [*group, one]) > _SEQUENCES
            or sum(each.tokens for each in [*group, one]) > _BATCH
            or sum(each.outputs for each in [*group, one]) > rows
        )
        if full:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def _lay_out(group: Sequence[_Choice]) -> tuple[list[_Row], list[list[list[int]]]]:
    """The rows of a batch, and for each question and option the places of the logits before its tokens."""
    rows: list[_Row] = []
    spans: list[list[list[int]]] = []
    sequence = output = 0
    for choice in group:
        numbers = tuple(range(sequence, sequence + len(choice.rests)))
        last = len(choice.shared) - 1
        rows += [_Row(token, place, numbers, place == last) for place, token in enumerate(choice.shared)]
        first = output
        output += 1
        after: list[list[int]] = []
        for number, rest in zip(numbers, choice.rests, strict=True):
            after.append([first])
            for offset, token in enumerate(rest):
                wanted = offset < len(rest) - 1
                rows.append(_Row(token, last + 1 + offset, (number,), wanted))
                if wanted:
                    after[-1].append(output)
                    output += 1
        spans.append(after)
        sequence += len(choice.rests)
    return rows, spans


def _log_z(row: Floats) -> float:
    top = row.max()
    return float(top) + math.log(float(np.exp(row - top).sum())) if np.isfinite(top) else math.nan


# -- written answers


def _write(batches: _Batches, model: NativeModel, asked: Sequence[Question]) -> Iterator[tuple[int, str]]:
    prompts = PromptBuilder(model)
    written = [(index, _prompt(prompts, one)) for index, one in enumerate(asked) if not one.options]
    for begin in range(0, len(written), _WRITTEN):
        group = written[begin : begin + _WRITTEN]
        answers = _continue(batches, model, [prompt for _, prompt in group])
        yield from zip((index for index, _ in group), answers, strict=True)


def _prompt(prompts: PromptBuilder, one: Question) -> list[int]:
    """As a turn of a chat, or as plain text where the model has no template."""
    try:
        tokens = prompts.chat([Message("user", one.question)])
    except BancadaError:
        tokens = prompts.raw(f"{one.question}\n")
    return tokens[-_PROMPT_TOKENS:]


def _continue(batches: _Batches, model: NativeModel, prompts: Sequence[Sequence[int]]) -> list[str]:
    """The likeliest tokens after each prompt, until the model ends or there are enough."""
    batches.clear()
    newest = [_prefill(batches, number, prompt) for number, prompt in enumerate(prompts)]
    answers: list[list[int]] = [[] for _ in prompts]
    live = list(range(len(prompts)))
    for step in range(_ANSWER_TOKENS):
        live = [one for one in live if newest[one] >= 0 and not model.is_end(newest[one])]
        for one in live:
            answers[one].append(newest[one])
        if not live or step == _ANSWER_TOKENS - 1:
            break
        rows = [_Row(newest[one], len(prompts[one]) + step, (one,), wanted=True) for one in live]
        for one, logits in zip(live, batches.evaluate(rows), strict=True):
            newest[one] = _best(logits)
    return [b"".join(model.piece(token) for token in one).decode("utf-8", "replace") for one in answers]


def _prefill(batches: _Batches, number: int, prompt: Sequence[int]) -> int:
    rows = [_Row(token, place, (number,), place == len(prompt) - 1) for place, token in enumerate(prompt)]
    return _best(batches.evaluate(rows)[0])


def _best(logits: Floats) -> int:
    """The likeliest token; -1 where the logits are no numbers."""
    best = int(logits.argmax())
    return best if math.isfinite(float(logits[best])) else -1
