"""The one way to a hub: httpx with our rules. Redirects are followed by hand, so that a token stays home."""

from __future__ import annotations

import http.cookiejar
import json
import math
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urljoin

import httpx

from bancada import __version__
from bancada.catalog.hub.rules import HubRules, origin_of, split_url
from bancada.core.errors import BancadaError, Canceled
from bancada.core.seal import check_open, is_loopback

T = TypeVar("T")

MAX_JSON_BYTES: Final = 64 << 20
_MAX_HOPS: Final = 5
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_TRY_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)
#: what the hub says in X-Error-Code, else what the status says
_REASONS: Final = {
    "RevisionNotFound": "hub.revision_not_found",
    "GatedRepo": "hub.gated",
    "RepoNotFound": "hub.not_found",
    "EntryNotFound": "hub.not_found",
}
_STATUSES: Final = {403: "hub.gated", 404: "hub.not_found"}
_TICK_S: Final = 0.1
_CAUSES: Final = 8


class Setback(Exception):
    """Something that may pass: ``error`` is what is said when it does not.

    ``wait_s`` is how long the server asks us to stay away.
    """

    def __init__(self, error: BancadaError, wait_s: float | None = None) -> None:
        super().__init__(error.code)
        self.error = error
        self.wait_s = wait_s


class HubConnection:
    """Connections to one hub, for several threads.

    Args:
        rules: where it is and how it is reached.
        token: shown to the hub itself, and to no other server that it sends us to.
        should_stop: asked while waiting and between the pieces of an answer.

    Raises:
        BancadaError: ``hub.ca_file_invalid``.
    """

    def __init__(self, rules: HubRules, token: str | None, should_stop: Callable[[], bool]) -> None:
        self.rules = rules
        self.should_stop = should_stop
        self._token = token
        self._origin = origin_of(rules.endpoint)
        patience = rules.patience
        jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._client = httpx.Client(
            verify=_trust(rules.ca_file),
            proxy=rules.proxy or None,
            trust_env=False,
            cookies=jar,
            timeout=httpx.Timeout(patience.stall_s, connect=patience.connect_s, pool=None),
            headers={"User-Agent": f"bancada/{__version__}", "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get_json(self, path: str, params: Mapping[str, str | int]) -> Any:
        """Ask the hub's API.

        Raises:
            BancadaError: ``hub.*`` or ``network.*`` with the cause, after trying again where that may help.
            Canceled: ``should_stop`` said so.
        """
        url = str(httpx.URL(self.rules.endpoint + path, params=dict(params)))

        def ask() -> Any:
            with self.open(url, {"Accept": "application/json"}) as (_, response):
                return _read_json(response, self.should_stop)

        return self.persist(ask)

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[tuple[httpx.Response, httpx.Response]]:
        """GET an address of the hub: the hub's own first answer, and the one that has the content.

        These are the same unless it redirects. The content is read by the caller.

        Raises:
            BancadaError: what will not pass.
            Setback: what may.
        """
        first: httpx.Response | None = None
        for _ in range(_MAX_HOPS + 1):
            check_open(str(httpx.URL(url).host), sealed=self.rules.sealed)
            with _typed(url):
                response = self._client.send(self._request(url, headers), stream=True)
            try:
                first = first or response
                if response.status_code not in _REDIRECTS:
                    if response.status_code not in (200, 206, 416):
                        raise self._refusal(response, at_hub=response is first)
                    with _typed(url):
                        yield first, response
                    return
                url = self._next(url, response)
            finally:
                response.close()
        raise BancadaError("hub.bad_answer", host=_host(url), detail="it redirects without end")

    def persist(self, attempt: Callable[[], T], *, moved: Callable[[], int] = lambda: 0) -> T:
        """Make ``attempt`` until it succeeds or will not any more.

        Args:
            attempt: what raises Setback when it may be made again.
            moved: grows with what an attempt achieved; an attempt that achieved something is not counted.

        Raises:
            BancadaError: the last setback's, or what ``attempt`` raised.
            Canceled: ``should_stop`` said so.
        """
        patience = self.rules.patience
        tries, before = 0, moved()
        while True:
            try:
                return attempt()
            except Setback as setback:
                tries = 1 if moved() > before else tries + 1
                before = moved()
                wait = min(patience.longest_wait_s, patience.first_wait_s * 2 ** (tries - 1))
                wait = max(wait, setback.wait_s or 0.0)
                if tries >= patience.attempts or wait > patience.longest_retry_after_s:
                    raise setback.error from setback
            self._pause(wait)

    def check_stop(self) -> None:
        """Raise Canceled when it is to stop."""
        if self.should_stop():
            raise Canceled

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.should_stop():
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_TICK_S, left))
        raise Canceled

    def _request(self, url: str, headers: Mapping[str, str]) -> httpx.Request:
        own = {"Authorization": f"Bearer {self._token}"} if self._at_home(url) and self._token else {}
        return self._client.build_request("GET", url, headers={**headers, **own})

    def _at_home(self, url: str) -> bool:
        return origin_of(url) == self._origin

    def _next(self, url: str, response: httpx.Response) -> str:
        """Where a redirect leads, if we follow it there."""
        target = urljoin(url, str(response.headers.get("Location", "")))
        parts = split_url(target)
        if parts is None:
            raise BancadaError("hub.bad_answer", host=_host(url), detail="it redirects to no address")
        if not self._at_home(target):
            downgrade = url.startswith("https:") and parts.scheme != "https"
            inward = is_loopback(str(parts.hostname)) and not is_loopback(_host(self.rules.endpoint))
            if downgrade or inward:
                raise BancadaError("hub.redirect_refused", host=_host(url), target=_host(target))
        return target

    def _refusal(self, response: httpx.Response, *, at_hub: bool) -> BancadaError | Setback:
        status, host = response.status_code, _host(str(response.url))
        if status in _TRY_AGAIN:
            wait = _retry_after(response.headers.get("Retry-After", ""))
            error = BancadaError("hub.unavailable", host=host, status=status, wait=math.ceil(wait or 0))
            return Setback(error, wait)
        if not at_hub and status in (401, 403, 404, 410):
            # a signed address that ran out: the hub gives a new one
            return Setback(BancadaError("hub.bad_answer", host=host, detail=f"status {status}"))
        if status == 407:
            return BancadaError("network.proxy_refused", detail="it asks for a password")
        reason = response.headers.get("X-Error-Code", "")
        code = _REASONS.get(reason) or (_STATUSES.get(status) if not reason else None)
        if code is None and status in (401, 403):
            code = "hub.token_refused"
        if code is None:
            return BancadaError("hub.bad_answer", host=host, detail=f"status {status}")
        return BancadaError(code, host=host, url=_bare(response.url))


