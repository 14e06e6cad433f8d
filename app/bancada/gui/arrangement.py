"""How a person arranged a page, kept over restarts: splitters, folded panes, columns and filters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QSplitter

from bancada.gui.folding import Folding
from bancada.gui.shell import Shell
from bancada.gui.widgets.table import Table

#: after the last change, so that dragging a splitter writes once
_SETTLE_MS: Final = 800


class Arrangement(QObject):
    """Brings back what was kept for a page, and keeps every change; a value that does not fit is left out.

    Args:
        shell: whose workspace keeps it, in the page's setting ``window.<page>``.
        page: the page's id.
        splitters, tables: the parts by a name that stays.
        folding: the panes that can be folded.
    """

    def __init__(
        self,
        shell: Shell,
        page: str,
        parent: QObject,
        *,
        splitters: Mapping[str, QSplitter] | None = None,
        tables: Mapping[str, Table] | None = None,
        folding: Folding | None = None,
    ) -> None:
        super().__init__(parent)
        self._shell, self._key = shell, f"window.{page}"
        self._splitters, self._tables, self._folding = splitters or {}, tables or {}, folding
        self._settle = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settle.timeout.connect(self.keep)
        self._restore(shell.context.settings.get(self._key))
        self._kept = self._now()
        for splitter in self._splitters.values():
            splitter.splitterMoved.connect(self.note)
        for table in self._tables.values():
            table.arranged.connect(self.note)
        if folding is not None:
            folding.changed.connect(self.note)

    def note(self) -> None:
        """Something was arranged: keep it soon."""
        self._settle.start()

    def keep(self) -> None:
        """Keep what is shown now."""
        self._settle.stop()
        context, key, found = self._shell.context, self._key, self._now()
        if found == self._kept or context.database.read_only:
            return
        self._kept = found
        write = partial(context.settings.set, key, json.dumps(found))
        self._shell.background.run(write, lambda _: None, owner=self)

    def flush(self) -> None:
        """Keep at once what has not settled."""
        if self._settle.isActive():
            self.keep()

    def _now(self) -> dict[str, Any]:
        return {
            "splitters": {name: one.sizes() for name, one in self._splitters.items()},
            "tables": {name: one.arrangement() for name, one in self._tables.items()},
            "folded": self._folding.folded if self._folding is not None else [],
        }

    def _restore(self, text: str) -> None:
        try:
            kept = json.loads(text)
        except (ValueError, RecursionError):
            return
        if not isinstance(kept, dict):
            return
        for name, sizes in _member(kept, "splitters").items():
            splitter = self._splitters.get(name)
            fits = isinstance(sizes, list) and all(type(one) is int and one >= 0 for one in sizes)
            if splitter is not None and fits and len(sizes) == splitter.count() and any(sizes):
                splitter.setSizes(sizes)
        for name, arranged in _member(kept, "tables").items():
            if name in self._tables and isinstance(arranged, dict):
                self._tables[name].arrange(arranged)
        folded = kept.get("folded")
        if isinstance(folded, list) and self._folding is not None:
            self._folding.fold([str(one) for one in folded])


def _member(kept: dict[str, Any], name: str) -> dict[str, Any]:
    found = kept.get(name)
    return found if isinstance(found, dict) else {}
