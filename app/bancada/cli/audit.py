"""``bancada audit``: whether the log of what was done is unbroken."""

from __future__ import annotations

from bancada.cli.command import DONE, Invocation, Nouns
from bancada.core.errors import BancadaError
from bancada.storage import audit


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("audit", "the log of what was done, each line with the hash of the one before")
    verbs.verb("verify", "compute the whole chain again", _verify)


def _verify(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        verdict = audit.verify(context.database)
    if not verdict.ok:
        raise BancadaError("audit.broken", seq=verdict.broken_seq, count=verdict.count)
    invocation.console.document({"ok": True, "broken_seq": None, "count": verdict.count})
    invocation.console.say(f"The audit log is unbroken. Lines: {verdict.count:,}")
    return DONE
