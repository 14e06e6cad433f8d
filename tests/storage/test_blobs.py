"""The content-addressed store with real files (F01, F06, F18, F21)."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.core.errors import BancadaError, Canceled
from bancada.core.paths import Home
from bancada.storage import models
from bancada.storage.blobs import Blob, BlobStore
from bancada.storage.connection import Database
from bancada.storage.files import is_safe_relative

CONTENT = bytes(range(256)) * 40_000  # 10 MB: three blocks


@pytest.fixture
def store(home: Home, db: Database) -> BlobStore:
    return BlobStore(home, db)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(CONTENT)
    return path


def _state(db: Database, blob: Blob) -> str:
    return str(db.rows("SELECT state FROM blobs WHERE sha256 = ?", (blob.sha256,))[0]["state"])


def _refer(db: Database, blob: Blob, name: str = "m") -> models.VersionRecord:
    new = models.NewVersion("gguf", "llama", "Q4", 1, 4.5, 2, 100, "", blob.size_bytes, blob.sha256, "here")
    return models.add_version(db, name, new, [models.FileRecord("m.gguf", blob.sha256, blob.size_bytes)])


def _parts(home: Home) -> list[Path]:
    return list(home.blobs.rglob("*.part"))


def _raises(code: str, action: Callable[[], object]) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        action()
    assert caught.value.code == code
    return caught.value


@pytest.mark.parametrize("link", [True, False])
def test_a_file_is_stored_under_its_hash(store: BlobStore, home: Home, source: Path, link: bool) -> None:
    seen: list[tuple[int, int]] = []
    blob = store.put_file(source, link=link, progress=lambda done, total: seen.append((done, total)))
    assert blob == Blob(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert store.path(blob.sha256).read_bytes() == CONTENT
    assert store.path(blob.sha256).samefile(source) is link
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) == 3
    assert _parts(home) == []


def test_a_symbolic_link_stores_what_it_points_to(store: BlobStore, source: Path, tmp_path: Path) -> None:
    pointer = tmp_path / "pointer.gguf"
    pointer.symlink_to(source)
    blob = store.put_file(pointer, link=True)
    assert not store.path(blob.sha256).is_symlink()
    pointer.unlink()
    source.unlink()
    assert store.ensure_intact(blob.sha256).read_bytes() == CONTENT


@pytest.mark.parametrize("link", [True, False])
def test_cancel_leaves_nothing(store: BlobStore, home: Home, db: Database, source: Path, link: bool) -> None:
    answers = iter([False, True])
    with pytest.raises(Canceled):
        store.put_file(source, link=link, should_stop=lambda: next(answers))
    assert _parts(home) == []
    assert db.rows("SELECT * FROM blobs") == []
    assert source.read_bytes() == CONTENT


def test_what_is_no_file_is_refused_without_waiting(store: BlobStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    places = (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "absent", tmp_path / "a\0b")
    codes = []
    for place in places:
        with pytest.raises(BancadaError) as caught:
            store.put_file(place, link=True)
        codes.append(caught.value.code.removeprefix("model.file_"))
    assert codes == ["unreadable", "unreadable", "unreadable", "missing", "unreadable"]


NAMES = [
    "with space.gguf",
    "quote'\"`$(x).gguf",
    "new\nline.gguf",
    "emoji \U0001f9a5.gguf",
    "\u0645\u0644\u0641.gguf",
    unicodedata.normalize("NFC", "caf\u00e9.gguf"),
    unicodedata.normalize("NFD", "caf\u00e9.gguf"),
    "x" * 250 + ".gguf",
    "CON",
    "Model.gguf",
    "model.GGUF",
    "-rf",
    "not utf-8 \udcff.gguf",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_files_of_every_name_are_stored(store: BlobStore, db: Database, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(name.encode("utf-8", "surrogateescape"))
    blob = store.put_file(path, link=False)
    version = _refer(db, blob, name)
    assert models.get_version(db, version.id).files[0].sha256 == blob.sha256
    assert models.find(db, name).id == version.id


def test_a_path_over_260_characters_is_stored(store: BlobStore, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 5)
    deep.mkdir(parents=True)
    (deep / "m.gguf").write_bytes(b"deep")
    assert store.put_file(deep / "m.gguf", link=True).size_bytes == 4


def test_an_unchanged_file_is_not_read_again_and_a_changed_one_is(store: BlobStore, db: Database) -> None:
    blob = store.put_bytes(CONTENT)
    seen: list[int] = []
    store.ensure_intact(blob.sha256, lambda done, _: seen.append(done))
    assert seen == []
    path = store.path(blob.sha256)
    os.utime(path, (1, 1))
    store.ensure_intact(blob.sha256, lambda done, _: seen.append(done))
    assert seen
    with path.open("r+b") as file:
        file.write(b"\xff")
    error = _raises("model.file_damaged", lambda: store.ensure_intact(blob.sha256))
    assert error.params["path"] == str(path)
    assert _state(db, blob) == "damaged"


def test_a_bit_flipped_behind_the_clocks_back_is_found_by_verify(store: BlobStore, db: Database) -> None:
    blob = store.put_bytes(CONTENT)
    path = store.path(blob.sha256)
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(5_000_000)
        file.write(b"\xaa")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    store.ensure_intact(blob.sha256)
    _raises("model.file_damaged", lambda: store.verify(blob.sha256))
    _raises("model.file_damaged", lambda: store.ensure_intact(blob.sha256))


def test_a_linked_source_that_is_written_later_is_damage(store: BlobStore, source: Path) -> None:
    blob = store.put_file(source, link=True)
    with source.open("ab") as file:
        file.write(b"more")
    _raises("model.file_damaged", lambda: store.ensure_intact(blob.sha256))


def test_a_missing_file_is_said_and_comes_back_from_elsewhere(
    store: BlobStore, db: Database, source: Path, tmp_path: Path
) -> None:
    blob = store.put_file(source, link=False)
    store.path(blob.sha256).unlink()
    _raises("model.file_missing", lambda: store.ensure_intact(blob.sha256))
    assert _state(db, blob) == "missing"
    _raises("model.file_missing", lambda: store.read_bytes(blob.sha256))
    other = tmp_path / "other.gguf"
    other.write_bytes(b"something else")
    _raises("model.file_differs", lambda: store.relocate(blob.sha256, other))
    store.relocate(blob.sha256, source)
    assert _state(db, blob) == "present"
    assert store.read_bytes(blob.sha256) == CONTENT


def test_importing_again_mends_a_damaged_blob(store: BlobStore, db: Database, source: Path) -> None:
    blob = store.put_file(source, link=False)
    store.path(blob.sha256).write_bytes(b"damaged")
    assert store.put_file(source, link=False) == blob
    assert store.ensure_intact(blob.sha256).read_bytes() == CONTENT


@pytest.mark.parametrize("link", [True, False])
def test_a_file_that_grows_while_it_is_read_is_refused(
    store: BlobStore, home: Home, source: Path, link: bool
) -> None:
    def disturb(_done: int, _total: int) -> None:
        with source.open("ab") as file:
            file.write(b"x")

    _raises("model.file_changed", lambda: store.put_file(source, link=link, progress=disturb))
    assert _parts(home) == []


def test_threads_put_the_same_file_together(store: BlobStore, db: Database, source: Path) -> None:
    found: list[Blob] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.put_file(source, link=False))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(db.rows("SELECT * FROM blobs")) == 1
    store.verify(found[0].sha256)


_PUT = """
import sys
from pathlib import Path
from bancada.core.paths import Home
from bancada.storage.blobs import BlobStore
from bancada.storage.database import attach
home = Home(Path(sys.argv[1]))
store = BlobStore(home, attach(home))
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    print(store.put_file(Path(sys.argv[2]), link=False).sha256, flush=True)
if sys.argv[4:] == ["stay"]:
    sys.stdin.read()
