"""Tokens: kept in the operating system's keyring, one for each server, and nowhere else.

For machines without a keyring (servers, scheduled work) an environment variable takes its place.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Final

import keyring
from keyring.errors import KeyringError

from bancada.catalog.hub.rules import origin_of
from bancada.core.errors import BancadaError

HUB_VARIABLE: Final = "BANCADA_HUB_TOKEN"
MIRROR_VARIABLE: Final = "BANCADA_MIRROR_TOKEN"
MAX_TOKEN: Final = 1_000
_SERVICE: Final = "bancada"
_MIRROR_USER: Final = "mirror"


def hub_token(endpoint: str) -> str | None:
    """The token for a hub, or None; the one of another server is never taken."""
    given = os.environ.get(HUB_VARIABLE)
    return given or _recall(_hub_user(endpoint))


def store_hub_token(endpoint: str, token: str) -> None:
    """Keep the token for a hub.

    Raises:
        BancadaError: ``hub.token_invalid`` for what cannot be one; ``hub.no_keyring``.
    """
    if not token or len(token) > MAX_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise BancadaError("hub.token_invalid")
    try:
        keyring.set_password(_SERVICE, _hub_user(endpoint), token)
    except KeyringError as error:
        raise BancadaError("hub.no_keyring", detail=str(error)[:200], variable=HUB_VARIABLE) from error


def forget_hub_token(endpoint: str) -> bool:
    """Remove the token for a hub; whether there was one."""
    try:
        keyring.delete_password(_SERVICE, _hub_user(endpoint))
    except KeyringError:
        return False
    return True


def mirror_token() -> str:
    """The token that the clients of this machine's mirror must show; made at the first use.

    Without a keyring it is made anew at each start.
    """
    known = os.environ.get(MIRROR_VARIABLE) or _recall(_MIRROR_USER)
    if known:
        return known
    token = secrets.token_urlsafe(24)
    with suppress(KeyringError):
        keyring.set_password(_SERVICE, _MIRROR_USER, token)
    return token


def _hub_user(endpoint: str) -> str:
    return f"hub {origin_of(endpoint)}"


def _recall(user: str) -> str | None:
    try:
        return keyring.get_password(_SERVICE, user)
    except KeyringError:
        return None
