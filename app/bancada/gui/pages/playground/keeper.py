"""What is kept beside the messages: drafts, presets, parameters; and what leaves by a file or a link."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog

from bancada.gui.pages.playground import thread
from bancada.gui.pages.playground.chat import Chat
from bancada.gui.pages.playground.page_layout import PlaygroundLayout
from bancada.gui.pages.playground.parameters import Parameters
from bancada.gui.shell import Shell
from bancada.gui.widgets.ask import Answer, Question
from bancada.storage import drafts, presets
from bancada.storage.presets import PresetRecord


class Keeper(QObject):
    """Reads and writes in the background."""

    def __init__(self, shell: Shell, chat: Chat, parts: PlaygroundLayout, parent: QObject) -> None:
        super().__init__(parent)
        self._shell, self._chat, self._parts = shell, chat, parts
        parts.composer.edited.connect(lambda: chat.keep_draft(parts.composer.text))
        parts.panel.presets.saved.connect(self._save_preset)
        parts.panel.presets.removed.connect(self._remove_preset)
        parts.pane.export_asked.connect(self.export)
        self._load_last()

    def flush(self) -> None:
        """Keep at once what has not settled."""
        self._parts.composer.flush()
        self._parts.panel.flush()

    # -- drafts

    def load_draft(self) -> None:
        """Show what was typed here and not sent."""
        database, key = self._shell.context.database, self._chat.draft_key

        def done(text: str) -> None:
            if key == self._chat.draft_key:
                self._parts.composer.set_text(text)

        self._shell.background.run(lambda: drafts.get(database, key), done, owner=self)

    def forget_draft(self) -> None:
        """The question was sent: its draft is no longer one, neither here nor as a new conversation's."""
        database, keys = self._shell.context.database, {self._chat.draft_key, "chat:new"}

        def remove() -> None:
            for key in keys:
                drafts.remove(database, key)

        self._shell.background.run(remove, lambda _: None, owner=self)

    def _load_last(self) -> None:
        context = self._shell.context

        def query() -> tuple[str, str, str, list[PresetRecord]]:
            return (
                context.settings.get("playground.parameters"),
                drafts.get(context.database, "chat:system"),
                drafts.get(context.database, "chat:new"),
                presets.list_all(context.database),
            )

        def done(found: tuple[str, str, str, list[PresetRecord]]) -> None:
            last, system, draft, own = found
            self._parts.panel.set_presets(own)
            if self._chat.record is None:
                self._parts.panel.set_values(_parameters(last), system)
                if not self._parts.composer.text:
                    self._parts.composer.set_text(draft)

        self._shell.background.run(query, done, owner=self)

    # -- presets

    def load_presets(self) -> None:
        """Ask for the user's presets again."""
        database = self._shell.context.database
        self._shell.background.run(
            lambda: presets.list_all(database), self._parts.panel.set_presets, owner=self
        )

    def _save_preset(self, name: str) -> None:
        database, panel = self._shell.context.database, self._parts.panel
        values, system = panel.values.to_json(), panel.system_prompt

        def done(_: object) -> None:
            self.load_presets()
            words = self.tr("The preset “%1” is kept.").replace("%1", name)
            self._shell.notify("success", words)

        self._shell.background.run(lambda: presets.save(database, name, values, system), done, owner=self)

    def _remove_preset(self, name: str) -> None:
        database = self._shell.context.database

        def query() -> PresetRecord:
            record = presets.get(database, name)
            presets.remove(database, name)
            return record

        def done(record: PresetRecord) -> None:
            self.load_presets()
            words = self.tr("The preset “%1” is removed.").replace("%1", name)
            self._shell.notify(
                "info", words, action_text=self.tr("Undo"), action=lambda: self._bring_back(record)
            )

        self._shell.background.run(query, done, owner=self)

    def _bring_back(self, record: PresetRecord) -> None:
        database = self._shell.context.database
        self._shell.background.run(
            lambda: presets.save(database, record.name, record.parameters, record.system_prompt),
            lambda _: self.load_presets(),
            owner=self,
        )

    # -- files and links

    def export_open(self) -> None:
        """Export the conversation that is shown."""
        if self._chat.record is not None:
            self.export(self._chat.record.id, "markdown")

    def export(self, conversation_id: str, form: str) -> None:
        """Ask for a file and write the conversation into it."""
        markdown, data = self.tr("Markdown (*.md)"), self.tr("JSON (*.json)")
        first = markdown if form == "markdown" else data
        kinds = f"{markdown};;{data}" if form == "markdown" else f"{data};;{markdown}"
        suffix = "md" if form == "markdown" else "json"
        name, _ = QFileDialog.getSaveFileName(
            self._parts, self.tr("Export the conversation"), f"conversation.{suffix}", kinds, first
        )
        if name:
            self.write_export(conversation_id, Path(name))

    def write_export(self, conversation_id: str, path: Path) -> None:
        """Write a conversation; the file's ending chooses the form."""
        form = "json" if path.suffix.lower() == ".json" else "markdown"
        words = {
            "user": self.tr("Question"),
            "assistant": self.tr("Answer"),
            "system": self.tr("System prompt"),
        }
        database = self._shell.context.database
        self._shell.background.run(
            lambda: thread.export(database, conversation_id, form, path, words),
            lambda _: self._shell.notify("success", self.tr("Written: %1").replace("%1", str(path))),
            owner=self,
        )

    def confirm_link(self, target: str) -> None:
        """Show where a link leads; it is opened by the user's word alone, outside of Bancada."""
        url = QUrl(target)
        Question(
            self._parts.window(),
            self.tr("Open this address?"),
            self.tr("A model wrote it, nobody checked it. It opens in your browser: %1").replace(
                "%1", target
            ),
            (
                Answer(self.tr("Open in the browser"), lambda: QDesktopServices.openUrl(url), "danger"),
                Answer(self.tr("Copy the address"), lambda: QGuiApplication.clipboard().setText(target)),
                Answer(self.tr("Stay here"), lambda: None, "primary"),
            ),
        ).open()


def _parameters(text: str) -> Parameters:
    try:
        return Parameters.from_json(json.loads(text))
    except ValueError:
        return Parameters()
