"""The office mirror: this library, read-only, in the hub's own URL scheme.

Only names that the library itself has are looked up; no part of an address ever becomes a path.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from bancada.catalog.mirror import answers
from bancada.catalog.mirror.gate import Gate, Limits, host_name, shows_token
from bancada.catalog.mirror.shelf import Revision, ShelfFile, ShelfRepo
from bancada.catalog.mirror.visitors import MirrorState, Visitors
from bancada.core.errors import BancadaError

log = logging.getLogger(__name__)

_API: Final = re.compile(
    r"/api/models/(?P<repo>[^/]+(?:/[^/]+)?)(?:/(?P<verb>revision|tree)/(?P<revision>[^/]+)(?:/.*)?)?"
)
_FILE: Final = re.compile(r"/(?P<repo>[^/]+(?:/[^/]+)?)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
_RANGE: Final = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")
_MAX_TARGET: Final = 4_096
_BLOCK: Final = 16 << 20
#: the settings were changed while it served
_SHUT: Final = ("mirror.lan_off", "network.sealed")
_BUSY: Final = (
    b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class Stock:
    """What is served, from the library; read again when it is older than two seconds."""

    _FRESH_S: Final = 2.0

    def __init__(self, arrange: Callable[[], Mapping[str, ShelfRepo]], locate: Callable[[str], Path]) -> None:
        self._arrange = arrange
        self._locate = locate
        self._lock = threading.Lock()
        self._shelf: Mapping[str, ShelfRepo] = {}
        self._read_at = float("-inf")

    def shelf(self) -> Mapping[str, ShelfRepo]:
        """The repositories by name; raises BancadaError when the library cannot be read."""
        with self._lock:
            if time.monotonic() - self._read_at > self._FRESH_S:
                self._shelf = self._arrange()
                self._read_at = time.monotonic()
            return self._shelf

    def open(self, file: ShelfFile) -> IO[bytes]:
        """A stored file that is known to be intact.

        Raises:
            BancadaError: ``model.file_missing``, ``model.file_damaged``.
            OSError: it cannot be read.
        """
        return self._locate(file.sha256).open("rb")


class MirrorServer(ThreadingHTTPServer):
    """Serves until :meth:`close`; one thread for each connection, and not more than the limits say.

    Args:
        address: host and port to listen on; port 0 takes a free one.
        stock: what is served.
        token: what every request must show.
        names: how requests may call this machine.

    Raises:
        OSError: it cannot listen there.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        stock: Stock,
        *,
        token: str,
        names: frozenset[str],
        limits: Limits | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.stock = stock
        self.token = token
        self.names = names
        self.limits = limits or Limits()
        super().__init__(address, MirrorRequest)
        self.gate = Gate(self.limits)
        self.visitors = Visitors()
        self._thread = threading.Thread(target=self.serve_forever, name="mirror", daemon=True)

    def start(self) -> None:
        """Serve on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening; connections end with the process."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.gate.close()

    def state(self) -> MirrorState:
        """Who is here, and what was served since the start."""
        return self.visitors.state(self.gate.connections)

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the base class would."""
        socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name, self.server_port = str(host), int(port)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Let a connection in, or send it away with 429."""
        if self.gate.enter(client_address[0]):
            super().process_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.settimeout(0.2)
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection and count it out."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.gate.leave(client_address[0])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours."""
        del request
        log.debug("a connection from %s broke", client_address[0])


