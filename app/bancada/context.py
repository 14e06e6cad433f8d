"""What an entry point needs, built once and handed on by constructor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bancada.bench.plan import BENCH
from bancada.catalog import collecting
from bancada.catalog.bundles.jobs import BUNDLE_CREATE, BUNDLE_IMPORT
from bancada.catalog.download.jobs import DOWNLOAD
from bancada.catalog.jobs import EXPORT, IMPORT, VERIFY
from bancada.catalog.library import Library
from bancada.core.errors import BancadaError
from bancada.core.events import EventBus
from bancada.core.paths import Home
from bancada.inference.preview import TEMPLATE_PREVIEW, Preview, PreviewParams
from bancada.inference.session import ModelSession, ModelSessions
from bancada.jobs.codec import decode
from bancada.jobs.manager import JobManager
from bancada.jobs.sessions import SessionManager
from bancada.jobs.spec import JobKind
from bancada.quantization.jobs import CERTIFY, CONVERT, MATRIX, QUANTIZE, SWEEP
from bancada.quantization.plan import PLAN, PlanParams, QuantizationPlan
from bancada.storage import conversations, settings
from bancada.storage.backup import backup_if_due
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database, open_database

#: every kind of job that this program knows, by name
JOB_KINDS: Final[Mapping[str, JobKind]] = {
    kind.name: kind
    for kind in (
        IMPORT,
        VERIFY,
        EXPORT,
        DOWNLOAD,
        BUNDLE_CREATE,
        BUNDLE_IMPORT,
        BENCH,
        CONVERT,
        QUANTIZE,
        SWEEP,
        MATRIX,
        CERTIFY,
    )
}


class Settings:
    """The workspace's settings, bound to its database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> Any:
        """The stored value or the default; raises BancadaError for an unknown key."""
        return settings.get(self._database, key)

    def set(self, key: str, value: Any) -> None:
        """Store a value; raises BancadaError when the key is unknown or the value does not fit it."""
        settings.set(self._database, key, value)


class AppContext:
    """One open workspace: its database, files, settings, events, jobs, sessions and models."""

    def __init__(self, home: Home, database: Database) -> None:
        self.home = home
        self.database = database
        self.events = EventBus()
        self.settings = Settings(database)
        self.blobs = BlobStore(home, database)
        self.library = Library(database, self.blobs)
        self.jobs = JobManager(home, database, self.events, JOB_KINDS)
        self.sessions = SessionManager(home, self.events, database_key=database.key)
        self.models = ModelSessions(self.sessions, database)

    @classmethod
    def open(cls, root: Path, *, passphrase: str | None = None) -> AppContext:
        """Open or create the workspace in ``root`` and start its job manager.

        Raises:
            BancadaError: the database is damaged, newer, foreign or locked, or the folder cannot be written.
        """
        home = Home(root)
        context = cls(home, open_database(home, passphrase=passphrase))
        if not context.database.read_only:
            context.jobs.start()
            collecting.prune_work(home)  # what killed conversions and quantizations left may be gigabytes
        return context

    def take_over(self) -> None:
        """For the one window of a workspace: end the answers that a killed window left unfinished."""
        if not self.database.read_only:
            conversations.recover_streaming(self.database)

    def tend(self) -> tuple[BancadaError, ...]:
        """Make the daily backup when it is due; returns what is stored in the settings but cannot be used."""
        if not self.database.read_only:
            backup_if_due(self.database)
        return settings.unusable(self.database)

    def open_model(
        self, version_id: str, *, context: int | None = None, cache_type: str = "f16", force: bool = False
    ) -> ModelSession:
        """Check the model's files and load it into a worker, or return the session that has it.

        Raises:
            BancadaError: a file is missing or damaged, the model was put aside after crashes
                (``force`` overrules), or loading failed.
        """
        spec = self.library.load_spec(version_id, context=context, cache_type=cache_type, force=force)
        return self.models.open(spec, model_version_id=version_id)

    def preview_template(self, version_id: str) -> Preview:
        """What a model's chat template makes of an example, rendered by a worker within limits.

        Raises:
            BancadaError: ``model.not_found``, ``model.no_chat_template``, ``model.template_refused``, or why
                the worker did not answer.
        """
        session = self.sessions.open(TEMPLATE_PREVIEW, PreviewParams(version_id))
        try:
            return decode(Preview, session.report)
        finally:
            session.close()

    def quantization_plan(self, params: PlanParams) -> QuantizationPlan:
        """What quantizing a version to some types would give, to the byte, as a worker works it out.

        Raises:
            BancadaError: ``quantize.*``, ``model.*``, or why the worker did not answer.
        """
        session = self.sessions.open(PLAN, params)
        try:
            return decode(QuantizationPlan, session.report)
        finally:
            session.close()

    def close(self, *, cancel_jobs: bool = False) -> None:
        """End sessions and workers, then close the database."""
        self.models.close_all()
        self.sessions.close_all()
        self.jobs.close(cancel=cancel_jobs)
        self.database.close()
