"""From a repository's list of files to the models to fetch: nothing is guessed, nothing unsafe is taken."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from bancada.catalog.hub.file_policy import (
    GGUF,
    MAX_TEXT_BYTES,
    ONNX,
    ONNX_DATA,
    REFUSED,
    SAFETENSORS,
    TAKEN,
    TEXT,
    kind_of,
)
from bancada.catalog.hub.records import RepoFile, RepoInfo
from bancada.core.errors import BancadaError

#: folders with weights of Hugging Face's own layout are this format in the library
HF: Final = "hf"
GENAI_CONFIG: Final = "genai_config.json"
MAX_GROUPS: Final = 20
_SHOWN: Final = 12
_SPLIT: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_WEIGHTS: Final = (GGUF, SAFETENSORS, ONNX)
#: of a GGUF file's neighbours only these are fetched, for people to read
_PAPERS: Final = re.compile(r"(?:readme|licen[cs]e|notice)(?:\.(?:md|txt))?", re.IGNORECASE)
_MAX_PAPER_BYTES: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The files of one model to be. ``format`` is ``gguf``, ``onnx`` or ``hf``.

    ``files`` are those of the repository; ``folder`` is what is cut off their paths in the library.
    ``papers`` are licence and model card, kept as texts.
    """

    format: str
    name: str
    folder: str
    files: tuple[RepoFile, ...]
    papers: tuple[RepoFile, ...] = ()

    def all_files(self) -> tuple[RepoFile, ...]:
        """Files and papers, each once."""
        return (*self.files, *(one for one in self.papers if one not in self.files))


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that is not taken for its kind."""

    path: str
    kind: str


def refusals(info: RepoInfo) -> tuple[Refusal, ...]:
    """What of the repository is refused and flagged: pickles, program code, unsafe names."""
    found = [Refusal(one.path, kind_of(one.path)) for one in info.files]
    return tuple(one for one in found if one.kind in REFUSED)


def choose(info: RepoInfo, patterns: Sequence[str] = ()) -> tuple[FileGroup, ...]:
    """The models that ``patterns`` (as of a shell, ``*`` spans folders) name, or the only one there is.

    Raises:
        BancadaError: ``hub.choose_file`` when there are several and none was named; ``hub.no_match``;
            ``hub.file_refused`` when what was named is refused; ``hub.no_model`` when there is none
            that can be taken; ``model.split_file``; ``hub.names_clash``.
    """
    safe = [one for one in info.files if kind_of(one.path) in TAKEN]
    safe = [one for one in safe if kind_of(one.path) != TEXT or one.size_bytes <= MAX_TEXT_BYTES]
    wanted = _named(info, safe, patterns) if patterns else safe
    weights = {kind: [one for one in wanted if kind_of(one.path) == kind] for kind in _WEIGHTS}
    if weights[GGUF]:
        groups = _gguf_groups(info, weights[GGUF], chosen=bool(patterns))
    else:
        groups = _folder_groups(info, safe, wanted, weights)
    if not groups:
        raise BancadaError(
            "hub.no_model", repo=info.repo, refused=_listed(one.path for one in refusals(info))
        )
    if len(groups) > 1 and not (patterns and weights[GGUF]):
        names = (f"{one.folder}/*" if one.folder else one.files[0].path for one in groups)
        raise BancadaError("hub.choose_file", repo=info.repo, count=len(groups), files=_listed(names))
    if len(groups) > MAX_GROUPS:
        raise BancadaError("hub.too_many", count=len(groups), limit=MAX_GROUPS)
    for one in groups:
        _check_clashes(one)
    return tuple(groups)


def _named(info: RepoInfo, safe: Sequence[RepoFile], patterns: Sequence[str]) -> list[RepoFile]:
    found = []
    for pattern in patterns:
        hits = [one for one in safe if fnmatch.fnmatchcase(one.path, pattern)]
        if not hits:
            bad = [one for one in refusals(info) if fnmatch.fnmatchcase(one.path, pattern)]
            if bad:
                raise BancadaError("hub.file_refused", path=bad[0].path[:200], kind=bad[0].kind)
            models = _listed(one.path for one in safe if kind_of(one.path) in _WEIGHTS)
            raise BancadaError("hub.no_match", pattern=pattern[:200], repo=info.repo, files=models)
        found += hits
    return list(dict.fromkeys(found))


def _gguf_groups(info: RepoInfo, files: Sequence[RepoFile], *, chosen: bool) -> list[FileGroup]:
    # a vision part is no model by itself: it is offered only when it is asked for
    models = [one for one in files if chosen or not PurePosixPath(one.path).name.startswith("mmproj")]
    for one in models:
        split = _SPLIT.search(one.path)
        if split and (chosen or len(models) == int(split[2])):
            raise BancadaError("model.split_file", count=int(split[2]))
    papers = tuple(_papers(info.files))
    return [FileGroup(GGUF, PurePosixPath(one.path).stem, "", (one,), papers) for one in models]


def _folder_groups(
    info: RepoInfo, safe: Sequence[RepoFile], wanted: Sequence[RepoFile], weights: dict[str, list[RepoFile]]
) -> list[FileGroup]:
    """ONNX folders (with everything in them), else the safetensors of one folder and their neighbours."""
    configs = {_folder(one.path) for one in safe if PurePosixPath(one.path).name == GENAI_CONFIG}
    folders = sorted(configs & {_folder(one.path) for one in wanted})
    if weights[ONNX] and folders:
        return [_onnx_group(info, safe, folder) for folder in folders]
    places = sorted({_folder(one.path) for one in weights[SAFETENSORS]})
    if "" in places:
        places = [""]  # others are variants or parts, such as adapters and optimizer states
    return [_hf_group(info, safe, wanted, place) for place in places]


def _onnx_group(info: RepoInfo, safe: Sequence[RepoFile], folder: str) -> FileGroup:
    inside = [
        one for one in safe if _is_below(one.path, folder) and kind_of(one.path) in (ONNX, ONNX_DATA, TEXT)
    ]
    return FileGroup("onnx", _name(info, folder), folder, tuple(inside), tuple(_papers(info.files)))


def _hf_group(info: RepoInfo, safe: Sequence[RepoFile], wanted: Sequence[RepoFile], folder: str) -> FileGroup:
    inside = [one for one in safe if _folder(one.path) == folder]
    weights = [one for one in inside if kind_of(one.path) == SAFETENSORS and one in wanted]
    texts = [one for one in inside if kind_of(one.path) == TEXT]
    return FileGroup(HF, _name(info, folder), folder, (*weights, *texts), tuple(_papers(info.files)))


def _papers(files: Iterable[RepoFile]) -> Iterable[RepoFile]:
    return (one for one in files if _PAPERS.fullmatch(one.path) and one.size_bytes <= _MAX_PAPER_BYTES)


def _check_clashes(group: FileGroup) -> None:
    seen: dict[str, str] = {}
    for one in group.files:
        other = seen.setdefault(one.path.casefold(), one.path)
        if other != one.path:
            raise BancadaError("hub.names_clash", first=other[:200], second=one.path[:200])


def without_folder(group: FileGroup, file: RepoFile) -> str:
    """The path that a file of the group has in the library."""
    if group.format == GGUF:
        return "model.gguf"
    return file.path.removeprefix(f"{group.folder}/") if group.folder else file.path


def _name(info: RepoInfo, folder: str) -> str:
    base = info.repo.rpartition("/")[2]
    return f"{base}-{folder.rpartition('/')[2]}" if folder else base


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return (", ".join(one[:120] for one in shown[:_SHOWN]) + more) or "none"
