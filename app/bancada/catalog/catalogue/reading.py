"""Reading a catalogue that may be hostile: every field has its type, its range and its place."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from bancada.catalog.bundles.names import check_names
from bancada.catalog.catalogue.records import (
    FACTS,
    GENERATOR,
    KINDS,
    NEEDED,
    TERMS,
    Catalogue,
    CatalogueFile,
    Entry,
    Licence,
    Shape,
)
from bancada.catalog.catalogue.sizing import MIXTURES
from bancada.catalog.hub.names import check_repo
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import decode

FORMAT: Final = "bancada-catalogue"
VERSION: Final = 1
MAX_BYTES: Final = 16 << 20
MAX_ENTRIES: Final = 20_000
MAX_LICENCES: Final = 500
_MAX_TEXT: Final = 600
_MAX_LIST: Final = 300
_MAX_PARAMETERS: Final = 10**14
_MAX_CONTEXT: Final = 1 << 27
_MAX_EDITION: Final = 10**9
_ID: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,79}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_HEAD: Final = frozenset({"format", "version", "edition", "date", "title", "licences", "models"})
#: the largest sensible value of each measure
_SHAPE_LIMITS: Final = {
    "layers": 1_000, "heads": 1_024, "kv_heads": 1_024, "head_size": 4_096, "width": 131_072,
    "feed_forward": 1_048_576, "vocabulary": 2_097_152,
}  # fmt: skip


def parse(content: bytes) -> Catalogue:
    """Read a catalogue's file.

    Raises:
        BancadaError: ``catalogue.too_large``, ``catalogue.newer`` (made for a later version of the program),
            ``catalogue.malformed`` (naming the entry and what is wrong with it).
    """
    if len(content) > MAX_BYTES:
        raise BancadaError("catalogue.too_large", size=bytes_text(len(content)), limit=bytes_text(MAX_BYTES))
    data = _object(content)
    version = data.get("version")
    if data.get("format") == FORMAT and type(version) is int and version > VERSION:
        raise BancadaError("catalogue.newer", found=version, known=VERSION)
    if data.get("format") != FORMAT or version != VERSION or set(data) != _HEAD:
        raise _malformed("", "it is not a catalogue's file")
    edition, title = data["edition"], data["title"]
    if type(edition) is not int or not 1 <= edition <= _MAX_EDITION:
        raise _malformed("", "its edition is no number of one")
    _check_text("", "title", title, needed=True)
    licences = _licences(data["licences"])
    entries = _entries(data["models"], licences)
    digest = hashlib.sha256(content).hexdigest()
    return Catalogue(edition, _date(data["date"]), title, licences, entries, digest)


def _object(content: bytes) -> dict[str, Any]:
    try:
        data = json.loads(content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _malformed("", "it is no JSON, or says a thing twice") from error
    if not isinstance(data, dict):
        raise _malformed("", "it is no object")
    return data


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"no number: {text}")


def _licences(data: Any) -> dict[str, Licence]:
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_LICENCES:
        raise _malformed("", "it has no list of licences")
    found: dict[str, Licence] = {}
    for one in data:
        name = _name_of(one)
        licence = _decoded(Licence, one, name)
        if licence.terms not in TERMS or not licence.obligations:
            raise _malformed(name, "the licence does not say what it allows")
        for text in (licence.id, licence.name, *licence.obligations):
            _check_text(name, "licence", text, needed=True)
        _check_url(name, licence.url)
        if licence.id in found:
            raise _malformed(name, "the licence is there twice")
        found[licence.id] = licence
    return found


def _entries(data: Any, licences: dict[str, Licence]) -> tuple[Entry, ...]:
    if not isinstance(data, list) or not 1 <= len(data) <= MAX_ENTRIES:
        raise _malformed("", f"it lists no models, or more than {MAX_ENTRIES:,}")
    seen: set[str] = set()
    found = []
    for one in data:
        name = _name_of(one)
        entry = _decoded(Entry, one, name)
        _check(entry, licences)
        twins = {entry.id, entry.name.casefold()} & seen
        if twins:
            raise _malformed(name, "it is there twice")
        seen |= {entry.id, entry.name.casefold()}
        found.append(entry)
    return tuple(found)


def _decoded(kind: Any, data: Any, name: str) -> Any:
    try:
        return decode(kind, data)
    except BancadaError as error:
        detail = f"{error.params.get('field')} is {error.params.get('value')}"
        raise _malformed(name, _plain(detail)[:200]) from error


def _check(entry: Entry, licences: dict[str, Licence]) -> None:
    name = entry.id if _ID.fullmatch(entry.id) else _plain(entry.id)[:80]
    if not _ID.fullmatch(entry.id):
        raise _malformed(name, "its id is none")
    for field in ("name", "family", "publisher", "summary"):
        _check_text(name, field, getattr(entry, field), needed=True)
    if entry.kind not in KINDS:
        raise _malformed(name, f"its kind is none of {', '.join(KINDS)}")
    if entry.licence not in licences:
        raise _malformed(name, "its licence is not described")
    _check_numbers(name, entry)
    _check_lists(name, entry)
    _check_source(name, entry)
    _check_evidence(name, entry)


def _check_numbers(name: str, entry: Entry) -> None:
    _check_range(name, "parameters", entry.parameters, 1_000_000, _MAX_PARAMETERS)
    _check_range(name, "context", entry.context, 1, _MAX_CONTEXT)
    _check_range(name, "language_count", entry.language_count, 0, 8_000)
    if entry.active_parameters is not None:
        _check_range(name, "active_parameters", entry.active_parameters, 1, entry.parameters)
    if entry.vector_size is not None:
        _check_range(name, "vector_size", entry.vector_size, 1, 65_536)
    if entry.shape is not None:
        _check_shape(name, entry.shape, entry.parameters)


def _check_shape(name: str, shape: Shape, parameters: int) -> None:
    for field, limit in _SHAPE_LIMITS.items():
        _check_range(name, field, getattr(shape, field), 1, limit)
    if shape.kv_heads > shape.heads or shape.heads % shape.kv_heads:
        raise _malformed(name, "its heads do not share their keys evenly")
    if shape.vocabulary * shape.width * (1 if shape.tied else 2) > parameters:
        raise _malformed(name, "its vocabulary is larger than all of it")


def _check_lists(name: str, entry: Entry) -> None:
    for field, values in (
        ("languages", entry.languages),
        ("quantizations", entry.quantizations),
        ("files", tuple(one.path for one in entry.files)),
    ):
        if len(values) > _MAX_LIST or len(set(values)) != len(values):
            raise _malformed(name, f"its {field} are too many, or one is there twice")
    if any(not _LANGUAGE.fullmatch(one) for one in entry.languages):
        raise _malformed(name, "a language of it is no code of one")
    if not entry.quantizations or any(one not in MIXTURES for one in entry.quantizations):
        raise _malformed(name, "a quantization of it is not known")
    if entry.kind != GENERATOR and (entry.tools or entry.template or entry.reasoning):
        raise _malformed(name, "it cannot chat")


def _check_source(name: str, entry: Entry) -> None:
    try:
        for repo in filter(None, (entry.repo, entry.gguf_repo)):
            check_repo(repo)
        check_names(one.path for one in entry.files)
    except BancadaError as error:
        raise _malformed(name, "its source is no repository") from error
    if not entry.repo or (entry.revision and not _COMMIT.fullmatch(entry.revision)):
        raise _malformed(name, "its source is not pinned as it says")
    if entry.files and not entry.gguf_repo:
        raise _malformed(name, "it has files and no place for them")
    for file in entry.files:
        _check_file(name, entry, file)


def _check_file(name: str, entry: Entry, file: CatalogueFile) -> None:
    if file.quantization not in entry.quantizations or not file.path.endswith(".gguf"):
        raise _malformed(name, "a file of it is none of its quantizations")
    if file.sha256 and not _SHA256.fullmatch(file.sha256):
        raise _malformed(name, "a sha256 of it is none")
    if file.size_bytes is not None:
        _check_range(name, "size_bytes", file.size_bytes, 1, 1 << 50)


def _check_evidence(name: str, entry: Entry) -> None:
    for one in entry.evidence:
        _check_url(name, one.url)
        if not one.facts or not set(one.facts) <= set(FACTS):
            raise _malformed(name, "its evidence is for nothing")
    found = {fact for one in entry.evidence for fact in one.facts}
    if entry.checked and not found >= NEEDED:
        raise _malformed(name, f"it is not checked: no evidence for {', '.join(sorted(NEEDED - found))}")


def _check_range(name: str, field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise _malformed(name, f"its {field} is not between {low:,} and {high:,}")


def _check_text(name: str, field: str, value: Any, *, needed: bool = False) -> None:
    """One short line that shows as it is read: nothing that steers a terminal or turns the direction."""
    good = isinstance(value, str) and len(value) <= _MAX_TEXT and value == _plain(value)
    if not good or (needed and not value.strip()):
        raise _malformed(name, f"its {field} is no text of one line")


def _check_url(name: str, url: str) -> None:
    _check_text(name, "address", url)
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(/[\x21-\x7e]*)?", url) or any(one in url for one in '"<>\\'):
        raise _malformed(name, "an address of it is none")


def _date(value: Any) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError) as error:
        raise _malformed("", "its date is none") from error


def _plain(text: str) -> str:
    """Without control, format and unassigned characters, and in their composed form."""
    kept: Iterable[str] = (one for one in text if unicodedata.category(one)[0] != "C")
    return unicodedata.normalize("NFC", "".join(kept))


def _name_of(data: Any) -> str:
    name = data.get("id") if isinstance(data, dict) else None
    return _plain(name)[:80] if isinstance(name, str) and name else "(no id)"


def _malformed(entry: str, detail: str) -> BancadaError:
    return BancadaError("catalogue.malformed", entry=entry or "the file itself", detail=detail)