def _trust(ca_file: str) -> ssl.SSLContext:
    """The certificate authorities that come with the program, those of the system, and the user's file."""
    if not ca_file:
        return _usual_trust()
    context = _usual_trust.__wrapped__()
    try:
        context.load_verify_locations(cafile=str(Path(ca_file).expanduser()))
    except (OSError, ValueError) as error:
        raise BancadaError("hub.ca_file_invalid", path=ca_file[:300], detail=str(error)[:200]) from error
    return context


@cache
def _usual_trust() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


@contextmanager
def _typed(url: str) -> Iterator[None]:
    """Turn what httpx raises into our errors; what may pass into a Setback."""
    host = _host(url)
    try:
        yield
    except httpx.ProxyError as error:
        raise BancadaError("network.proxy_refused", detail=str(error)[:200]) from error
    except httpx.TimeoutException as error:
        raise Setback(BancadaError("network.stalled", host=host)) from error
    except (httpx.TransportError, httpx.StreamError) as error:
        certificate = _certificate_error(error)
        if certificate is not None:
            raise BancadaError("network.certificate", host=host, detail=certificate) from error
        raise Setback(
            BancadaError("network.unreachable", host=host, detail=str(error)[:200] or "no answer")
        ) from error
    except httpx.InvalidURL as error:
        raise BancadaError("hub.bad_answer", host=host, detail="it names no valid address") from error


def _certificate_error(error: BaseException | None) -> str | None:
    for _ in range(_CAUSES):
        if error is None:
            return None
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message[:200]
        error = error.__cause__ or error.__context__
    return None


def _read_json(response: httpx.Response, should_stop: Callable[[], bool]) -> Any:
    host = _host(str(response.url))
    content = bytearray()
    for chunk in response.iter_raw():
        if should_stop():
            raise Canceled
        content += chunk
        if len(content) > MAX_JSON_BYTES:
            raise BancadaError("hub.bad_answer", host=host, detail="its answer has no end")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BancadaError("hub.bad_answer", host=host, detail="its answer is no JSON") from error


def _retry_after(value: str) -> float | None:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); None where it says nothing usable."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _host(url: str) -> str:
    parts = split_url(url)
    return str(parts.hostname)[:200] if parts else ""


def _bare(url: httpx.URL) -> str:
    """An address without its query, which may carry signatures."""
    return str(url.copy_with(query=None, fragment=None))[:300]
