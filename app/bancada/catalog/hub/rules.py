"""What the settings say about the way to a hub, read once for each piece of work."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bancada.core.errors import BancadaError
from bancada.core.seal import check_open
from bancada.storage import settings
from bancada.storage.connection import Database

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may keep us waiting, in seconds, and how often we come back."""

    connect_s: float = 15.0
    stall_s: float = 30.0
    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    #: a server that asks for more than this is not waited for
    longest_retry_after_s: float = 300.0


@dataclass(frozen=True, slots=True)
class HubRules:
    """Where the hub is and how it is reached. ``bytes_per_s`` 0: no limit."""

    endpoint: str
    sealed: bool = True
    proxy: str = ""
    ca_file: str = ""
    bytes_per_s: int = 0
    parallel_files: int = 3
    patience: Patience = field(default_factory=Patience)


def read_rules(database: Database) -> HubRules:
    """The rules that hold now.

    Raises:
        BancadaError: ``hub.endpoint_invalid`` or ``hub.proxy_invalid``; ``network.sealed`` when the
            endpoint is another machine and nothing may leave this one.
    """
    endpoint = check_endpoint(str(settings.get(database, "hub.endpoint")))
    proxy = check_proxy(str(settings.get(database, "hub.proxy")))
    sealed = bool(settings.get(database, "network.sealed"))
    check_open(host_of(endpoint), sealed=sealed)
    return HubRules(
        endpoint=endpoint,
        sealed=sealed,
        proxy=proxy,
        ca_file=str(settings.get(database, "hub.ca_file")).strip(),
        bytes_per_s=1000 * int(settings.get(database, "hub.bandwidth_kb_per_s")),
        parallel_files=int(settings.get(database, "hub.parallel_files")),
    )


def check_endpoint(endpoint: str) -> str:
    """The address of a hub as it is used; raises BancadaError ``hub.endpoint_invalid``."""
    endpoint = endpoint.strip(" ").rstrip("/")
    parts = split_url(endpoint)
    if parts is None or parts.username or parts.query or parts.fragment:
        raise BancadaError("hub.endpoint_invalid", endpoint=endpoint[:200])
    return endpoint


def check_proxy(proxy: str) -> str:
    """The address of a proxy as it is used, "" for none; raises BancadaError ``hub.proxy_invalid``."""
    proxy = proxy.strip(" ")
    if proxy:
        parts = split_url(proxy)
        # a password in a setting would be readable by everybody and stand in the audit log
        if parts is None or parts.username or parts.path.strip("/"):
            raise BancadaError("hub.proxy_invalid", proxy=proxy.rpartition("@")[2][:200])
    return proxy


def check_ca_file(path: str) -> str:
    """A file of certificate authorities, "" for none; raises BancadaError ``hub.ca_file_invalid``."""
    path = path.strip()
    if path:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cafile=str(Path(path).expanduser()))
        except (OSError, ValueError) as error:
            raise BancadaError("hub.ca_file_invalid", path=path[:300], detail=str(error)[:200]) from error
    return path


def host_of(endpoint: str) -> str:
    """The name of the machine in an address, "" for what is no address."""
    parts = split_url(endpoint)
    return str(parts.hostname) if parts else ""


def split_url(url: str) -> SplitResult | None:
    """The parts of an absolute http or https address, or None where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    good = parts.scheme in _PORTS and parts.hostname and port != 0 and url.isprintable() and " " not in url
    return parts if good else None


def origin_of(url: str) -> str:
    """``scheme://host:port`` of an address: what a token belongs to; "" for what is no address."""
    parts = split_url(url)
    if parts is None:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
