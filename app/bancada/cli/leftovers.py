"""``bancada hub leftovers`` and ``discard``: what downloads left on the disk."""

from __future__ import annotations

import re
from typing import Final

from bancada.catalog.download.leftovers import discard, quarantined, remove_quarantined, unfinished
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Verbs, clean
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode
from bancada.storage import jobs
from bancada.storage.connection import Database

_KEY: Final = re.compile(r"[0-9a-f]{64}")


def add(verbs: Verbs) -> None:
    """Add the verbs to the grammar of ``hub``."""
    verbs.verb("leftovers", "list unfinished downloads and files in quarantine", _leftovers)
    parser = verbs.verb("discard", "give up an unfinished download, or remove a file in quarantine", _discard)
    parser.add_argument("what", type=clean, metavar="ID", help="as the list of leftovers shows it")


def _leftovers(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        begun = sorted(unfinished(context.home).values(), key=lambda one: one.job_id)
        titles = {one.job_id: _title(context.database, one.job_id) for one in begun}
        bad = quarantined(context.home)
    console = invocation.console
    console.document(
        {
            "unfinished": [{**encode(one), "title": titles[one.job_id]} for one in begun],
            "quarantined": [encode(one) for one in bad],
        }
    )
    if not begun and not bad:
        console.say("Nothing is left over.")
        return DONE
    rows = [
        (titles[one.job_id], f"{bytes_text(one.kept_bytes)} of {bytes_text(one.total_bytes)}", one.job_id)
        for one in begun
    ]
    rows += [(f"{one.path}: {one.reason}", bytes_text(one.size_bytes), one.key) for one in bad]
    console.table(("What", "Size", "Id"), [tuple(map(text.printable, row)) for row in rows], right=(1,))
    if begun:
        console.say("Go on with: bancada jobs resume ID. Give up with: bancada hub discard ID.")
    return DONE


def _title(database: Database, job_id: str) -> str:
    try:
        return jobs.get(database, job_id).title
    except BancadaError:
        return "a download whose job was removed"


def _discard(invocation: Invocation) -> int:
    what = invocation.options.what
    with invocation.workspace() as context:
        if _KEY.fullmatch(what):
            freed = remove_quarantined(context.home, what)
        elif what in unfinished(context.home):
            freed = discard(context.home, context.database, what)
        else:
            raise BancadaError("jobs.not_found", job=what)
    invocation.console.document({"id": what, "freed_bytes": freed})
    invocation.console.say(f"{bytes_text(freed)} are free again.")
    return DONE
