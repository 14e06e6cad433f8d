"""``bancada backup`` and ``bancada restore``: copies of the workspace's database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, UsageError, clean
from bancada.cli.models import confirm
from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.core.sizes import bytes_text
from bancada.storage.backup import BackupRecord, backup, list_backups, restore
from bancada.storage.encryption import key_of


def add(nouns: Nouns) -> None:
    """Add the two commands to the grammar."""
    nouns.command("backup", "copy the database now, while it may be in use", _backup)
    parser = nouns.command("restore", "put a copy of the database back; what was there is kept", _restore)
    parser.add_argument("backup", nargs="?", type=clean, metavar="BACKUP", help="the copy's file name")
    parser.add_argument("--list", action="store_true", help="list the copies")
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")


def _document(one: BackupRecord) -> dict[str, Any]:
    return {
        "name": one.path.name,
        "path": str(one.path),
        "made_at": one.made_at.isoformat(),
        "reason": one.reason,
        "size_bytes": one.size_bytes,
    }


def _backup(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        record = backup(context.database)
    invocation.console.document(_document(record))
    invocation.console.say(f"Copied and checked: {record.path} ({bytes_text(record.size_bytes)})")
    return DONE


def _restore(invocation: Invocation) -> int:
    home = Home(invocation.home)
    options = invocation.options
    if options.list:
        return _list(invocation, list_backups(home))
    if options.backup is None:
        raise UsageError("which copy? List them with: bancada restore --list", "bancada restore BACKUP")
    # only the copies of this workspace can be put back, whatever folder is typed before the name
    name = Path(options.backup).name
    if "\0" in name or not name:
        raise BancadaError("backup.not_found", path=options.backup)
    if not options.yes and not confirm(invocation, f"Put {name} in the place of the database?"):
        raise Canceled
    restore(home, home.backups / name, key=key_of(home, None))
    invocation.console.document({"restored": name})
    invocation.console.say(f"Restored from {text.printable(name)}. What was there before is kept.")
    return DONE


def _list(invocation: Invocation, records: list[BackupRecord]) -> int:
    invocation.console.document([_document(one) for one in records])
    if not records:
        invocation.console.say("No copy yet. Make one with: bancada backup")
        return DONE
    invocation.console.table(
        ("Name", "Made (UTC)", "Reason", "Size"),
        [
            (one.path.name, f"{one.made_at:%Y-%m-%d %H:%M}", one.reason, bytes_text(one.size_bytes))
            for one in records
        ],
        right=(3,),
    )
    return DONE