"""


def test_two_processes_put_the_same_file(
    store: BlobStore, home: Home, source: Path, child: Callable[..., subprocess.Popen[str]]
) -> None:
    processes = [child(_PUT, home.root, source, 5) for _ in range(2)]
    digests = {line for process in processes for line in process.communicate()[0].split()[1:]}
    assert [process.returncode for process in processes] == [0, 0]
    (digest,) = digests
    store.verify(digest)
    assert _parts(home) == []


def test_a_kill_while_copying_never_leaves_a_final_file(
    store: BlobStore, home: Home, db: Database, source: Path, child: Callable[..., subprocess.Popen[str]]
) -> None:
    code = """
        import os, signal, sys
        from pathlib import Path
        from bancada.core.paths import Home
        from bancada.storage.blobs import BlobStore
        from bancada.storage.database import attach
        home = Home(Path(sys.argv[1]))
        calls = []
        def progress(done, total):
            calls.append(done)
            if len(calls) == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
        BlobStore(home, attach(home)).put_file(Path(sys.argv[2]), link=False, progress=progress)
        """
    for block in (1, 2, 3):
        process = child(code, home.root, source, block)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert [path for path in home.blobs.rglob("*") if path.is_file() and path.suffix != ".part"] == []
    assert len(_parts(home)) == 3
    assert store.collect_garbage() > 0
    assert _parts(home) == []
    assert db.rows("SELECT * FROM blobs") == []


def test_garbage_is_what_nothing_refers_to(store: BlobStore, db: Database) -> None:
    kept, loose = store.put_bytes(b"kept"), store.put_bytes(b"loose!")
    version = _refer(db, kept)
    assert store.collect_garbage() == 6
    assert store.ensure_intact(kept.sha256)
    assert not store.path(loose.sha256).exists()
    models.remove_version(db, version.id)
    assert store.collect_garbage() == 4
    assert store.collect_garbage() == 0
    assert db.rows("SELECT * FROM blobs") == []


def test_garbage_of_a_linked_file_frees_nothing_and_leaves_the_source(store: BlobStore, source: Path) -> None:
    store.put_file(source, link=True)
    assert store.collect_garbage() == 0
    assert source.read_bytes() == CONTENT


def test_what_another_living_process_has_just_stored_is_no_garbage(
    store: BlobStore, home: Home, source: Path, child: Callable[..., subprocess.Popen[str]]
) -> None:
    process = child(_PUT, home.root, source, 1, "stay")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    digest = process.stdout.readline().strip()
    assert store.collect_garbage() == 0
    assert store.path(digest).exists()
    process.communicate()
    assert store.collect_garbage() == len(CONTENT)


def test_a_view_holds_the_files_under_their_names(store: BlobStore, home: Home, db: Database) -> None:
    config, weights = store.put_bytes(b"{}"), store.put_bytes(b"weights")
    files = {"config.json": config.sha256, "onnx/model.onnx": weights.sha256}
    version = _refer(db, weights)
    folder = store.view(version.id, files)
    assert (folder / "onnx/model.onnx").read_bytes() == b"weights"
    assert (folder / "config.json").samefile(store.path(config.sha256))
    before = folder.stat().st_ino
    assert store.view(version.id, files).stat().st_ino == before
    (folder / "planted.py").write_text("evil")
    store.view(version.id, files)
    assert not (folder / "planted.py").exists()
    (folder / "config.json").unlink()
    assert (store.view(version.id, files) / "config.json").exists()
    models.remove_version(db, version.id)
    assert store.collect_garbage() == 9
    assert list(home.views.iterdir()) == []


def test_a_view_of_a_missing_blob_is_said(store: BlobStore, home: Home) -> None:
    blob = store.put_bytes(b"x")
    store.path(blob.sha256).unlink()
    _raises("model.file_missing", lambda: store.view("v", {"a": blob.sha256}))
    assert list(home.views.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\b", "", "a//b", "NUL", "aux.txt", "a\0b", "./a"]
)
def test_a_view_never_leaves_its_folder(store: BlobStore, home: Home, name: str) -> None:
    blob = store.put_bytes(b"x")
    assert not is_safe_relative(name)
    _raises("model.unsafe_path", lambda: store.view("v", {name: blob.sha256}))
    assert list(home.views.iterdir()) == []


def test_reading_works_where_nothing_can_be_written(home: Home, store: BlobStore, db: Database) -> None:
    blob = store.put_bytes(b"x")
    reader = Database(home.database, mode="ro")
    assert BlobStore(home, reader).ensure_intact(blob.sha256).exists()
    store.path(blob.sha256).unlink()
    _raises("model.file_missing", lambda: BlobStore(home, reader).ensure_intact(blob.sha256))
    assert _state(db, blob) == "present"
    reader.close()
