"""``bancada storage``: what takes how much of the disk, and cleaning it up."""

from __future__ import annotations

from typing import Any, Final

from bancada.catalog.storage_care import CLEANED, Area, StorageCare
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns
from bancada.cli.models import confirm
from bancada.core.errors import Canceled
from bancada.core.sizes import bytes_text

_NAMES: Final = {
    "models": "Models",
    "results": "Results of runs, matrices, waiting bundles",
    "unused": "Files that nothing refers to",
    "downloads": "Unfinished downloads and bundles",
    "quarantine": "Files in quarantine",
    "backups": "Copies of the database",
    "logs": "Logs",
    "caches": "Temporary files",
    "database": "Database",
}
_LISTED: Final = 50


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("storage", "what takes how much of the disk")
    verbs.verb("show", "show what takes how much, and what of it can go", _show)
    parser = verbs.verb("clean", "remove what can go, and say what was freed", _clean)
    parser.add_argument(
        "area", nargs="*", choices=(*CLEANED, []), metavar="AREA", help=f"{', '.join(CLEANED)} (default: all)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list what would go")
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")


def _document(area: Area) -> dict[str, Any]:
    return {
        "area": area.id,
        "bytes": area.bytes,
        "count": area.count,
        "removable_bytes": area.removable_bytes,
        "removable": [{"name": one.name, "bytes": one.bytes} for one in area.items],
        **(
            {"shared_bytes": area.shared_bytes, "saved_bytes": area.saved_bytes}
            if area.id == "models"
            else {}
        ),
    }


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        areas = StorageCare(context.database, context.blobs).overview()
    invocation.console.document({"areas": [_document(one) for one in areas]})
    invocation.console.table(
        ("Area", "", "Count", "Size", "Can go"),
        [
            (
                one.id,
                _NAMES[one.id],
                f"{one.count:,}",
                bytes_text(one.bytes),
                bytes_text(one.removable_bytes) if one.items else "",
            )
            for one in areas
        ],
        right=(2, 3, 4),
        optional=(1,),
    )
    saved = areas[0].saved_bytes
    if saved:
        invocation.console.say(f"Models that share files save {bytes_text(saved)}.")
    return DONE


def _clean(invocation: Invocation) -> int:
    options = invocation.options
    wanted = options.area or list(CLEANED)
    with invocation.workspace() as context:
        care = StorageCare(context.database, context.blobs)
        areas = [area for area in map(care.area, wanted) if area.items]
        if areas:
            _list(invocation, areas)
        if options.dry_run or not areas:
            done = []
        else:
            size = bytes_text(sum(one.removable_bytes for one in areas))
            if not options.yes and not confirm(invocation, f"Remove this ({size})?"):
                raise Canceled
            done = [care.clean(one.id) for one in areas]
    invocation.console.document(
        {
            "areas": [_document(one) for one in areas],
            "cleaned": [{"area": one.area, "count": one.count, "bytes": one.bytes} for one in done],
            "freed_bytes": sum(one.bytes for one in done),
        }
    )
    if not areas:
        invocation.console.say("Nothing can go.")
    elif not options.dry_run:
        invocation.console.say(f"{bytes_text(sum(one.bytes for one in done))} freed.")
    return DONE


def _list(invocation: Invocation, areas: list[Area]) -> None:
    for area in areas:
        invocation.console.heading(f"{_NAMES[area.id]}: {bytes_text(area.removable_bytes)}")
        for one in area.items[:_LISTED]:
            invocation.console.say(f"  {text.printable(one.name)}  {bytes_text(one.bytes)}")
        if len(area.items) > _LISTED:
            invocation.console.say(f"  and {len(area.items) - _LISTED} more")
