"""``bancada models`` further: tag, stage, alias, with who changed what and why."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from bancada.catalog import lifecycle
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, UsageError, Verbs, clean
from bancada.cli.model_care import add_model
from bancada.storage.lifecycle import Change, aliases, stage_of, tags


def add(verbs: Verbs) -> None:
    """Add the verbs to the noun ``models``."""
    parser = verbs.verb("tag", "show or change a model's tags", _tag)
    add_model(parser)
    parser.add_argument("--add", type=clean, action="append", default=[], metavar="TAG", help="repeatable")
    parser.add_argument("--remove", type=clean, action="append", default=[], metavar="TAG", help="repeatable")
    parser = verbs.verb("stage", "show or change a version's stage, and the history of who and why", _stage)
    add_model(parser)
    parser.add_argument("stage", nargs="?", choices=lifecycle.STAGES, metavar="STAGE", help=_stages())
    _add_reasons(parser)
    parser = verbs.verb("alias", "show aliases, or let one name this version: MODEL@ALIAS", _alias)
    add_model(parser)
    parser.add_argument("alias", nargs="?", type=clean, metavar="ALIAS", help="such as production")
    parser.add_argument("--remove", action="store_true", help="take the alias away")
    _add_reasons(parser)


def _stages() -> str:
    return ", ".join(lifecycle.STAGES)


def _add_reasons(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--reason", type=clean, default="", metavar="TEXT", help="why; needed for approved and retired"
    )
    parser.add_argument(
        "--override",
        type=clean,
        default="",
        metavar="TEXT",
        help="why it is to be used although its newest certificate is red",
    )


def _tag(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        found = tags(context.database, version.model_id)
        if options.add or options.remove:
            gone = {lifecycle.check_tag(one).casefold() for one in options.remove}
            wanted = [one for one in (*found, *options.add) if one.casefold() not in gone]
            found = lifecycle.set_tags(context.database, version.model_id, wanted)
    invocation.console.document({"name": version.name, "tags": list(found)})
    shown = ", ".join(map(text.printable, found)) or "no tags"
    invocation.console.say(f"{text.printable(version.name)}: {shown}")
    return DONE


def _stage(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        if options.stage is not None:
            lifecycle.set_stage(
                context.database,
                version.id,
                options.stage,
                reason=options.reason,
                override=options.override,
            )
        stage = stage_of(context.database, version.id)
        history = lifecycle.history(context.database, version.model_id)
    label = f"{version.name}:{version.version}"
    invocation.console.document(
        {
            "name": version.name,
            "version": version.version,
            "stage": stage,
            "history": [_row(one) for one in history],
        }
    )
    invocation.console.say(f"{text.printable(label)}: {'no stage' if stage == 'none' else stage}")
    _say_history(invocation, history)
    return DONE


def _alias(invocation: Invocation) -> int:
    options = invocation.options
    if options.remove and options.alias is None:
        raise UsageError("which alias?", "bancada models alias MODEL ALIAS --remove")
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        if options.alias is not None and options.remove:
            lifecycle.remove_alias(context.database, version.model_id, options.alias, reason=options.reason)
        elif options.alias is not None:
            lifecycle.set_alias(
                context.database, version.id, options.alias, reason=options.reason, override=options.override
            )
        found = aliases(context.database, version.model_id)
    invocation.console.document(
        {
            "name": version.name,
            "aliases": [{"alias": one.name, "version": one.version, "set_at": one.set_at} for one in found],
        }
    )
    if not found:
        invocation.console.say(f"{text.printable(version.name)} has no alias.")
    for one in found:
        invocation.console.say(f"{text.printable(version.name)}@{one.name} is version {one.version}")
    return DONE


def _row(one: Change) -> dict[str, Any]:
    return {
        "at": one.at,
        "actor": one.actor,
        "what": one.what,
        "value": one.value,
        "version": one.version or None,
        "reason": one.reason,
        "override": one.override,
    }


def _say_history(invocation: Invocation, history: Sequence[Change]) -> None:
    if not history:
        return
    words = {"stage": "stage", "alias_set": "alias", "alias_removed": "alias removed", "tags_set": "tags"}
    invocation.console.table(
        ("When (UTC)", "Who", "Version", "What", "Why"),
        [
            (
                text.when_text(one.at),
                text.printable(one.actor),
                str(one.version or ""),
                text.printable(f"{words[one.what]} {one.value}"),
                text.printable(f"{one.reason} (overruled: {one.override})" if one.override else one.reason),
            )
            for one in history
        ],
        right=(2,),
    )
