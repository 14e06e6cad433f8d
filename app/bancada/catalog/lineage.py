"""What was made from what, as a tree: roots are versions that came from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bancada.storage import lineage
from bancada.storage.connection import Database
from bancada.storage.lineage import Kin

#: parameters of runs that name things by id, which says nothing to people
_IDS: Final = ("id", "ids", "sha256")
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Branch:
    """A version and what was made of it."""

    kin: Kin
    children: tuple[Branch, ...]


def tree(database: Database, version_id: str) -> tuple[Branch, ...]:
    """The family of a version as trees, oldest first; empty for an unknown version."""
    members = {one.id: one for one in lineage.family(database, version_id)}
    children: dict[str | None, list[Kin]] = {}
    for one in members.values():
        children.setdefault(one.parent_id if one.parent_id in members else None, []).append(one)
    return tuple(_branch(one, children) for one in children.get(None, ()))


def walk(branches: Sequence[Branch], depth: int = 0) -> Iterator[tuple[int, Kin]]:
    """All members from the roots down, each with its depth."""
    for one in branches:
        yield depth, one.kin
        yield from walk(one.children, depth + 1)


def ancestors(database: Database, version_id: str) -> list[Kin]:
    """What a version was made of, nearest first."""
    members = {one.id: one for one in lineage.family(database, version_id)}
    found: list[Kin] = []
    at = members.get(version_id)
    while at is not None and at.parent_id in members and len(found) < lineage.LIMIT:
        at = members[at.parent_id]
        found.append(at)
    return found


def settings(kin: Kin) -> list[tuple[str, str]]:
    """The parameters of the run that made a version, as names and values for people."""
    return list(_flat(kin.run_params))


def _branch(kin: Kin, children: Mapping[str | None, Sequence[Kin]]) -> Branch:
    return Branch(kin, tuple(_branch(one, children) for one in children.get(kin.id, ())))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if value in (None, "", [], {}) or key.rpartition("_")[2] in _IDS:
            continue
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value))[:_SHOWN]
        else:
            yield name, ("yes" if value else "no") if isinstance(value, bool) else str(value)[:_SHOWN]
