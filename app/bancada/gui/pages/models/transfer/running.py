"""The jobs of the Transfer view: making, signing what was made, importing, approving, and their ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from bancada.catalog.bundles import admission, signing
from bancada.catalog.bundles.jobs import (
    BUNDLE_CREATE,
    BUNDLE_IMPORT,
    BundleImportParams,
)
from bancada.core.errors import BancadaError
from bancada.core.events import Changed
from bancada.gui.models.transfer import BundleLook, can_continue
from bancada.gui.pages.models.job_strips import JobStrips
from bancada.gui.pages.models.transfer.making import Making
from bancada.gui.pages.page import Page
from bancada.gui.widgets.format import bytes_text
from bancada.jobs.codec import decode
from bancada.jobs.spec import JobKind, JobRecord, JobStatus
from bancada.storage import bundles, jobs
from bancada.storage.signing_keys import KeyRecord

_KINDS: Final = frozenset({BUNDLE_CREATE.name, BUNDLE_IMPORT.name})


@dataclass(frozen=True, slots=True)
class _Begun:
    """A job as it can be begun again."""

    kind: JobKind
    params: object
    title: str


class TransferJobs(QObject):
    """Begins jobs and takes their ends. A passphrase stays in this process, until its bundle is made."""

    #: rows were written: read again
    changed = Signal()
    #: a bundle was admitted: its receipt
    admitted = Signal(object)
    #: something that is no job went wrong
    failed = Signal(object)

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._shell = page.shell
        self.strips = JobStrips(page.shell)
        self._again: _Begun | None = None
        self._sign: dict[str, tuple[KeyRecord, str]] = {}
        self.continue_button = self.strips.error.add_button(self.tr("Continue"), self._continue, primary=True)
        self.continue_button.hide()
        self.strips.ended.connect(self._ended)

    def take(self, path: Path, title: str) -> None:
        """Import a folder, or go on with it."""
        text = self.tr("Import %1").replace("%1", title)
        self._begin(BUNDLE_IMPORT, BundleImportParams(path=str(path)), text)

    def admit(self, look: BundleLook) -> None:
        """Ask the rules again for what waits."""
        text = self.tr("Admit %1").replace("%1", look.manifest.title or look.id[:12])
        self._begin(BUNDLE_IMPORT, BundleImportParams(bundle_id=look.id), text)

    def approve(self, look: BundleLook, key: KeyRecord, passphrase: str) -> None:
        """Sign what waits, then ask the rules again."""
        context = self._shell.context

        def work() -> None:
            record = bundles.get(context.database, look.id)
            signing.approve(context.home, context.database, record, key, passphrase)

        self._run(work, lambda: self.admit(look))

    def make(self, making: Making, passphrase: str) -> None:
        """Make a bundle and sign it as soon as it is whole."""
        if making.key is not None:
            self._sign[making.params.path] = (making.key, passphrase)
        text = self.tr("Make the bundle %1").replace(
            "%1", making.params.title or Path(making.params.path).name
        )
        self._begin(BUNDLE_CREATE, making.params, text)

    def sign(self, path: Path, key: KeyRecord, passphrase: str) -> None:
        """Put a signature into a bundle's folder."""
        context = self._shell.context
        text = self.tr("Signed by %1: %2").replace("%1", key.name).replace("%2", str(path))
        self._run(
            lambda: signing.sign_folder(context.home, context.database, path, key, passphrase),
            lambda: self._shell.notify("success", text),
        )

    def discard(self, look: BundleLook) -> None:
        """Let go of a bundle that was not admitted."""
        context = self._shell.context

        def work() -> int:
            record = bundles.get(context.database, look.id)
            return admission.discard(context.home, context.database, context.blobs, record)

        def done(freed: int) -> None:
            text = self.tr("%1 is discarded; %2 are free again.")
            text = text.replace("%1", look.manifest.title or look.id[:12]).replace("%2", bytes_text(freed))
            self._shell.notify("success", text)
            self.changed.emit()

        self._shell.background.run(work, done, self.failed.emit, owner=self)

    def follow_running(self) -> None:
        """Show the jobs that were begun elsewhere, or before the window was closed."""
        database = self._shell.context.database

        def show(records: list[JobRecord]) -> None:
            for one in records:
                if one.kind in _KINDS and one.id not in self.strips.followed:
                    self.strips.follow(one.id, one.title)

        self._shell.background.run(lambda: jobs.unfinished(database), show, owner=self)

    # -- the ends

    def _begin(self, kind: JobKind, params: object, title: str) -> None:
        self.continue_button.hide()
        self.strips.begin(kind, params, title)

    def _run(self, work: Callable[[], object], then: Callable[[], object]) -> None:
        def done(_result: object) -> None:
            then()
            self.changed.emit()

        self._shell.background.run(work, done, self.failed.emit, owner=self)

    def _continue(self) -> None:
        begun, self._again = self._again, None
        if begun is not None:
            self._begin(begun.kind, begun.params, begun.title)

    def _ended(self, record: JobRecord) -> None:
        if record.status is JobStatus.SUCCEEDED:
            self._succeeded(record)
        elif record.status is JobStatus.FAILED and record.failure is not None:
            self._refused(record, record.failure)
        elif record.status is JobStatus.CANCELED:
            self._sign.pop(str(record.params.get("path", "")), None)
            text = self.tr("%1: canceled. What was copied is kept; it goes on there when it is begun again.")
            self._shell.notify("info", text.replace("%1", record.title))
        self.changed.emit()

    def _succeeded(self, record: JobRecord) -> None:
        result = record.result or {}
        if record.kind == BUNDLE_IMPORT.name:
            self._shell.context.events.publish(Changed("model"))
            self.admitted.emit(result.get("receipt"))
            return
        path = str(result.get("path", ""))
        signing_with = self._sign.pop(path, None)
        if signing_with is not None:
            self.sign(Path(path), *signing_with)

    def _refused(self, record: JobRecord, failure: BancadaError) -> None:
        if failure.code == "bundle.second_signature_missing":
            # it went as it should: four eyes are no failure
            self.strips.dismiss()
            return
        making = record.kind == BUNDLE_CREATE.name
        if making or can_continue(failure):
            kind = BUNDLE_CREATE if making else BUNDLE_IMPORT
            self._again = _Begun(kind, decode(kind.params, record.params), record.title)
            self.continue_button.show()
