"""``bancada hub``: search, show, login, logout."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bancada.catalog.hub import credentials
from bancada.catalog.hub.browser import HubBrowser, RepoView
from bancada.catalog.hub.needs import Weighing, verdict
from bancada.catalog.hub.records import RepoSummary
from bancada.catalog.hub.rules import split_url
from bancada.cli import leftovers, text
from bancada.cli.command import DONE, Invocation, Nouns, clean, whole
from bancada.context import AppContext
from bancada.core.errors import BancadaError, describe
from bancada.core.hardware import available_memory
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode

_STATES: Final = {"chosen": "to fetch", "stored": "in the library", "left": "", "refused": "refused"}
_VERDICTS: Final = {"fits": "fits", "tight": "tight", "large": "too large"}
_MAX_LINE: Final = 4_096


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("hub", "models on a hub or an office mirror (setting hub.endpoint)")
    parser = verbs.verb("search", "search for models by name", _search)
    parser.add_argument("text", type=clean, metavar="TEXT", help="a part of the name")
    parser.add_argument(
        "--limit", type=whole(1, 100), default=20, metavar="N", help="hits at most (default: 20)"
    )
    parser = verbs.verb("show", "show a repository's files, and what a download would take", _show)
    add_repo(parser)
    parser.add_argument(
        "--memory",
        action="store_true",
        help="say what each model would take of the memory; reads the head of one file (a few MB)",
    )
    verbs.verb("login", "keep the token for the hub in the system's keyring; it is read from stdin", _login)
    verbs.verb("logout", "forget the token for the hub", _logout)
    leftovers.add(verbs)


def add_repo(parser: argparse.ArgumentParser) -> None:
    """The arguments that name a repository and files in it."""
    parser.add_argument("repo", type=clean, metavar="REPO", help="owner/name")
    parser.add_argument(
        "--revision", type=clean, default="main", metavar="R", help="branch, tag or commit (default: main)"
    )
    parser.add_argument(
        "--file",
        type=clean,
        action="append",
        default=[],
        metavar="GLOB",
        help="which files, for example '*Q4_K_M.gguf'; may be repeated",
    )


@contextmanager
def browsing(context: AppContext) -> Iterator[HubBrowser]:
    """A browser that ends with its use."""
    browser = HubBrowser(context.sessions, context.database)
    try:
        yield browser
    finally:
        browser.close()


def _search(invocation: Invocation) -> int:
    with invocation.workspace() as context, browsing(context) as browser:
        hits = browser.search(invocation.options.text, invocation.options.limit)
    console = invocation.console
    console.document(list(hits))
    if not hits:
        console.say("Nothing was found.")
        return DONE
    console.table(
        ("Repository", "Downloads", "Licence", "Task", "Updated", ""), [_row(one) for one in hits], right=(1,)
    )
    return DONE


def _row(hit: RepoSummary) -> tuple[str, ...]:
    gated = "gated" if hit.gated else ""
    return hit.repo, f"{hit.downloads:,}", hit.license, hit.task, hit.updated_at[:10], gated


def _show(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context, browsing(context) as browser:
        view = browser.show(options.repo, options.revision, tuple(options.file))
        weighing = None
        if options.memory:
            tokens = int(context.settings.get("chat.context"))
            weighing = browser.weigh(options.repo, view.info.commit, tokens)
    invocation.console.document(view if weighing is None else {**encode(view), "memory": encode(weighing)})
    _describe(invocation, view, weighing)
    return DONE


def _describe(invocation: Invocation, view: RepoView, weighing: Weighing | None) -> None:
    console, info = invocation.console, view.info
    console.heading(text.printable(info.repo))
    pairs = [("Revision", f"{info.requested}: {info.commit}"), ("Licence", info.license or "not stated")]
    pairs += [("Made from", info.base_model)] if info.base_model else []
    pairs += [("Gated", "yes: a token and the owner's consent are needed")] if info.gated else []
    console.pairs([(name, text.printable(value)) for name, value in pairs])
    needs = _memory_words(weighing)
    rows = [
        (
            text.printable(one.path),
            bytes_text(one.size_bytes),
            one.quantization or one.kind,
            _STATES[one.state],
            *([needs.get(one.path, "")] if needs else []),
        )
        for one in view.files
    ]
    heads = ("File", "Size", "Kind", "", *(["Memory"] if needs else []))
    console.table(heads, rows or [("none", *[""] * (len(heads) - 1))], right=(1,))
    if view.error is not None:
        words = describe(view.error.code, view.error.params)
        console.say(text.printable(f"{words.what} {words.remedy}"))
        return
    console.say(
        f"A download takes {bytes_text(view.total_bytes)}, of which {bytes_text(view.need_bytes)} are to be"
        f" fetched; {bytes_text(view.free_bytes)} are free."
    )


def _memory_words(weighing: Weighing | None) -> dict[str, str]:
    if weighing is None:
        return {}
    free, least = available_memory(), "" if weighing.exact else "at least "
    return {
        one.path: f"{_VERDICTS[verdict(one.need_bytes, free)]}: {least}{bytes_text(one.need_bytes)}"
        for one in weighing.needs
    }


def _login(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        endpoint = str(context.settings.get("hub.endpoint"))
    if split_url(endpoint) is None:
        raise BancadaError("hub.endpoint_invalid", endpoint=endpoint[:200])
    if sys.stdin.isatty():
        token = getpass.getpass(f"Token for {endpoint} (it is not shown): ")
    else:
        token = sys.stdin.readline(_MAX_LINE)
    credentials.store_hub_token(endpoint, token.strip())
    invocation.console.document({"endpoint": endpoint, "stored": True})
    invocation.console.say(f"The token for {endpoint} is in the keyring.")
    return DONE


def _logout(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        endpoint = str(context.settings.get("hub.endpoint"))
    removed = credentials.forget_hub_token(endpoint)
    invocation.console.document({"endpoint": endpoint, "removed": removed})
    words = "was forgotten" if removed else "is not in the keyring"
    invocation.console.say(f"The token for {endpoint} {words}.")
    return DONE
