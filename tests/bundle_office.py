"""One side of an air gap: a workspace with models and keys that makes bundles and takes them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.bundles import keys, signing
from bancada.catalog.bundles.creating import Made, create
from bancada.catalog.bundles.jobs import BundleCreateParams, BundleImportParams
from bancada.core.errors import BancadaError
from bancada.core.ids import new_id
from bancada.core.paths import Home
from bancada.jobs.job_context import JobContext
from bancada.storage import bundles, settings
from bancada.storage.blobs import BlobStore
from bancada.storage.bundles import BundleRecord
from bancada.storage.database import Database, open_database
from bancada.storage.signing_keys import KeyRecord
from bancada.worker.handlers.bundles import run_import
from library_worker import Worker
from tiny_gguf import TinyModel, write_tiny_gguf

PASSPHRASE = "horse battery"


@dataclass(frozen=True)
class Office:
    """A workspace; ``close`` it."""

    home: Home
    database: Database
    blobs: BlobStore

    @classmethod
    def open(cls, root: Path) -> Office:
        home = Home(root)
        database = open_database(home)
        return cls(home, database, BlobStore(home, database))

    def close(self) -> None:
        self.database.close()

    def worker(self) -> JobContext:
        one = Worker(self.home)
        one.context.job_id = new_id()
        one.context.__dict__["database"] = self.database  # what is closed with the office
        return one.context

    def model(self, name: str = "Tiny", **model: Any) -> str:
        """Import a tiny model and return its version's id."""
        self.home.create()
        path = write_tiny_gguf(self.home.temporary / f"{name}.gguf", TinyModel(**model))
        worker = Worker(self.home)
        worker.context.__dict__["database"] = self.database
        return str(worker.take_in(path, name)["version_id"])

    def key(self, name: str, *, days: int | None = None) -> KeyRecord:
        return keys.make_key(self.home, self.database, name, PASSPHRASE, days=days)

    def trust(self, record: KeyRecord) -> KeyRecord:
        public = keys.PublicKey(record.id, record.name, record.public_key, record.expires_at)
        return keys.trust(self.database, public)

    def bundle(self, target: Path, *version_ids: str, key: KeyRecord | None = None, **more: Any) -> Made:
        issuer = key.id if key is not None else ""
        made = create(self.worker(), BundleCreateParams(str(target), version_ids, issuer=issuer, **more))
        if key is not None:
            self.sign(target, key)
        return made

    def sign(self, target: Path, key: KeyRecord) -> None:
        signing.sign_folder(self.home, self.database, target, key, PASSPHRASE)

    def require(self, signatures: int) -> None:
        settings.set(self.database, "bundles.signatures_required", signatures)

    def take(self, path: Path) -> dict[str, Any]:
        return run_import(self.worker(), BundleImportParams(str(path)))

    def judge_again(self, bundle_id: str) -> dict[str, Any]:
        return run_import(self.worker(), BundleImportParams(bundle_id=bundle_id))

    def stored(self) -> list[str]:
        return sorted(one.name for one in self.home.blobs.rglob("*") if one.is_file())

    def received(self) -> list[BundleRecord]:
        return bundles.list_bundles(self.database)


def code(call: Callable[[], object]) -> str:
    """The code of the error that ``call`` raises."""
    return refused(call).code


def refused(call: Callable[[], object]) -> BancadaError:
    """The error that ``call`` raises, after a look at its words."""
    with pytest.raises(BancadaError) as caught:
        call()
    assert "(" + "detail)" not in str(caught.value)
    return caught.value
