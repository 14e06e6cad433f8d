"""Settings: every change takes effect at once, and says beside itself when it cannot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QHBoxLayout,
    QRadioButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from bancada.core.settings import SETTINGS
from bancada.gui.pages.about import AboutCard
from bancada.gui.pages.network_card import NetworkCard
from bancada.gui.pages.page import Page
from bancada.gui.pages.setting_rows import add_setting, say_error
from bancada.gui.pages.sharing_card import SharingCard
from bancada.gui.shell import Shell
from bancada.gui.widgets.basics import GRID, Card, IconLabel, Label, NumberBox, PlainButton
from bancada.gui.widgets.card_columns import CardColumns
from bancada.gui.widgets.format import bytes_text, number, when_text
from bancada.storage import backup

_SMALLEST_PERCENT, _LARGEST_PERCENT = 80, 200


class SettingsPage(Page):
    """Cards of settings, two columns wide where there is room."""

    kinds: ClassVar[frozenset[str]] = frozenset(("setting",))

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self.errors: dict[str, Label] = {}
        self.about = AboutCard(shell)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self.network_card = NetworkCard(shell)
        self.sharing = SharingCard(shell)
        self._columns = CardColumns(
            [Label(self.tr("Settings"), "title")],
            [self._appearance(), self._models(), self._jobs(), self.network_card],
            [self._privacy(), self.sharing, self._data(), self.about],
        )
        outer.addWidget(self._columns)
        self.errors |= self.network_card.errors
        shell.theme.changed.connect(self._show_theme)
        shell.settings.written.connect(self._say)

    def opened(self, **arguments: object) -> None:
        """``setting`` brings a setting of the network, or ``sharing``, into sight and gives it the focus."""
        key = str(arguments.get("setting") or "")
        control = self.sharing.start_button if key == "sharing" else self.network_card.control(key)
        if control is not None:
            if not control.isVisibleTo(self):
                control = self.sharing.stop_button
            # once the page has its size
            QTimer.singleShot(0, self, partial(self._bring, control))

    def refresh(self) -> None:
        """Show what is stored, also when the command line changed it."""
        # what is chosen but not written yet must not be taken back by what is stored
        get = self.shell.settings.value
        for widget, value in (
            (self.link, get("models.link_on_import")),
            (self.memory_check, get("jobs.memory_check")),
        ):
            _quietly(widget, partial(widget.setChecked, value))
        _quietly(self.idle, partial(self.idle.setValue, get("chat.idle_minutes")))
        _quietly(self.context_tokens, partial(self.context_tokens.setValue, get("chat.context")))
        self.network_card.refresh()
        self._show_theme()
        self._show_network(sealed=get("network.sealed"))
        home = self.shell.context.home
        self.shell.background.run(lambda: backup.list_backups(home), self._show_backups, owner=self)

    def _bring(self, control: QWidget) -> None:
        self._columns.ensureWidgetVisible(control, 0, 200)
        control.setFocus(Qt.FocusReason.OtherFocusReason)

    def store(self, key: str, value: Any) -> None:
        """Store soon, after what was asked for before; an error appears under the setting."""
        self.shell.settings.store(key, value)

    # -- the cards

    def _appearance(self) -> Card:
        card = Card(self.tr("Appearance"))
        row = QHBoxLayout()
        row.setSpacing(GRID)
        self.themes = QButtonGroup(self)
        self._choices: dict[str, QRadioButton] = {}
        for name, text in (
            ("system", self.tr("Like the desktop")),
            ("light", self.tr("Light")),
            ("dark", self.tr("Dark")),
            ("contrast", self.tr("High contrast")),
        ):
            choice = QRadioButton(text)
            choice.clicked.connect(partial(self._choose_theme, name))
            self.themes.addButton(choice)
            self._choices[name] = choice
            row.addWidget(choice)
        row.addStretch(1)
        self._add(card, self.tr("Theme"), row, "appearance.theme")
        sizes = QHBoxLayout()
        sizes.setSpacing(12)
        self.scale = QSlider(Qt.Orientation.Horizontal)
        self.scale.setRange(_SMALLEST_PERCENT, _LARGEST_PERCENT)
        self.scale.setSingleStep(5)
        self.scale.setPageStep(10)
        self.scale.setAccessibleName(self.tr("Size of text, percent"))
        self.scale_text = Label("", "mono")
        self.scale_text.setMinimumWidth(48)
        self.scale_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.scale.valueChanged.connect(self._scale_moved)
        self.scale.sliderReleased.connect(self._choose_scale)
        sizes.addWidget(self.scale, 1)
        sizes.addWidget(self.scale_text)
        self._add(card, self.tr("Size of text"), sizes, "appearance.scale")
        return card

    def _models(self) -> Card:
        card = Card(self.tr("Models"))
        self.link = QCheckBox(self.tr("Import by link where possible"))
        self.link.toggled.connect(partial(self.store, "models.link_on_import"))
        note = self.tr(
            "A linked model takes no space twice. Changing the original file damages it; a copy is safe."
        )
        self._add(card, "", self.link, "models.link_on_import", note)
        self.idle = self._spin("chat.idle_minutes", self.tr(" min"), self.tr("Close an unused model after"))
        self.idle.setSpecialValueText(self.tr("never"))
        self._add(card, self.tr("Close an unused model after"), self.idle, "chat.idle_minutes")
        self.context_tokens = self._spin(
            "chat.context", self.tr(" tokens"), self.tr("Context of a new session")
        )
        self.context_tokens.setSingleStep(512)
        note = self.tr("More context takes more memory. A model never gets more than it was made for.")
        self._add(card, self.tr("Context of a new session"), self.context_tokens, "chat.context", note)
        return card

    def _jobs(self) -> Card:
        card = Card(self.tr("Jobs"))
        self.memory_check = QCheckBox(self.tr("Compare a job's memory with what is free before it starts"))
        self.memory_check.toggled.connect(partial(self.store, "jobs.memory_check"))
        note = self.tr("A job that would not fit says so, and can still be started on your word.")
        self._add(card, "", self.memory_check, "jobs.memory_check", note)
        return card

    def _privacy(self) -> Card:
        card = Card(self.tr("Privacy and network"))
        row = QHBoxLayout()
        row.setSpacing(12)
        self._lock = IconLabel(self.shell.theme, "lock", "good", 22)
        row.addWidget(self._lock, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        self.network, self._network_words = Label("", "strong"), Label("", "muted", wrap=True)
        words.addWidget(self.network)
        words.addWidget(self._network_words)
        row.addLayout(words, 1)
        card.body.addLayout(row)
        return card

    def _show_network(self, *, sealed: bool) -> None:
        self._lock.set_icon("lock" if sealed else "lock-open", "good" if sealed else "warn")
        self.network.setText(self.tr("Sealed") if sealed else self.tr("Network open"))
        self._network_words.setText(
            self.tr(
                "Nothing leaves this machine. Bancada sends no statistics, looks for no updates and opens"
                " no network connection. Models, questions and answers stay in the data folder."
            )
            if sealed
            else self.tr(
                "Downloads, the hub and the office mirror may use the network when they are started. Bancada"
                " sends no statistics and looks for no updates; what you ask stays in the data folder."
            )
        )

    def _data(self) -> Card:
        card = Card(self.tr("Data"))
        folder = Label(str(self.shell.context.home.root), "mono", wrap=True)
        folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        folder.setAccessibleName(self.tr("Data folder"))
        card.body.addWidget(folder)
        self.backup_text = Label("", "muted", wrap=True)
        card.body.addWidget(self.backup_text)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        reveal = PlainButton(self.tr("Open the folder"))
        reveal.clicked.connect(self._open_folder)
        self.backup_button = PlainButton(self.tr("Make a copy of the database"))
        self.backup_button.clicked.connect(self._back_up)
        row.addWidget(reveal)
        row.addWidget(self.backup_button)
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    # -- parts

    def _add(self, card: Card, name: str, control: QWidget | QHBoxLayout, key: str, note: str = "") -> None:
        self.errors[key] = add_setting(card, name, control, note)

    def _spin(self, key: str, suffix: str, name: str) -> NumberBox:
        setting = SETTINGS[key]
        spin = NumberBox(int(setting.low or 0), int(setting.high or 0), suffix)
        spin.setAccessibleName(name)
        spin.setFixedWidth(max(150, self.shell.theme.px(150)))
        spin.valueChanged.connect(partial(self.store, key))
        return spin

    def _say(self, key: str, error: BaseException | None) -> None:
        label = self.errors.get(key)
        if label is not None:  # else it is another page's
            say_error(label, error)

    # -- appearance

    def _choose_theme(self, name: str, _checked: object = None) -> None:
        self.shell.theme.choose(name)
        self.store("appearance.theme", name)

    def _scale_moved(self, percent: int) -> None:
        self.scale_text.setText(f"{number(percent)} %")
        if not self.scale.isSliderDown():
            self._choose_scale()

    def _choose_scale(self) -> None:
        scale = self.scale.value() / 100
        self.shell.theme.choose(self.shell.theme.choice, scale)
        self.store("appearance.scale", scale)

    def _show_theme(self) -> None:
        self._choices[self.shell.theme.choice].setChecked(True)
        percent = round(self.shell.theme.scale * 100)
        _quietly(self.scale, partial(self.scale.setValue, percent))
        self.scale_text.setText(f"{number(percent)} %")

    # -- data

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.shell.context.home.root)))

    def _back_up(self) -> None:
        self.backup_button.setEnabled(False)
        database, home = self.shell.context.database, self.shell.context.home

        def work() -> list[backup.BackupRecord]:
            backup.backup(database)
            return backup.list_backups(home)

        def failed(error: BaseException) -> None:
            self.backup_button.setEnabled(True)
            self.shell.show_error(error, near=self.backup_button)

        self.shell.background.run(work, self._backed_up, failed, owner=self)

    def _backed_up(self, records: list[backup.BackupRecord]) -> None:
        self.backup_button.setEnabled(True)
        self._show_backups(records)
        self.shell.notify("success", self.tr("A copy of the database was made and checked."))

    def _show_backups(self, records: list[backup.BackupRecord]) -> None:
        if not records:
            self.backup_text.setText(self.tr("No copy of the database yet. One is made every day."))
            return
        self.backup_text.setText(
            self.tr("Copies of the database: %1. The latest: %2, %3.")
            .replace("%1", number(len(records)))
            .replace("%2", when_text(records[0].made_at.isoformat()))
            .replace("%3", bytes_text(records[0].size_bytes))
        )


def _quietly(widget: QWidget, change: Callable[[], object]) -> None:
    """Change a control without storing what it shows."""
    widget.blockSignals(True)  # noqa: FBT003 - Qt's signature
    change()
    widget.blockSignals(False)  # noqa: FBT003
