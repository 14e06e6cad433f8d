"""Whether two tokenizers are the same: the engine's, with a GGUF file, and one of Hugging Face's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

from bancada.core.errors import BancadaError
from bancada.engines.llama_native import NativeModel

#: how a stage of a conversion tells how far it is: stage, done, total, unit
Progress = Callable[[str, float, float | None, str], None]

#: characters of the text at a time, so that a difference is told with its place
_PIECE: Final = 400
_CONTROLS: Final = 16
_WORD: Final = "Olá"


def compare_tokenizers(native: NativeModel, tokenizer: Path, text: str) -> int:
    """Tokenize ``text`` with both and return the number of tokens; whole, and in pieces.

    Raises:
        BancadaError: ``convert.tokenizer_differs`` with the first piece of text whose ids are not the same.
    """
    built = Tokenizer.from_file(str(tokenizer))
    count = 0
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    # control tokens between words, as chat templates put them
    pieces += [f"{one}{_WORD}{one} {_WORD}\n{one}" for one in native.control_texts()[:_CONTROLS]]
    for piece in [*pieces, text]:
        theirs = native.tokenize(piece.encode(), parse_special=True)
        ours = built.encode(piece, add_special_tokens=False).ids
        if ours != theirs:
            at = next(
                (index for index, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]),
                min(len(ours), len(theirs)),
            )
            near = b"".join(native.piece(one, special=True) for one in theirs[max(0, at - 3) : at + 5])
            raise BancadaError(
                "convert.tokenizer_differs",
                text=near.decode("utf-8", "replace"),
                ours=str(ours[at : at + 5]),
                engine=str(theirs[at : at + 5]),
            )
        count += len(theirs)
    return count
