"""The session kind ``mirror``: serves the library until it is closed."""

from __future__ import annotations

from typing import Any

from bancada.catalog.hub.credentials import mirror_token
from bancada.catalog.mirror.gate import lan_addresses, own_names
from bancada.catalog.mirror.server import MirrorServer, Stock
from bancada.catalog.mirror.session import STATE, MirrorParams, MirrorReport, check_allowed
from bancada.catalog.mirror.shelf import ShelfRepo, arrange
from bancada.core.errors import BancadaError
from bancada.jobs.job_context import CallContext, JobContext
from bancada.storage import audit, models, settings


class MirrorHandler:
    """The settings are asked here once more: what a worker may do is not left to who started it."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._server: MirrorServer | None = None

    def open(self, params: MirrorParams) -> MirrorReport:
        """Listen and serve; raises BancadaError ``mirror.*`` or ``network.sealed``."""
        database = self._context.database
        check_allowed(database, params.host)

        def shelf() -> dict[str, ShelfRepo]:
            check_allowed(database, params.host)  # nothing goes out any more once the network was sealed
            return arrange(models.list_versions(database))

        stock = Stock(shelf, self._context.blobs.ensure_intact)
        names = own_names(params.host, str(settings.get(database, "mirror.names")))
        token = mirror_token()
        try:
            server = MirrorServer((params.host, params.port), stock, token=token, names=names)
        except (OSError, OverflowError) as error:
            address = f"{params.host}:{params.port}"
            raise BancadaError("mirror.port_taken", address=address, detail=str(error)) from error
        server.start()
        self._server = server
        addresses = _addresses(params.host, server.server_port)
        if not database.read_only:
            audit.append(database, "user", "mirror.started", ", ".join(addresses), {})
        return MirrorReport(addresses, token, len(stock.shelf()))

    def call(self, call: CallContext, name: str, payload: Any) -> Any:
        """Who is here and what was served; everything else is asked over HTTP."""
        del call, payload
        if name == STATE and self._server is not None:
            return self._server.state()
        raise BancadaError("message.malformed", field="call", value=name)

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.close()


def _addresses(host: str, port: int) -> tuple[str, ...]:
    """What to type into the settings of another machine; every address where it listens on all."""
    everywhere = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    hosts = (lan_addresses() or [host]) if everywhere else [host]
    return tuple(f"http://[{one}]:{port}" if ":" in one else f"http://{one}:{port}" for one in hosts)
