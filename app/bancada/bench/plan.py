"""What a benchmark is: its parameters, its cells, and how its repetitions are numbered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bancada.core.errors import BancadaError
from bancada.jobs.spec import JobKind

RUN_KIND: Final = "bench"
MAX_TOKENS: Final = 131_072
MAX_REPETITIONS: Final = 1_000
MAX_WARMUP: Final = 20
MAX_THREADS: Final = 1_024
#: steps of ``itl_ms`` per repetition: token i of repetition step r is at step r * TOKEN_STRIDE + i
TOKEN_STRIDE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class BenchParams:
    """Every prompt length is run with every answer length, ``repetitions`` times, in tokens.

    ``context`` None takes what the longest cell needs. Engine settings that are None are chosen
    by the engine's calibration. ``warmup`` generations per loaded model are not counted.
    """

    version_id: str
    prompt_tokens: tuple[int, ...] = (512,)
    answer_tokens: tuple[int, ...] = (64,)
    repetitions: int = 5
    warmup: int = 1
    context: int | None = None
    threads: int | None = None
    threads_batch: int | None = None
    flash_attention: bool | None = None
    cache_type: str = "f16"
    gpu_layers: int | None = None
    preset: str = ""


@dataclass(frozen=True, slots=True)
class Preset:
    """A named choice of lengths and repetitions."""

    prompt_tokens: tuple[int, ...]
    answer_tokens: tuple[int, ...]
    repetitions: int
    description: str


PRESETS: Final[dict[str, Preset]] = {
    "quick": Preset((128,), (32,), 3, "a first impression in seconds"),
    "standard": Preset((128, 512), (64,), 6, "a short and a long prompt, with an interval of the median"),
    "chat": Preset((512,), (256,), 8, "a conversation's typical turn"),
    "retrieval": Preset((2048,), (128,), 6, "a question behind the passages that were found for it"),
    "summary": Preset((4096,), (512,), 4, "a long text put into a page"),
    "long": Preset((512, 2048, 4096), (128,), 6, "how speed falls with the length of the prompt"),
}

BENCH: Final = JobKind(
    name="bench.run",
    params=BenchParams,
    lane="compute",
    forecast="bancada.worker.handlers.bench:memory_needed",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of lengths; ``index`` is its place in the plan."""

    index: int
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Repetition:
    """One measured generation; ``step`` numbers it within the run."""

    cell: Cell
    number: int
    step: int


def cells(params: BenchParams) -> tuple[Cell, ...]:
    """All combinations, prompt lengths outermost."""
    pairs = [(prompt, answer) for prompt in params.prompt_tokens for answer in params.answer_tokens]
    return tuple(Cell(index, prompt, answer) for index, (prompt, answer) in enumerate(pairs))


def repetitions(params: BenchParams) -> Iterator[Repetition]:
    """All measured generations in order; a step is the cell's index times repetitions plus the number."""
    for cell in cells(params):
        for number in range(params.repetitions):
            yield Repetition(cell, number, cell.index * params.repetitions + number)


def cell_at(params: BenchParams, step: int) -> Cell | None:
    """The cell of a metric's step (for ``itl_ms`` divide by TOKEN_STRIDE first); None where there is none."""
    index = step // params.repetitions
    every = cells(params)
    return every[index] if 0 <= index < len(every) else None


def context_needed(params: BenchParams) -> int:
    """The context window in tokens: as asked, else the longest cell and some room for special tokens."""
    if params.context is not None:
        return params.context
    return max(params.prompt_tokens) + max(params.answer_tokens) + 16


def check(params: BenchParams) -> BenchParams:
    """Return ``params`` when they can be run.

    Raises:
        BancadaError: ``bench.bad_value`` with the name of the option and its range, or
            ``bench.context_short`` when the longest cell does not fit the context asked for.
    """
    _check_lengths("prompt-tokens", params.prompt_tokens)
    _check_lengths("answer-tokens", params.answer_tokens)
    _check_range("repetitions", params.repetitions, 1, MAX_REPETITIONS)
    _check_range("warmup", params.warmup, 0, MAX_WARMUP)
    if params.threads is not None:
        _check_range("threads", params.threads, 1, MAX_THREADS)
    if params.threads_batch is not None:
        _check_range("threads-batch", params.threads_batch, 1, MAX_THREADS)
    if params.context is not None:
        need = max(params.prompt_tokens) + max(params.answer_tokens)
        _check_range("context", params.context, 1, 2 * MAX_TOKENS)
        if params.context < need:
            raise BancadaError("bench.context_short", need=need, have=params.context)
    return params


def _check_lengths(option: str, lengths: tuple[int, ...]) -> None:
    if not 1 <= len(lengths) <= 16:
        raise BancadaError("bench.bad_value", option=option, value=len(lengths), low=1, high="16 lengths")
    for length in lengths:
        _check_range(option, length, 1, MAX_TOKENS)


def _check_range(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise BancadaError("bench.bad_value", option=option, value=value, low=low, high=high)
