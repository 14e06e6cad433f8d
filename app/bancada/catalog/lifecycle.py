"""The rules of who answers for a model: stages, aliases, tags, and what speaks against a change.

A stage or an alias is a person's word, so it carries the account's name and, where others will build on
it, a reason. A version whose newest certificate is red is neither approved nor given an alias, unless
somebody says why it should be; that is recorded beside it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final, get_args

from bancada.core.account import account_name
from bancada.core.errors import BancadaError
from bancada.storage import certificates, lifecycle, models
from bancada.storage.connection import Database
from bancada.storage.lifecycle import Change, Stage

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
#: stages that say something to others, and therefore why
REASONED: Final = frozenset({"approved", "retired"})
MAX_REASON: Final = 1_000
MAX_TAGS: Final = 30
_TAG_LENGTH: Final = 40
_ALIAS: Final = re.compile(r"[a-z][a-z0-9._-]{0,39}")


def set_stage(
    database: Database, version_id: str, stage: str, *, reason: str = "", override: str = ""
) -> None:
    """Bring a version to a stage, in the name of this account.

    Args:
        database: the workspace's.
        version_id: the version.
        stage: one of :data:`STAGES`.
        reason: why; needed for ``approved`` and ``retired``.
        override: why it is approved although its newest certificate is red.

    Raises:
        BancadaError: ``model.not_found``, ``model.stage_unknown``, ``model.reason_needed``,
            ``model.reason_long``, ``model.certificate_red``, ``model.still_aliased``.
    """
    if stage not in STAGES:
        raise BancadaError("model.stage_unknown", stage=stage[:40], choices=", ".join(STAGES))
    reason, override = _said(reason), _said(override)
    if stage in REASONED and not reason:
        raise BancadaError("model.reason_needed", stage=stage)
    with database.transaction():
        version = models.get_version(database, version_id)
        if stage == "approved":
            override = _judge(database, version_id, override)
        if stage == "retired":
            names = [
                one.name
                for one in lifecycle.aliases(database, version.model_id)
                if one.version_id == version_id
            ]
            if names:
                raise BancadaError(
                    "model.still_aliased", name=f"{version.name}:{version.version}", aliases=", ".join(names)
                )
        lifecycle.set_stage(
            database,
            version_id,
            stage,
            actor=account_name(),
            reason=reason,
            override=override if stage == "approved" else "",
        )


def set_alias(
    database: Database, version_id: str, alias: str, *, reason: str = "", override: str = ""
) -> str:
    """Let ``alias`` name this version of its model and return it as it is stored, in small letters.

    Raises:
        BancadaError: ``model.not_found``, ``model.alias_invalid``, ``model.reason_long``,
            ``model.certificate_red``, ``model.retired``.
    """
    name = check_alias(alias)
    reason, override = _said(reason), _said(override)
    with database.transaction():
        version = models.get_version(database, version_id)
        if lifecycle.stage_of(database, version_id) == "retired":
            raise BancadaError("model.retired", name=f"{version.name}:{version.version}")
        override = _judge(database, version_id, override)
        lifecycle.set_alias(
            database, version_id, name, actor=account_name(), reason=reason, override=override
        )
    return name


def remove_alias(database: Database, model_id: str, alias: str, *, reason: str = "") -> None:
    """Take an alias away; raises BancadaError ``model.alias_not_found``, ``model.reason_long``."""
    lifecycle.remove_alias(
        database, model_id, alias.strip().lower(), actor=account_name(), reason=_said(reason)
    )


def set_tags(database: Database, model_id: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Give a model these tags and return them as they are stored; the same word in another case is one.

    Raises:
        BancadaError: ``model.not_found``, ``model.tag_invalid``, ``model.tags_many``.
    """
    wanted = {name.casefold(): name for name in map(check_tag, tags)}
    if len(wanted) > MAX_TAGS:
        raise BancadaError("model.tags_many", count=len(wanted), limit=MAX_TAGS)
    lifecycle.set_tags(database, model_id, wanted.values(), actor=account_name())
    return lifecycle.tags(database, model_id)


def history(database: Database, model_id: str, *, limit: int = 100) -> list[Change]:
    """Who changed what and why, newest first."""
    return lifecycle.history(database, model_id, limit=limit)


def red_certificate(database: Database, version_id: str) -> bool:
    """Whether the newest certificate of this very content says that quantization spoilt it."""
    newest = certificates.newest(database, version_id)
    return newest is not None and newest.verdict == "red"


def check_alias(text: str) -> str:
    """An alias as it is stored; raises BancadaError ``model.alias_invalid``."""
    name = text.strip().lower()
    if not _ALIAS.fullmatch(name):
        raise BancadaError("model.alias_invalid", alias=text[:60])
    return name


def check_tag(text: str) -> str:
    """A tag as it is stored; raises BancadaError ``model.tag_invalid``."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _TAG_LENGTH or any(
        unicodedata.category(one)[0] == "C" or one == "," for one in name
    ):
        raise BancadaError("model.tag_invalid", tag=text[:60], limit=_TAG_LENGTH)
    return name


def _judge(database: Database, version_id: str, override: str) -> str:
    """The override where one is needed, else nothing: a reason to overrule no rule is no record."""
    if not red_certificate(database, version_id):
        return ""
    if not override:
        version = models.get_version(database, version_id)
        raise BancadaError("model.certificate_red", name=f"{version.name}:{version.version}")
    return override


def _said(text: str) -> str:
    said = text.strip()
    if len(said) > MAX_REASON:
        raise BancadaError("model.reason_long", length=len(said), limit=MAX_REASON)
    return said
