"""A few tokens from a new file, before it is kept: what does not answer is not stored."""

from __future__ import annotations

from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.core.registry import resolve
from bancada.engines.conversion.compare import Progress
from bancada.engines.conversion.orders import TrialOrder
from bancada.inference.backend import BACKENDS, Backend
from bancada.inference.types import GenerationRequest, LoadSpec, Sampling

_TOKENS: Final = 8
_PROMPT: Final = "The capital of Portugal is"


def run(order: TrialOrder, progress: Progress) -> dict[str, Any]:
    """Load it and let it go on with a short text.

    Returns:
        ``text``, ``token_ids`` and ``engine``.

    Raises:
        BancadaError: ``convert.no_answer``; ``model.*``, ``engine.*`` when it does not load.
    """
    progress("trying the result", 0, None, "")
    backend: Backend = resolve(BACKENDS[order.format])()
    try:
        report = backend.load(
            LoadSpec(order.path, order.format, context=128, threads=1, flash_attention=False)
        )
        request = GenerationRequest(
            prompt=_PROMPT, sampling=Sampling(temperature=0.0), max_tokens=_TOKENS, ignore_end=True
        )
        result = backend.generate(request, lambda _: None, lambda: False)
    finally:
        backend.close()
    if len(result.token_ids) < _TOKENS:
        raise BancadaError("convert.no_answer", count=len(result.token_ids))
    return {
        "text": result.text,
        "token_ids": list(result.token_ids),
        "engine": f"{report.engine} {report.engine_version}",
    }
