"""What the models of a repository will take of the memory, before any of them is downloaded.

Of GGUF files the facts (layers, heads, vocabulary) are read from the head of the smallest one: the
quantizations of a model share them. Without them a file's size alone says what it takes at least.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any, Final, cast

from bancada.catalog.forecaster import Forecaster
from bancada.catalog.gguf_header import read_remote_header
from bancada.catalog.hub.choice import FileGroup, choose
from bancada.catalog.hub.connection import HubConnection, Setback
from bancada.catalog.hub.file_policy import GGUF, ONNX, ONNX_DATA, SAFETENSORS, kind_of
from bancada.catalog.hub.names import file_path
from bancada.catalog.hub.needs import FileNeed, Weighing, quantization_of, unseen_version
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.catalog.inspection import facts_of
from bancada.core.errors import BancadaError

#: a head is at most so long: the largest vocabularies with their merges have some 12 MB
MAX_HEAD_BYTES: Final = 32 << 20
_WEIGHTS: Final = (GGUF, SAFETENSORS, ONNX, ONNX_DATA)
_MIXTURE: Final = re.compile(r"_(?:XXL|XL|L|M|S)$")


def weigh(connection: HubConnection, info: RepoInfo, known: Forecaster, context: int) -> Weighing:
    """The needs of a repository's weights; a head that cannot be read makes them less exact.

    Raises:
        Canceled: ``should_stop`` of the connection said so.
    """
    models = [one for one in info.files if kind_of(one.path) == GGUF]
    heads = [one for one in models if not PurePosixPath(one.path).name.startswith("mmproj")]
    facts: dict[str, Any] = {}
    length, read, read_path = 0, 0, ""
    if heads:
        smallest = min(heads, key=lambda one: one.size_bytes)
        head = RemoteHead(connection, info, smallest)
        with suppress(BancadaError):  # unknown architecture, damaged, a part: the download will say so
            facts, length = head.facts()
        read, read_path = head.read_bytes, smallest.path
    tokens = min(context, length) if length else context
    needs = [
        _gguf_need(one, facts if one.path == read_path else _shared(facts, one), known, tokens)
        for one in models
    ]
    for group in _folders(info):
        needs += _folder_needs(group, known, tokens)
    return Weighing(tuple(needs), tokens, length, bool(facts), read)


class RemoteHead:
    """The beginning of a file on a hub, read forward as far as it is asked for; a seekable binary file."""

    def __init__(self, connection: HubConnection, info: RepoInfo, file: RepoFile) -> None:
        self._connection = connection
        self._file = file
        self._url = connection.rules.endpoint + file_path(info.repo, info.commit, file.path)
        self._came = bytearray()
        self._at = 0
        self._chunks: Any = iter(())

    @property
    def read_bytes(self) -> int:
        """Bytes that came."""
        return len(self._came)

    def facts(self) -> tuple[dict[str, Any], int]:
        """The facts for the forecast, and the context that the model was made for.

        Raises:
            BancadaError: ``hub.*``, ``network.*``, ``model.*``.
            Canceled: it was asked to stop.
        """

        def attempt() -> tuple[dict[str, Any], int]:
            self._came, self._at = bytearray(), 0
            last = min(self._file.size_bytes, MAX_HEAD_BYTES) - 1
            with self._connection.open(self._url, {"Range": f"bytes=0-{last}"}) as (_, response):
                self._chunks = response.iter_raw()
                header = read_remote_header(cast("Any", self), self._file.size_bytes)
            return facts_of(header).to_metadata(), header.context_length

        return self._connection.persist(attempt)

    def seek(self, position: int) -> int:
        """Where the next read begins."""
        self._at = position
        return position

    def read(self, count: int) -> bytes:
        """The next bytes, fewer only at the end."""
        end = min(self._at + count, self._file.size_bytes)
        while len(self._came) < end:
            self._connection.check_stop()
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._came += chunk
            if len(self._came) > MAX_HEAD_BYTES:
                raise BancadaError("model.header_invalid", detail="its header does not end")
        found = bytes(self._came[self._at : end])
        if len(found) < min(count, end - self._at):
            raise Setback(BancadaError("download.short", path=self._file.path, have=len(found), need=count))
        self._at = end
        return found


def _shared(facts: Mapping[str, Any], file: RepoFile) -> dict[str, Any]:
    """The facts of another quantization of the model: its own size, and the share of matrices in it."""
    kind = _MIXTURE.sub("", quantization_of(file.path)) or "F16"
    weights, matrices = (sum(facts.get(name, {}).values()) for name in ("weights", "matrices"))
    share = matrices / weights if weights else 0.0
    own = {"weights": {kind: file.size_bytes}, "matrices": {kind: int(file.size_bytes * share)}}
    return {**facts, **own, "layer_bytes": [], "output_bytes": 0}


def _gguf_need(file: RepoFile, facts: Mapping[str, Any], known: Forecaster, tokens: int) -> FileNeed:
    version = unseen_version("gguf", quantization_of(file.path), file.size_bytes, facts)
    return FileNeed(file.path, known.forecast(version, tokens).corrected_bytes)


def _folder_needs(group: FileGroup, known: Forecaster, tokens: int) -> list[FileNeed]:
    weights = [one for one in group.files if kind_of(one.path) in _WEIGHTS]
    size = sum(one.size_bytes for one in weights)
    version = unseen_version("onnx" if group.format == "onnx" else "hf", "fp16", size, {})
    need = known.forecast(version, tokens).corrected_bytes
    return [FileNeed(one.path, need) for one in weights]


def _folders(info: RepoInfo) -> tuple[FileGroup, ...]:
    """The models of several files in the repository, each one that could be chosen."""
    if any(kind_of(one.path) == GGUF for one in info.files):
        return ()
    places = {one.path.rpartition("/")[0] for one in info.files if kind_of(one.path) in _WEIGHTS}
    groups: dict[str, FileGroup] = {}
    for place in sorted(places):
        try:
            found = choose(info, (f"{place}/*" if place else "*",))
        except BancadaError:
            continue
        groups |= {one.folder: one for one in found}
    return tuple(groups.values())
