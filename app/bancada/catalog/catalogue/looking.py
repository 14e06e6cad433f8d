"""The catalogue as it looks from here: every entry with its verdict, and what is in the library already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bancada.catalog.catalogue import shelf
from bancada.catalog.catalogue.fitting import Place, fit
from bancada.catalog.catalogue.records import Catalogue, Entry
from bancada.catalog.catalogue.searching import Found
from bancada.catalog.catalogue.shelf import Current
from bancada.catalog.forecaster import forecaster
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import models
from bancada.storage.connection import Database
from bancada.storage.models import VersionRecord


@dataclass(frozen=True, slots=True)
class Look:
    """The edition in use, its entries with their verdicts at ``context`` tokens, and this machine.

    ``owned`` has the versions in the library by the entry's id, those that have any.
    """

    current: Current
    found: tuple[Found, ...]
    place: Place
    context: int
    owned: Mapping[str, tuple[VersionRecord, ...]] = field(default_factory=dict)

    @property
    def catalogue(self) -> Catalogue:
        """The edition in use."""
        return self.current.catalogue

    def find(self, text: str) -> Found:
        """The entry of an id or a name; raises BancadaError ``catalogue.not_found``."""
        wanted = text.strip().casefold()
        for one in self.found:
            if wanted in (one.entry.id, one.entry.name.casefold(), one.entry.repo.casefold()):
                return one
        raise BancadaError("catalogue.not_found", name=text[:80])


def look(database: Database, home: Home, context: int) -> Look:
    """Read the catalogue and weigh all of it for this machine; for the background: it asks the system.

    Raises:
        BancadaError: ``catalogue.*`` when the shipped file is bad.
    """
    current, place, known = shelf.current(home), Place.here(), forecaster(database)
    found = tuple(Found(one, fit(one, place, known, context)) for one in current.catalogue.entries)
    owned = in_library(current.catalogue.entries, models.list_versions(database))
    return Look(current, found, place, context, owned)


def in_library(
    entries: Iterable[Entry], versions: Iterable[VersionRecord]
) -> dict[str, tuple[VersionRecord, ...]]:
    """The versions of each entry: the very file by its hash, or what was fetched from its repositories."""
    by_mark: dict[str, list[VersionRecord]] = {}
    for one in versions:
        # a download's source is "address/owner/name@commit"
        place = "/".join(one.source.partition("@")[0].split("/")[-2:]).casefold()
        for mark in {one.sha256, place} - {""}:
            by_mark.setdefault(mark, []).append(one)
    owned = {}
    for entry in entries:
        marks = [file.sha256 for file in entry.files] + [entry.repo.casefold(), entry.gguf_repo.casefold()]
        mine = {one.id: one for mark in marks if mark for one in by_mark.get(mark, ())}
        if mine:
            owned[entry.id] = tuple(mine.values())
    return owned
