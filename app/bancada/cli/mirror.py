"""``bancada mirror``: serve this library to other machines of the office."""

from __future__ import annotations

import time
from typing import Final

from bancada.catalog.mirror.session import LOOPBACK, serve
from bancada.cli.command import DONE, Invocation, Nouns, clean, whole

_POLL_S: Final = 0.2


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("mirror", "the office mirror: this library for other machines, read-only")
    parser = verbs.verb("serve", "serve until Ctrl+C, with a token that clients must show", _serve)
    parser.add_argument(
        "--host",
        type=clean,
        default=LOOPBACK,
        help=f"address to listen on (default: {LOOPBACK}); others need the setting mirror.lan",
    )
    parser.add_argument(
        "--port",
        type=whole(0, 65_535),
        metavar="N",
        help="port (default: the setting mirror.port); 0: a free one",
    )


def _serve(invocation: Invocation) -> int:
    options, console = invocation.options, invocation.console
    with invocation.workspace() as context:
        session, report = serve(context.sessions, context.database, host=options.host, port=options.port)
        console.document(report)
        console.pairs(
            [
                *[("Address", one) for one in report.addresses],
                ("Token", report.token),
                ("Models", str(report.repositories)),
            ]
        )
        console.say("Another Bancada downloads from here after: bancada settings set hub.endpoint ADDRESS,")
        console.say("and, with the token: bancada hub login. Ctrl+C ends the mirror.")
        console.out.flush()
        try:
            while session.alive:
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            session.close()
            console.note("The mirror has ended.")
            return DONE
    if session.error is not None:
        raise session.error
    return DONE
