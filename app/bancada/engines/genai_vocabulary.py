"""The tokens of an ONNX folder's model: its tokenizer.json through the `tokenizers` library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from bancada.core.errors import BancadaError


def _byte_letters() -> dict[str, int]:
    """GPT-2's printable letter of every byte: the printable ones stand for themselves."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES: Final = _byte_letters()


class GenaiVocabulary:
    """Text to token ids and back, with control tokens apart from text."""

    def __init__(self, folder: Path, *, bos: int, ends: tuple[int, ...]) -> None:
        """Read the tokenizer.

        Args:
            folder: holds ``tokenizer.json`` and perhaps ``tokenizer_config.json``.
            bos: the begin token's id, -1 for none.
            ends: the ids that end an answer.

        Raises:
            BancadaError: ``model.load_failed`` when the tokenizer cannot be read.
        """
        self._folder = folder
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # noqa: BLE001  the library raises nothing more exact
            detail = f"tokenizer.json: {str(error)[:200]}"
            raise BancadaError("model.load_failed", detail=detail) from None
        self._config = _read(folder / "tokenizer_config.json")
        self._added = {
            token: (added.content, added.special)
            for token, added in self._tokenizer.get_added_tokens_decoder().items()
        }
        decoder = _read(folder / "tokenizer.json").get("decoder") or {}
        self._letters = _BYTES if _uses_byte_letters(decoder) else None
        self.bos = bos
        self.ends = frozenset(ends)
        self.eos = ends[0] if ends else -1
        self.adds_bos = self._tokenizer.encode("").ids[:1] == [bos] and bos >= 0

    @property
    def size(self) -> int:
        return self._tokenizer.get_vocab_size(with_added_tokens=True)

    def chat_template(self) -> str | None:
        """The folder's own template, or None."""
        file = self._folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text("utf-8", errors="replace")
        found = self._config.get("chat_template")
        if isinstance(found, list):  # several named ones
            found = next((one.get("template") for one in found if one.get("name") == "default"), None)
        return found if isinstance(found, str) else None

    def control_texts(self) -> list[str]:
        """The texts that would be read as control tokens."""
        return [content for content, special in self._added.values() if special and content]

    def tokenize(self, text: bytes, *, parse_special: bool) -> list[int]:
        """Token ids of UTF-8 ``text``; no token is added at either end."""
        self._tokenizer.encode_special_tokens = not parse_special
        return list(self._tokenizer.encode(text.decode("utf-8", "replace"), add_special_tokens=False).ids)

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """The bytes that a token writes; control tokens write none unless ``special``."""
        added = self._added.get(token)
        if added is not None:
            content, is_control = added
            return content.encode() if special or not is_control else b""
        word = self._tokenizer.id_to_token(token)
        if word is None:  # vocabularies are padded
            return b""
        if self._letters is not None:
            return bytes(self._letters[one] for one in word if one in self._letters)
        if len(word) == 6 and word.startswith("<0x") and word.endswith(">"):
            return bytes.fromhex(word[3:5])
        return word.replace("\u2581", " ").encode()

    def is_end(self, token: int) -> bool:
        """Whether the token ends an answer."""
        return token in self.ends


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise BancadaError("model.load_failed", detail=f"{path.name} is no JSON") from None
    return found if isinstance(found, dict) else {}


def _uses_byte_letters(decoder: dict[str, Any]) -> bool:
    parts = decoder.get("decoders", [decoder])
    return any(isinstance(one, dict) and one.get("type") == "ByteLevel" for one in parts)
