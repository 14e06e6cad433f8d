"""Who answers for a model: tags, aliases, stages with their history; every change is in the audit log.

Here are the queries; which change is allowed is said in :mod:`bancada.catalog.lifecycle`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, cast

from bancada.core.errors import BancadaError
from bancada.storage import audit
from bancada.storage.connection import Database, now, storable

Stage = Literal["none", "candidate", "approved", "retired"]
NONE: Final[Stage] = "none"

#: what the history of a model is made of, beside its stages
_ACTIONS: Final = "'model.alias_set', 'model.alias_removed', 'model.tags_set'"


@dataclass(frozen=True, slots=True)
class Alias:
    """A name such as ``production`` that points to one version of its model."""

    name: str
    version_id: str
    version: int
    set_at: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a model's history.

    ``what`` is ``stage``, ``alias_set``, ``alias_removed`` or ``tags_set``; ``value`` the stage, the alias
    or the tags; ``version`` the number of the version that it concerns, 0 for the whole model.
    ``override`` says why a rule was overruled, empty where none was.
    """

    at: str
    actor: str
    what: str
    value: str
    version: int
    reason: str
    override: str = ""


# -- tags


def tags(db: Database, model_id: str) -> tuple[str, ...]:
    """The tags of a model, in alphabetical order."""
    return all_tags(db, model_id).get(model_id, ())


def all_tags(db: Database, model_id: str | None = None) -> dict[str, tuple[str, ...]]:
    """The tags by model id, of one model or of all that have any."""
    rows = db.rows(
        "SELECT model_id, tag FROM model_tags WHERE :model IS NULL OR model_id = :model ORDER BY tag",
        {"model": model_id},
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["model_id"], []).append(row["tag"])
    return {one: tuple(values) for one, values in found.items()}


def set_tags(db: Database, model_id: str, wanted: Iterable[str], *, actor: str) -> None:
    """Give a model exactly these tags; raises BancadaError ``model.not_found``."""
    new = sorted({storable(one) for one in wanted})
    with db.transaction() as handle:
        _check_model(db, model_id)
        if tuple(new) == tags(db, model_id):
            return
        handle.execute("DELETE FROM model_tags WHERE model_id = ?", (model_id,))
        handle.conn.executemany(
            "INSERT INTO model_tags (model_id, tag) VALUES (?, ?)", [(model_id, one) for one in new]
        )
        audit.append(db, actor, "model.tags_set", model_id, {"tags": new})


# -- aliases


def aliases(db: Database, model_id: str) -> tuple[Alias, ...]:
    """The aliases of a model, in alphabetical order."""
    return all_aliases(db, model_id).get(model_id, ())


def all_aliases(db: Database, model_id: str | None = None) -> dict[str, tuple[Alias, ...]]:
    """The aliases by model id, of one model or of all that have any."""
    rows = db.rows(
        "SELECT a.model_id, a.alias AS name, a.version_id, v.version, a.set_at FROM model_aliases a"
        " JOIN model_versions v ON v.id = a.version_id"
        " WHERE :model IS NULL OR a.model_id = :model ORDER BY a.alias",
        {"model": model_id},
    )
    found: dict[str, list[Alias]] = {}
    for row in rows:
        found.setdefault(row.pop("model_id"), []).append(Alias(**row))
    return {one: tuple(values) for one, values in found.items()}


def set_alias(
    db: Database, version_id: str, alias: str, *, actor: str, reason: str = "", override: str = ""
) -> None:
    """Let an alias of the version's model point to it, wherever it pointed before.

    Raises:
        BancadaError: ``model.not_found``.
    """
    with db.transaction() as handle:
        model_id, version = _place(db, version_id)
        before = next((one.version for one in aliases(db, model_id) if one.name == alias), None)
        handle.execute(
            "INSERT INTO model_aliases (model_id, alias, version_id, set_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id,"
            " set_at = excluded.set_at",
            (model_id, alias, version_id, now()),
        )
        detail = {"alias": alias, "version": version, "before": before, "reason": storable(reason)}
        audit.append(db, actor, "model.alias_set", model_id, detail | {"override": storable(override)})


