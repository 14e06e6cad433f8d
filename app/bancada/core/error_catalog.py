"""Every error that Bancada can report, by code: what happened, what it means, what to do.

One line of words each, in English; placeholders are filled with the error's parameters.
Byte counts arrive as ready text (``"1.2 GB"``) under names such as ``need`` and ``have``.
"""

from __future__ import annotations

from typing import Final

from bancada.core.error_words import (
    bench,
    engine,
    jobs,
    models,
    network,
    program,
    quantization,
    storage,
    transfer,
)

#: code -> (what happened, what it means, what to do); the words stand in ``error_words``, by area
CATALOG: Final[dict[str, tuple[str, str, str]]] = {
    **program.WORDS,
    **jobs.WORDS,
    **bench.WORDS,
    **quantization.WORDS,
    **engine.WORDS,
    **models.WORDS,
    **network.WORDS,
    **transfer.WORDS,
    **storage.WORDS,
}
