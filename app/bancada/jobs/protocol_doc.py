"""Print ``docs/job-protocol.md``: ``python -m bancada.jobs.protocol_doc``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from bancada.jobs import protocol

_HEAD = """# The protocol between Bancada and its workers

Made from `bancada.jobs.protocol` by `python -m bancada.jobs.protocol_doc`; do not edit.

Version {version}. One JSON object in ASCII on each line, with its name in `type`.
A worker accepts lines up to {to_worker} MiB and sends lines up to {from_worker} MiB. Whatever the program
cannot read it skips and notes in the worker's log; it never fails for it.

The worker keeps a private duplicate of its standard output for the channel and points descriptor 1 at
standard error before anything else is loaded, so that what native libraries print cannot corrupt it.
Standard error goes to the log of the job. When its standard input closes, the worker ends at once.
"""


def markdown() -> str:
    """The page as Markdown."""
    head = _HEAD.format(
        version=protocol.VERSION,
        to_worker=protocol.MAX_TO_WORKER // 2**20,
        from_worker=protocol.MAX_FROM_WORKER // 2**20,
    )
    return "\n".join(
        (
            head,
            _table("Program to worker", protocol.TO_WORKER),
            _table("Worker to program", protocol.FROM_WORKER),
        )
    )


def _table(title: str, messages: Mapping[str, type[Any]]) -> str:
    lines = [f"## {title}", ""]
    for name, kind in messages.items():
        lines += [f"### `{name}`", "", *(line.strip() for line in (kind.__doc__ or "").splitlines()), ""]
        rows = [f"| `{one.name}` | `{str(one.type).replace('|', 'or')}` |" for one in fields(kind)]
        if rows:
            lines += ["| field | type |", "|---|---|", *rows, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