def remove_alias(db: Database, model_id: str, alias: str, *, actor: str, reason: str = "") -> None:
    """Remove an alias; raises BancadaError ``model.alias_not_found``."""
    with db.transaction() as handle:
        found = next((one for one in aliases(db, model_id) if one.name == alias), None)
        if found is None:
            raise BancadaError("model.alias_not_found", alias=alias)
        handle.execute("DELETE FROM model_aliases WHERE model_id = ? AND alias = ?", (model_id, alias))
        detail = {"alias": alias, "version": found.version, "reason": storable(reason)}
        audit.append(db, actor, "model.alias_removed", model_id, detail)


# -- stages


def stages(db: Database) -> dict[str, Stage]:
    """The stage of every version that ever had one, by version id."""
    rows = db.rows(
        "SELECT version_id, stage FROM stage_changes WHERE seq IN"
        " (SELECT max(seq) FROM stage_changes GROUP BY version_id)"
    )
    return {row["version_id"]: row["stage"] for row in rows}


def stage_of(db: Database, version_id: str) -> Stage:
    """The stage of one version, ``none`` for one that never had any."""
    row = db.row(
        "SELECT stage FROM stage_changes WHERE version_id = ? ORDER BY seq DESC LIMIT 1", (version_id,)
    )
    return cast("Stage", row["stage"]) if row else NONE


def set_stage(
    db: Database, version_id: str, stage: Stage, *, actor: str, reason: str, override: str = ""
) -> None:
    """Bring a version to a stage; raises BancadaError ``model.not_found``."""
    with db.transaction() as handle:
        _, version = _place(db, version_id)
        before = stage_of(db, version_id)
        at = now()
        handle.execute(
            "INSERT INTO stage_changes (version_id, stage, actor, reason, created_at) VALUES (?, ?, ?, ?, ?)",
            (version_id, stage, storable(actor), storable(reason), at),
        )
        detail = {"stage": stage, "before": before, "version": version, "reason": storable(reason)}
        audit.append(db, actor, "model.stage_set", version_id, detail | {"override": storable(override)})


def history(db: Database, model_id: str, *, limit: int = 100) -> list[Change]:
    """Who changed a stage, an alias or the tags of a model and its versions, and why; newest first."""
    rows = db.rows(
        "SELECT at, actor, action, detail FROM events WHERE"
        " (action = 'model.stage_set' AND subject IN (SELECT id FROM model_versions WHERE model_id = :model))"
        f" OR (action IN ({_ACTIONS}) AND subject = :model)"
        " ORDER BY seq DESC LIMIT :limit",
        {"model": model_id, "limit": limit},
    )
    return [_change(row["at"], row["actor"], row["action"], json.loads(row["detail"])) for row in rows]


def _change(at: str, actor: str, action: str, detail: dict[str, object]) -> Change:
    what = action.removeprefix("model.")
    if what == "stage_set":
        what, value = "stage", str(detail["stage"])
    elif what == "tags_set":
        found = detail["tags"]
        value = ", ".join(map(str, found)) if isinstance(found, list) else ""
    else:
        value = str(detail["alias"])
    version = detail.get("version")
    return Change(
        at,
        actor,
        what,
        value,
        version if isinstance(version, int) else 0,
        str(detail.get("reason", "")),
        str(detail.get("override", "")),
    )


def _place(db: Database, version_id: str) -> tuple[str, int]:
    """The model and the number of a version; raises BancadaError ``model.not_found``."""
    row = db.row("SELECT model_id, version FROM model_versions WHERE id = ?", (version_id,))
    if row is None:
        raise BancadaError("model.not_found", text=version_id, near="")
    return str(row["model_id"]), int(row["version"])


def _check_model(db: Database, model_id: str) -> None:
    if db.row("SELECT 1 FROM models WHERE id = ?", (model_id,)) is None:
        raise BancadaError("model.not_found", text=model_id, near="")