class MirrorRequest(BaseHTTPRequestHandler):
    """One connection."""

    server: MirrorServer
    protocol_version = "HTTP/1.1"
    server_version = "bancada"
    sys_version = ""

    def setup(self) -> None:
        """Start the clock: a request has to be complete in time, however slowly its bytes drip."""
        super().setup()
        self.connection.settimeout(self.server.limits.stall_s)
        self.server.gate.expect(self.connection, self.server.limits.header_s)

    def finish(self) -> None:
        """Stop the clock."""
        self.server.gate.arrived(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        """Answer with content."""
        self._serve()

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._serve()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class finds wrong with a request, in our form; the connection ends."""
        del explain
        self.close_connection = True
        self._refuse(code, message or HTTPStatus(code).phrase)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """To the worker's log; headers, where the token is, are never in it."""
        log.info("%s %s", self.client_address[0], (format % arguments)[:500])

    # -- inside

    def _serve(self) -> None:
        self.server.gate.arrived(self.connection)
        try:
            refusal = self._unwelcome()
            self.server.visitors.came(self._address, refused=int(refusal is not None))
            if refusal is not None:
                self.close_connection = True
                self._refuse(*refusal)
            else:
                self._answer()
        except BancadaError as error:
            log.warning("%s", error)
            status = (
                HTTPStatus.SERVICE_UNAVAILABLE if error.code in _SHUT else HTTPStatus.INTERNAL_SERVER_ERROR
            )
            self._refuse(status, error.code)
        if not self.close_connection:
            self.server.gate.expect(self.connection, self.server.limits.idle_s)

    def _unwelcome(self) -> tuple[int, str] | None:
        """Why a request is not looked at any further."""
        headers = self.headers
        if headers.get("Content-Length", "0").strip() != "0" or "Transfer-Encoding" in headers:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no content is taken"
        if len(self.path) > _MAX_TARGET:
            return HTTPStatus.REQUEST_URI_TOO_LONG, "the address is too long"
        if len(headers.get_all("Host", [])) != 1 or host_name(headers["Host"]) not in self.server.names:
            return HTTPStatus.FORBIDDEN, "unknown host name"
        if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return HTTPStatus.FORBIDDEN, "not for web pages"
        if not shows_token(headers.get("Authorization", ""), self.server.token):
            return HTTPStatus.UNAUTHORIZED, "the token is missing or wrong"
        return None

    def _answer(self) -> None:
        try:
            target = urlsplit(self.path)
            query = parse_qs(target.query, max_num_fields=20)
        except ValueError:
            self._refuse(HTTPStatus.BAD_REQUEST, "not an address")
            return
        path = target.path
        if path == "/api/models":
            shelf = self.server.stock.shelf()
            self._json(answers.hits(shelf, _one(query, "search"), _one(query, "limit")))
        elif found := _API.fullmatch(path):
            self._api(found, blobs=_one(query, "blobs").lower() in ("true", "1"))
        elif found := _FILE.fullmatch(path):
            self._file(found)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such address")

    def _api(self, found: re.Match[str], *, blobs: bool) -> None:
        place = self._find(found["repo"], found["revision"] or "main")
        if place is None:
            return
        repo, revision = place
        if found["verb"] == "tree":
            self._json(answers.tree(revision))
        else:
            self._json(answers.repository(repo, revision, blobs=blobs))

    def _file(self, found: re.Match[str]) -> None:
        place = self._find(found["repo"], found["revision"])
        if place is None:
            return
        file = place[1].files.get(unquote(found["path"]))
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such file", "EntryNotFound")
            return
        self._content(file, place[1].commit)

    def _find(self, repo: str, revision: str) -> tuple[ShelfRepo, Revision] | None:
        known = self.server.stock.shelf().get(unquote(repo))
        if known is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such repository", "RepoNotFound")
            return None
        at = known.revision(unquote(revision))
        if at is None:
            self._refuse(HTTPStatus.NOT_FOUND, "no such revision", "RevisionNotFound")
            return None
        return known, at

    def _content(self, file: ShelfFile, commit: str) -> None:
        etag = f'"{file.sha256}"'
        headers = {
            "ETag": etag,
            "X-Linked-Etag": etag,
            "X-Linked-Size": str(file.size_bytes),
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
        }
        wanted = self.headers.get("Range", "") if self.headers.get("If-Range", etag) == etag else ""
        span = _span(wanted, file.size_bytes)
        if span is None:
            headers["Content-Range"] = f"bytes */{file.size_bytes}"
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, headers)
            return
        start, count = span
        if _asks_for_part(wanted):
            headers["Content-Range"] = f"bytes {start}-{start + count - 1}/{file.size_bytes}"
            status = HTTPStatus.PARTIAL_CONTENT
        else:
            status = HTTPStatus.OK
        if file.content is not None:
            self._head(status, count, headers)
            if self.command == "GET":
                self.wfile.write(file.content[start : start + count])
            return
        with self.server.stock.open(file) as source:
            self._head(status, count, headers)
            if self.command == "GET" and count:
                self.wfile.flush()
                self._send(source, start, count)

    def _send(self, source: IO[bytes], start: int, count: int) -> None:
        """In blocks, so that the one who shares sees how far it is."""
        self.server.visitors.came(self._address, files=1)
        end = start + count
        while start < end:
            sent = self.connection.sendfile(source, start, min(_BLOCK, end - start))
            if not sent:
                break  # the file became shorter
            start += sent
            self.server.visitors.came(self._address, sent_bytes=sent)

    @property
    def _address(self) -> str:
        return str(self.client_address[0])

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self._head(HTTPStatus.OK, len(body), {"Content-Type": "application/json"})
        if self.command == "GET":
            self.wfile.write(body)

    def _refuse(self, status: int, message: str, code: str = "") -> None:
        body = json.dumps({"error": message}).encode()
        more = {"X-Error-Code": code, "X-Error-Message": message} if code else {}
        if status == HTTPStatus.UNAUTHORIZED:
            more["WWW-Authenticate"] = "Bearer"
        self._head(status, len(body), {"Content-Type": "application/json", **more})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _one(query: Mapping[str, list[str]], name: str) -> str:
    return query.get(name, [""])[0]


def _asks_for_part(wanted: str) -> bool:
    """Whether it is one range of bytes; everything else is answered with the whole file."""
    found = _RANGE.fullmatch(wanted)
    return found is not None and bool(found["first"] or found["last"])


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Start and length of what is asked for; None for a range outside the file (RFC 9110, 14.1.2)."""
    found = _RANGE.fullmatch(wanted)
    if found is None or not _asks_for_part(wanted):
        return 0, size
    if not found["first"]:
        count = min(int(found["last"]), size)
        return (size - count, count) if count else None
    start = int(found["first"])
    last = min(int(found["last"]), size - 1) if found["last"] else size - 1
    return (start, last - start + 1) if start < size and last >= start else None
