"""What one may want to do next."""

from __future__ import annotations

from bancada.gui.pages.home.facts import Facts
from bancada.gui.shell import Shell
from bancada.gui.theme.theme import Theme
from bancada.gui.widgets.basics import (
    Card,
    PlainButton,
)


class RowButton(PlainButton):
    """An icon and a text in a line of a card."""

    def __init__(self, theme: Theme, icon: str, text: str) -> None:
        super().__init__(f" {text}", "row")
        self.setAccessibleName(text)
        self._theme, self._icon = theme, icon
        self.setMinimumHeight(theme.px(32))
        theme.changed.connect(self._tint)
        self._tint()

    def _tint(self) -> None:
        self.setIcon(self._theme.icon(self._icon, "muted"))


class NextCard(Card):
    """A few things worth doing, the most useful first."""

    def __init__(self, shell: Shell) -> None:
        super().__init__("")
        self.title.set_title(self.tr("What to do next"))
        self.title.show()
        self.body.setSpacing(0)
        self._compare = self._add(
            shell, "columns", self.tr("Ask two models the same question"), "playground", side_by_side=True
        )
        self._add(shell, "cube", self.tr("Import a model from this computer"), "models", choose_import=True)
        self._measure = self._add(shell, "gauge", self.tr("Measure a model on this machine"), "benchmark")
        self._add(shell, "list", self.tr("See what ran and how it ended"), "jobs")
        self.body.addStretch(1)

    def show_facts(self, facts: Facts) -> None:
        self._compare.setVisible(len(facts.versions) > 1)
        self._measure.setVisible(bool(facts.versions))

    def _add(self, shell: Shell, icon: str, text: str, page: str, **arguments: object) -> PlainButton:
        button = RowButton(shell.theme, icon, text)
        button.clicked.connect(lambda: shell.navigate(page, **arguments))
        self.body.addWidget(button)
        return button
