"""A real HTTP server that speaks the hub's API, and misbehaves when it is told to."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_BLOCK = 64 << 10


@dataclass
class Content:
    """One file. ``told`` is what the API says of it, where that is to differ from the truth."""

    data: bytes | Path
    lfs: bool = True
    etag: str = ""
    told_sha256: str = ""
    no_hash: bool = False

    @property
    def size(self) -> int:
        return len(self.data) if isinstance(self.data, bytes) else self.data.stat().st_size

    def read(self, start: int, count: int) -> bytes:
        if isinstance(self.data, bytes):
            return self.data[start : start + count]
        with self.data.open("rb") as file:
            file.seek(start)
            return file.read(count)

    def sha256(self) -> str:
        if self.told_sha256:
            return self.told_sha256
        if isinstance(self.data, bytes):
            return hashlib.sha256(self.data).hexdigest()
        with self.data.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def oid(self) -> str:
        data = self.data if isinstance(self.data, bytes) else self.data.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Fault:
    """What goes wrong with a file; ``times``: with how many requests."""

    times: int = 1
    no_range: bool = False  # the whole file, whatever part is asked for
    status: int = 0
    retry_after: str = ""
    cut_after: int = -1  # the connection breaks
    short_length: int = -1  # fewer bytes, and a header that says so
    longer: bytes = b""  # more bytes than there are, without a length
    flip_at: int = -1  # one byte differs
    stall_after: int = -1
    redirect: str = ""  # to another server, "{path}" is replaced
    wrong_range: bool = False
    encoding: str = ""
    error_code: str = ""


@dataclass
class Seen:
    """A request for a file, as it came and as it was answered."""

    path: str
    start: int
    headers: dict[str, str]
    sent: int = 0
    status: int = 0


@dataclass
class Repo:
    files: dict[str, Content]
    commit: str
    card: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


class HubServer(ThreadingHTTPServer):
    """Its repositories, faults and memory may be changed at any time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.repos: dict[str, Repo] = {}
        self.faults: dict[str, list[Fault]] = defaultdict(list)
        self.seen: list[Seen] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.token = ""
        self.bytes_per_s = 0
        self.on_disk: Callable[[], int] = lambda: 0  # what the client has written
        self.ahead = 1 << 50  # how far beyond that is sent
        self.always: dict[str, Any] = {}  # API path -> raw answer (bytes) or JSON value
        self.no_linked_headers = False
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, repo: str, files: dict[str, Content | bytes | Path], **more: Any) -> Repo:
        contents = {
            path: one
            if isinstance(one, Content)
            else Content(one, lfs=not path.endswith((".json", ".md", ".txt")))
            for path, one in files.items()
        }
        text = repo + "".join(f"{path}{one.size}" for path, one in contents.items())
        commit = more.pop("commit", hashlib.sha1(text.encode()).hexdigest())
        card = more.pop("card", {"license": "apache-2.0"})
        self.repos[repo] = made = Repo(contents, commit, card, more)
        return made

    def fetched(self, path: str) -> list[Seen]:
        """The requests for a file so far."""
        with self.lock:
            return [one for one in self.seen if one.path == path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed all the time."""


class _Request(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        server = self.server
        target = urlsplit(self.path)
        server.asked.append((self.path, dict(self.headers)))
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._error(401, "GatedRepo")
        elif target.path in server.always:
            self._json(server.always[target.path])
        elif target.path == "/api/models":
            self._search(parse_qs(target.query))
        elif target.path.startswith("/api/models/"):
            self._repo(target.path.removeprefix("/api/models/"))
        elif "/resolve/" in target.path:
            repo, _, rest = target.path[1:].partition("/resolve/")
            self._file(repo, *rest.split("/", 1))
        else:
            self._error(404)

    def _search(self, query: dict[str, list[str]]) -> None:
        text = query.get("search", [""])[0].lower()
        limit = int(query["limit"][0])
        hits = [
            {"id": name, "downloads": 7, "likes": 3, "tags": ["gguf", "license:mit"], "private": False}
            for name in self.server.repos
            if text in name.lower()
        ]
        self._json(hits[:limit])

    def _repo(self, path: str) -> None:
        name, _, revision = path.partition("/revision/")
        repo = self.server.repos.get(name)
        if repo is None:
            self._error(404, "RepoNotFound")
            return
        if unquote(revision) not in ("", "main", repo.commit):
            self._error(404, "RevisionNotFound")
            return
        self._json(
            {
                "id": name,
                "sha": repo.commit,
                "cardData": repo.card,
                "tags": ["gguf"],
                "lastModified": "2026-01-02T03:04:05.000Z",
                "siblings": [self._sibling(path, one) for path, one in repo.files.items()],
                **repo.more,
            }
        )

    def _sibling(self, path: str, content: Content) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": path, "size": content.size}
        if content.no_hash:
            return entry
        if content.lfs:
            entry["blobId"] = "0" * 40
            entry["lfs"] = {"sha256": content.sha256(), "size": content.size, "pointerSize": 130}
        else:
            entry["blobId"] = content.oid()
        return entry

    def _file(self, repo_name: str, revision: str, path: str) -> None:
        server = self.server
        repo, path = server.repos.get(repo_name), unquote(path)
        if repo is None or revision not in ("main", repo.commit) or path not in repo.files:
            self._error(404, "EntryNotFound")
            return
        content = repo.files[path]
        fault = self._fault(path)
        asked = self.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first or 0), min(int(last) + 1, content.size) if last else content.size
        seen = Seen(path, start, dict(self.headers))
        with server.lock:
            server.seen.append(seen)
        etag = content.etag or (content.sha256() if content.lfs else content.oid())
        self._etag = f'"{etag}"'
        if fault.status or fault.redirect:
            seen.status = fault.status or 302
            self._turn_away(fault, path)
            return
        if self.headers.get("If-Range", self._etag) != self._etag or fault.no_range:
            start = 0
        whole = not asked or fault.no_range or (start == 0 and first != "0")
        if not whole and start >= content.size:
            self._error(416)
            return
        seen.status = 200 if whole else 206
        end = content.size if whole else end
        self._headers(content, fault, start, end, whole=whole)
        if self.command == "GET":
            self._body(content, fault, start, end, seen)

    def _turn_away(self, fault: Fault, path: str) -> None:
        if fault.redirect:
            self.send_response(302)
            self.send_header("Location", fault.redirect.replace("{path}", self.path))
            self.send_header("X-Linked-Etag", self._etag)
            self.send_header("Set-Cookie", "session=secret")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._error(fault.status, fault.error_code, fault.retry_after)

    def _headers(self, content: Content, fault: Fault, start: int, end: int, *, whole: bool) -> None:
        self.send_response(200 if whole else 206)
        self.send_header("ETag", self._etag)
        if fault.encoding:
            self.send_header("Content-Encoding", fault.encoding)
        if not whole:
            first = start + 1 if fault.wrong_range else start
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{content.size}")
        if fault.longer:
            self.close_connection = True
        else:
            length = end - start if fault.short_length < 0 else fault.short_length
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _body(self, content: Content, fault: Fault, start: int, end: int, seen: Seen) -> None:
        end = end if fault.short_length < 0 else start + fault.short_length
        at, begun = start, time.monotonic()
        while at < end:
            if not self._keeps_up(at):
                self.close_connection = True
                return
            block = bytearray(content.read(at, min(_BLOCK, end - at)))
            if at <= fault.flip_at < at + len(block):
                block[fault.flip_at - at] ^= 1
            for limit in (fault.cut_after, fault.stall_after):
                if limit >= 0 and seen.sent + len(block) > limit:
                    del block[limit - seen.sent :]
            self.wfile.write(block)
            at += len(block)
            seen.sent += len(block)
            if fault.cut_after >= 0 and seen.sent >= fault.cut_after:
                self.close_connection = True
                return
            if fault.stall_after >= 0 and seen.sent >= fault.stall_after:
                time.sleep(3)
                self.close_connection = True
                return
            if self.server.bytes_per_s:
                time.sleep(max(0.0, begun + (at - start) / self.server.bytes_per_s - time.monotonic()))
        if fault.longer:
            self.wfile.write(fault.longer)

    def _keeps_up(self, at: int) -> bool:
        """Wait for the client's disk: a client that holds back more than it may never gets on."""
        until = time.monotonic() + 20
        while at - self.server.on_disk() > self.server.ahead:
            if time.monotonic() > until:
                return False
            time.sleep(0.002)
        return True

    def _fault(self, path: str) -> Fault:
        with self.server.lock:
            waiting = self.server.faults[path]
            if not waiting or self.command == "HEAD":
                return Fault()
            fault = waiting[0]
            fault.times -= 1
            if fault.times <= 0:
                waiting.pop(0)
            return fault

    def _json(self, value: Any) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self, status: int, code: str = "", retry_after: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if retry_after:
            self.send_header("Retry-After", retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """A server on a free port of this machine."""
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            server.shutdown()
        thread.join()
        server.server_close()


def _header(size: int) -> bytes:
    header = json.dumps({"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header


def safetensors(size: int, *, seed: int = 0) -> bytes:
    """A safetensors file with one tensor of ``size`` bytes."""
    return _header(size) + (hashlib.sha256(bytes([seed])).digest() * (size // 32 + 1))[:size]


def sparse_safetensors(path: Path, size: int) -> Path:
    """The same on the disk, mostly of holes: every megabyte begins with other bytes."""
    start = _header(size)
    with path.open("wb") as file:
        file.write(start)
        for at in range(0, size - 32, 1 << 20):
            file.seek(len(start) + at)
            file.write(hashlib.sha256(b"%d" % at).digest())
        file.truncate(len(start) + size)
    return path


CONFIG = json.dumps(
    {
        "model_type": "llama",
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "max_position_embeddings": 512,
        "vocab_size": 300,
    }
).encode()
