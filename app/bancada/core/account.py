"""Who sits at this machine, as the system knows them."""

from __future__ import annotations

import getpass


def account_name() -> str:
    """The name of the user's account, ``unknown`` where the system does not say it."""
    try:
        return getpass.getuser() or "unknown"
    except (OSError, KeyError, ImportError):  # a user without an entry, as in some containers
        return "unknown"
