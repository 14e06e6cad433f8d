"""Finding models in the catalogue: words, facets and orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bancada.catalog.catalogue.fitting import VERDICTS, Fit
from bancada.catalog.catalogue.records import KINDS, SIZES, TERMS, Catalogue, Entry
from bancada.core.comparing import fold

#: the facets, each with the value that an entry has in it
FACETS: Final = ("kind", "family", "licence", "language", "size", "tools", "fit")
SORTS: Final = ("relevance", "name", "size", "context", "fit", "family")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry with its verdict here."""

    entry: Entry
    fit: Fit


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for: words that must all occur, and for each facet one value or none."""

    text: str = ""
    facets: Mapping[str, str] = field(default_factory=dict)


def searchable(catalogue: Catalogue, entry: Entry) -> str:
    """The text that words are looked for in."""
    parts = (
        entry.name, entry.family, entry.publisher, entry.kind, entry.summary, entry.licence,
        catalogue.licence(entry).name, entry.repo, entry.gguf_repo, *entry.languages,
    )  # fmt: skip
    return fold(" ".join(parts))


def values_of(catalogue: Catalogue, found: Found, facet: str) -> tuple[str, ...]:
    """The values that an entry has in a facet: several languages, else one."""
    entry = found.entry
    one_each: dict[str, Callable[[], str]] = {
        "kind": lambda: entry.kind,
        "family": lambda: entry.family,
        "licence": lambda: catalogue.licence(entry).terms,
        "size": lambda: entry.size_class,
        "tools": lambda: "yes" if entry.tools else "no",
        "fit": lambda: found.fit.verdict,
    }
    return entry.languages if facet == "language" else (one_each[facet](),)


def matches(catalogue: Catalogue, found: Found, text: str, query: Query, *, but: str = "") -> bool:
    """Whether an entry answers the query; ``text`` is its :func:`searchable`, ``but`` a facet left aside."""
    return all(word in text for word in fold(query.text).split()) and all(
        value in values_of(catalogue, found, facet)
        for facet, value in query.facets.items()
        if value and facet != but
    )


def search(
    catalogue: Catalogue, every: Sequence[Found], query: Query, sort: str = "relevance"
) -> list[Found]:
    """The entries that answer the query, in the order of one of :data:`SORTS`."""
    hits = [one for one in every if matches(catalogue, one, searchable(catalogue, one.entry), query)]
    words = fold(query.text).split()
    keys: dict[str, Callable[[Found], object]] = {
        "relevance": lambda one: (-_relevance(one.entry, words), _natural(one.entry)),
        "name": lambda one: _natural(one.entry),
        "size": lambda one: one.entry.parameters,
        "context": lambda one: -one.entry.context,
        "fit": lambda one: (VERDICTS.index(one.fit.verdict), -one.entry.parameters),
        "family": lambda one: (fold(one.entry.family), one.entry.parameters),
    }
    return sorted(hits, key=keys[sort])  # type: ignore[arg-type]  # each key compares with its own kind


def facet_counts(catalogue: Catalogue, every: Iterable[Found], facet: str) -> list[tuple[str, int]]:
    """The values of a facet and how many entries have each, in their natural order or by number."""
    counts = Counter(value for one in every for value in values_of(catalogue, one, facet))
    orders: dict[str, Sequence[str]] = {
        "kind": KINDS, "licence": TERMS, "size": [name for name, _ in SIZES], "tools": ("yes", "no"),
        "fit": VERDICTS,
    }  # fmt: skip
    if facet in orders:
        return [(value, counts[value]) for value in orders[facet] if value in counts]
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _relevance(entry: Entry, words: Sequence[str]) -> int:
    """A word in the name counts more than one in the family, and that more than one anywhere else."""
    name, family = fold(entry.name), fold(entry.family)
    return sum(4 * (word in name) + 2 * (word in family) for word in words)


def _natural(entry: Entry) -> tuple[str, int]:
    return fold(entry.family), entry.parameters
