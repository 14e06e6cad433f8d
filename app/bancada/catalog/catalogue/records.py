"""What a catalogue holds: models with their facts, their licences in plain words, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GENERATOR: Final = "generator"
EMBEDDER: Final = "embedder"
RERANKER: Final = "reranker"
KINDS: Final = (GENERATOR, EMBEDDER, RERANKER)
#: what a licence lets an office do: everything, everything on conditions, research alone
OPEN: Final = "open"
CONDITIONS: Final = "conditions"
RESEARCH: Final = "research"
TERMS: Final = (OPEN, CONDITIONS, RESEARCH)
#: the facts of an entry that evidence can be given for
FACTS: Final = (
    "licence", "gated", "parameters", "shape", "context", "languages", "tools", "template", "vector_size",
    "files",
)  # fmt: skip
#: an entry is checked when at least these were found in a card, an official repository or a registry
NEEDED: Final = frozenset({"licence", "parameters", "context"})
#: classes of size by parameters: the name and where it ends
SIZES: Final = (
    ("tiny", 1_000_000_000),
    ("small", 5_000_000_000),
    ("medium", 16_000_000_000),
    ("large", 40_000_000_000),
    ("huge", 1 << 62),
)


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence in plain words; ``id`` is its SPDX name where it has one, ``terms`` one of :data:`TERMS`."""

    id: str
    name: str
    terms: str
    commercial: bool
    government: bool
    obligations: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The measures of a transformer for the memory forecast; ``tied``: input and output share a matrix."""

    layers: int
    heads: int
    kv_heads: int
    head_size: int
    width: int
    feed_forward: int
    vocabulary: int
    tied: bool


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file of the GGUF repository; ``sha256`` is "" and ``size_bytes`` None where they are not known."""

    path: str
    quantization: str
    sha256: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where some of the :data:`FACTS` of an entry were read."""

    url: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model.

    ``parameters`` are all of them, ``active_parameters`` those that one token uses in a mixture of
    experts. ``languages`` are ISO 639 codes that are named somewhere, ``language_count`` how many are
    spoken of (0: just those). ``context`` is in tokens, ``vector_size`` the length of an embedder's
    vectors. ``revision`` pins the source, "" where no commit is known. ``quantizations`` are those that
    such repositories usually offer, ``files`` those that are known by name.
    """

    id: str
    name: str
    family: str
    publisher: str
    kind: str
    summary: str
    parameters: int
    context: int
    licence: str
    repo: str
    quantizations: tuple[str, ...]
    languages: tuple[str, ...] = ()
    language_count: int = 0
    active_parameters: int | None = None
    shape: Shape | None = None
    vector_size: int | None = None
    gated: bool = False
    tools: bool = False
    template: bool = False
    reasoning: bool = False
    revision: str = ""
    gguf_repo: str = ""
    files: tuple[CatalogueFile, ...] = ()
    checked: bool = False
    evidence: tuple[Evidence, ...] = ()

    @property
    def size_class(self) -> str:
        """The name of its class in :data:`SIZES`."""
        return next(name for name, end in SIZES if self.parameters < end)

    @property
    def not_verified(self) -> tuple[str, ...]:
        """The facts for which there is no evidence, of those that it states."""
        found = {fact for one in self.evidence for fact in one.facts}
        stated = {
            "shape": self.shape is not None,
            "languages": bool(self.languages or self.language_count),
            "vector_size": self.vector_size is not None,
            "files": bool(self.gguf_repo),
            "tools": self.kind == GENERATOR,
            "template": self.kind == GENERATOR,
        }
        return tuple(one for one in FACTS if one not in found and stated.get(one, True))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An edition: a newer one has a larger number. ``sha256`` is that of the file it came from."""

    edition: int
    date: str
    title: str
    licences: dict[str, Licence]
    entries: tuple[Entry, ...]
    sha256: str = ""

    def licence(self, entry: Entry) -> Licence:
        """The licence of an entry."""
        return self.licences[entry.licence]
