"""Importance matrices in the database: names, what they came from, and their files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import matrices, models
from bancada.storage.blobs import BlobStore
from bancada.storage.database import Database
from bancada.storage.matrices import NewMatrix
from bancada.storage.models import NewVersion


@pytest.fixture
def blobs(home: Home, db: Database) -> BlobStore:
    return BlobStore(home, db)


def new(blobs: BlobStore, name: str = "Office texts", content: bytes = b"sums") -> NewMatrix:
    return NewMatrix(
        name=name, model_sha256="a" * 64, version_id=None, run_id=None, text_name="office.txt",
        text_sha256="b" * 64, context=512, chunks=3, tokens=1536,
        coverage={"tensors": 14, "silent": {"x": 2}}, sha256=blobs.put_bytes(content).sha256,
    )  # fmt: skip


def test_what_is_stored_is_found_again(db: Database, blobs: BlobStore) -> None:
    record = matrices.add(db, new(blobs))
    assert record.coverage == {"tensors": 14, "silent": {"x": 2}}
    assert record.created_at
    assert matrices.get(db, record.id) == record
    assert matrices.find(db, "Office texts") == record
    assert matrices.find(db, record.id) == record
    assert matrices.list_matrices(db) == [record]


def test_a_name_that_is_taken_gets_a_number(db: Database, blobs: BlobStore) -> None:
    names = [matrices.add(db, new(blobs)).name for _ in range(3)]
    assert names == ["Office texts", "Office texts 2", "Office texts 3"]
    assert [one.name for one in matrices.list_matrices(db)] == names[::-1]


def test_a_matrix_survives_its_model_and_a_clean_up(db: Database, blobs: BlobStore) -> None:
    version = models.add_version(
        db, "One", NewVersion("gguf", "llama", "F16", 1, 16.0, 1, 512, "", 1, "c" * 64, "a test"), []
    )
    record = matrices.add(db, replace(new(blobs), version_id=version.id, model_sha256=version.sha256))
    models.remove_version(db, version.id)
    blobs.collect_garbage()
    assert matrices.get(db, record.id).version_id is None
    assert blobs.read_bytes(record.sha256) == b"sums"
    matrices.remove(db, record.id)
    assert blobs.collect_garbage() == 4
    assert not blobs.path(record.sha256).exists()


def test_what_is_not_there(db: Database, blobs: BlobStore) -> None:
    for attempt in (matrices.get, matrices.find, matrices.remove):
        with pytest.raises(BancadaError) as caught:
            attempt(db, "nothing")
        assert caught.value.code == "imatrix.not_found"
    with pytest.raises(BancadaError):
        matrices.add(db, replace(new(blobs), sha256="d" * 64))  # its file was never stored
    assert matrices.list_matrices(db) == []
