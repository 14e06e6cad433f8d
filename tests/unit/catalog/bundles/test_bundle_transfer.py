"""Making bundles and taking them in, on real folders, with everything that goes wrong on the way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest

from bancada.catalog import collecting
from bancada.catalog.bundles import admission, creating, receiving
from bancada.catalog.bundles.admission import inspect_bundle
from bancada.catalog.bundles.folder import BOM, strangers
from bancada.catalog.bundles.jobs import BundleCreateParams
from bancada.catalog.bundles.manifest import MANIFEST, BundleFile, parse, to_bytes
from bancada.catalog.bundles.receipt import receipt_path
from bancada.catalog.content import folder_hash
from bancada.catalog.names import clean_name
from bancada.core.errors import Canceled
from bancada.storage import audit, models
from bancada.storage.models import FileRecord, NewVersion
from bancada.storage.signing_keys import KeyRecord
from bundle_office import Office, code, refused
from library_worker import Worker
from storage.conftest import SmallDisk, disk

__all__ = ["disk"]

TINY_ONNX = Path(__file__).parents[3] / "fixtures" / "tiny_genai"
MIB = 1 << 20
#: makes a file of about 9 MB: three blocks
LARGE: Final[dict[str, Any]] = {"hidden": 11_000}


@pytest.fixture
def alice(sender: Office, receiver: Office) -> KeyRecord:
    record = sender.key("Alice")
    receiver.trust(record)
    return record


def disk_use(office: Office) -> int:
    return sum(one.lstat().st_size for one in office.home.root.rglob("*") if one.is_file())


def payload(stick: Path) -> list[Path]:
    return sorted((stick / "files").iterdir())


def flip(path: Path, place: int = -100) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_there_and_a_second_time(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    first, second = sender.model("One", seed=1, **LARGE), sender.model("Two", seed=2)
    made = sender.bundle(stick, first, second, first, key=alice, title="for the  office")
    assert [one.name for one in made.manifest.models] == ["One", "Two"]
    report = inspect_bundle(receiver.database, receiver.blobs, stick)
    assert (report.problem, report.waiting, report.strangers) == (None, None, ())
    assert report.missing_bytes == made.manifest.size_bytes
    result = receiver.take(stick)
    assert result["copied_bytes"] == made.manifest.size_bytes
    one, two = models.list_versions(receiver.database)
    original = models.get_version(sender.database, first)
    assert (one.name, one.sha256, one.license) == ("One", original.sha256, "apache-2.0")
    assert one.metadata["bundle"]["issuer"] == alice.id
    assert "/" not in one.metadata["bundle"]["source"]
    assert two.files[0].path == "model.gguf"
    assert not (receiver.home.incoming / made.id[:16]).exists()
    # what lies on the stick may change: nothing here is a link to it
    assert receiver.blobs.path(one.sha256).stat().st_nlink == 1
    before = disk_use(receiver)
    shutil.rmtree(stick / "files")
    again = receiver.take(stick)
    assert (again["copied_bytes"], again["version_ids"]) == (0, result["version_ids"])
    assert disk_use(receiver) - before < MIB
    assert len(models.list_versions(receiver.database)) == 2


def test_the_receipt(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    title = 'a <script>alert("x")</script>'
    made = sender.bundle(stick, sender.model(), key=alice, title=title)
    receipt = receiver.take(stick)["receipt"]
    written = receipt_path(receiver.home, made.id, "json").read_bytes()
    assert json.loads(written) == receipt
    page = receipt_path(receiver.home, made.id, "html").read_text()
    assert "<script" not in page
    assert receipt["models"][0]["files"][0]["sha256"] in page
    assert "Alice" in page
    event = next(one for one in audit.list_page(receiver.database) if one.action == "bundle.admitted")
    assert event.detail["receipt"] == receipt
    assert len(event.detail["receipt_sha256"]) == 64
    assert audit.verify(receiver.database).ok


def test_the_bill_of_materials(sender: Office, stick: Path, alice: KeyRecord) -> None:
    made = sender.bundle(stick, sender.model(), key=alice)
    bom = json.loads((stick / BOM).read_bytes())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    (component,) = bom["components"]
    assert component["type"] == "machine-learning-model"
    assert component["hashes"] == [{"alg": "SHA-256", "content": made.manifest.models[0].sha256}]
    assert component["licenses"] == [{"license": {"name": "apache-2.0"}}]


def test_lineage_and_papers_travel(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    parent, child = sender.model("Base", seed=1), sender.model("Small", seed=2)
    with sender.database.transaction() as handle:
        handle.execute("UPDATE model_versions SET parent_version_id = ? WHERE id = ?", (parent, child))
        papers = json.dumps({"papers": {"LICENSE": "Do\nno harm."}})
        handle.execute("UPDATE model_versions SET metadata = ? WHERE id = ?", (papers, child))
    made = sender.bundle(stick, child, parent, key=alice)
    assert [one.name for one in made.manifest.models[0].lineage] == ["Base"]
    assert "pedigree" in json.loads((stick / BOM).read_bytes())["components"][0]
    small, base = (models.get_version(receiver.database, one) for one in receiver.take(stick)["version_ids"])
    assert small.parent_version_id == base.id
    assert small.metadata["papers"] == {"LICENSE": "Do\nno harm."}


def test_an_onnx_folder(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    worker = Worker(sender.home)
    version = worker.take_in(TINY_ONNX, "Folder")["version_id"]
    worker.context.database.close()
    sender.bundle(stick, version, key=alice)
    (taken,) = receiver.take(stick)["version_ids"]
    there = models.get_version(receiver.database, taken)
    assert (there.format, there.sha256) == ("onnx", models.get_version(sender.database, version).sha256)
    assert list(receiver.home.views.iterdir()) == []


def safetensors_version(office: Office, *more: str) -> str:
    """A version in Hugging Face's own layout, with ``more`` files of any content; returns its id."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    contents = {
        "config.json": b'{"model_type": "llama", "num_hidden_layers": 1}',
        "model.safetensors": len(header).to_bytes(8, "little") + header + bytes(8),
        **dict.fromkeys(more, b"import os"),
    }
    files = []
    for path, content in contents.items():
        blob = office.blobs.put_bytes(content)
        files.append(FileRecord(path, blob.sha256, blob.size_bytes))
    sha256 = folder_hash((one.path, one.sha256) for one in files)
    size = sum(one.size_bytes for one in files)
    new = NewVersion("hf", "llama", "F32", 2, 32.0, 1, 0, "mit", size, sha256, "https://hub/x@1")
    return models.add_version(office.database, "Tensors", new, files).id


def test_safetensors(sender: Office, receiver: Office, tmp_path: Path, alice: KeyRecord) -> None:
    sender.bundle(tmp_path / "good", safetensors_version(sender), key=alice)
    (taken,) = receiver.take(tmp_path / "good")["version_ids"]
    there = models.get_version(receiver.database, taken)
    assert (there.format, there.license, len(there.files)) == ("hf", "mit", 2)
    assert "https://hub/x@1" in there.source
    sender.bundle(tmp_path / "bad", safetensors_version(sender, "modeling.py"), key=alice)
    assert code(lambda: receiver.take(tmp_path / "bad")) == "bundle.model_differs"


def test_formats_that_do_not_travel(sender: Office, stick: Path) -> None:
    blob = sender.blobs.put_bytes(b"{}")
    new = NewVersion("scripted", "x", "x", 1, 8.0, 1, 1, "", 2, blob.sha256, "a test")
    file = FileRecord("script.json", blob.sha256, 2)
    version = models.add_version(sender.database, "Parrot", new, [file])
    assert code(lambda: sender.bundle(stick, version.id)) == "bundle.format_refused"
    assert code(lambda: sender.bundle(stick, "nothing")) == "model.not_found"
    assert not stick.exists()


# -- damage


def test_a_flipped_byte(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    sender.bundle(stick, sender.model("One", seed=1), sender.model("Two", seed=2), key=alice)
    bad = payload(stick)[1]
    flip(bad)
    error = refused(lambda: receiver.take(stick))
    assert (error.code, error.params["path"]) == ("bundle.file_damaged", f"files/{bad.name}")
    assert bad.name not in receiver.stored()
    assert models.list_versions(receiver.database) == []
    flip(bad)
    assert len(receiver.take(stick)["version_ids"]) == 2


def test_a_flipped_byte_in_one_part(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    made = sender.bundle(stick, sender.model(**LARGE), key=alice, part_bytes=2 * MIB)
    parts = payload(stick)
    assert len(parts) == len(made.manifest.models[0].files[0].parts) >= 4
    assert all(one.stat().st_size <= 2 * MIB for one in parts)
    flip(parts[2])
    error = refused(lambda: receiver.take(stick))
    assert (error.code, error.params["path"]) == ("bundle.file_damaged", f"files/{parts[2].name}")
    flip(parts[2])
    # the two parts before it are not copied again
    assert receiver.take(stick)["copied_bytes"] == made.manifest.size_bytes - 4 * MIB


@pytest.mark.parametrize("name", [MANIFEST, BOM])
def test_a_flipped_byte_in_the_papers(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord, name: str
) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    flip(stick / name, 60)
    assert code(lambda: receiver.take(stick)).startswith("bundle.")
    assert receiver.stored() == []


def test_sizes_that_lie(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    (file,) = payload(stick)
    with file.open("ab") as opened:
        opened.truncate(40 << 30)  # a sparse bomb
    error = refused(lambda: receiver.take(stick))
    assert (error.code, error.params["path"]) == ("bundle.size_differs", f"files/{file.name}")
    with file.open("ab") as opened:
        opened.truncate(10)
    assert code(lambda: receiver.take(stick)) == "bundle.size_differs"
    file.unlink()
    assert code(lambda: receiver.take(stick)) == "bundle.file_missing"
    assert code(lambda: inspect_bundle(receiver.database, receiver.blobs, stick)) == "bundle.file_missing"
    assert receiver.stored() == []


def test_links_are_refused(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    (file,) = payload(stick)
    outside = stick.parent / "outside"
    shutil.copy(file, outside)

    def refused_as_link() -> None:
        assert code(lambda: receiver.take(stick)) == "bundle.link"
        assert receiver.stored() == []

    file.unlink()
    file.symlink_to(outside)
    refused_as_link()
    file.unlink()
    os.link(outside, file)
    refused_as_link()
    file.unlink()
    file.mkdir()
    refused_as_link()
    file.rmdir()
    os.mkfifo(file)
    refused_as_link()
    file.unlink()
    shutil.rmtree(stick / "files")
    (stick / "files").symlink_to(outside.parent)
    refused_as_link()
    (stick / "files").unlink()
    for name in (MANIFEST, "signatures.json", BOM):
        (stick / name).rename(outside.parent / name)
        (stick / name).symlink_to(outside.parent / name)
        refused_as_link()
        (stick / name).unlink()
        (outside.parent / name).rename(stick / name)


def test_what_is_no_bundle(receiver: Office, tmp_path: Path) -> None:
    archive = tmp_path / "bundle.zip"
    archive.write_bytes(b"PK\x03\x04")
    assert code(lambda: receiver.take(archive)) == "bundle.is_a_file"
    assert code(lambda: receiver.take(tmp_path / "nowhere")) == "bundle.not_a_bundle"
    assert code(lambda: receiver.take(tmp_path)) == "bundle.not_a_bundle"
    assert code(lambda: receiver.take(Path("/nul\0"))) == "bundle.not_a_bundle"
    (tmp_path / MANIFEST).mkdir()
    assert code(lambda: receiver.take(tmp_path)) == "bundle.link"


def test_strangers_are_named_and_left_alone(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord
) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    (stick / "autorun.inf").write_text("x")
    (stick / "files" / "evil.py").write_text("x")
    report = inspect_bundle(receiver.database, receiver.blobs, stick)
    assert report.strangers == ("autorun.inf", "files/evil.py")
    receiver.take(stick)
    assert len(receiver.stored()) == 1
    shutil.rmtree(stick)
    assert strangers(report.folder) == []


# -- what is inside


def rewrite(office: Office, stick: Path, key: KeyRecord, change: Any) -> None:
    """Change the manifest and sign it again: an issuer who is trusted and hostile."""
    data = json.loads((stick / MANIFEST).read_bytes())
    change(data)
    content = json.dumps(data, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    (stick / MANIFEST).write_bytes(content)
    office.sign(stick, key)


def test_a_hostile_model_inside(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    for content in (b"\x80\x04pickle", b"PK\x03\x04 zip", b"GGUF" + b"\xff" * 100, b""):
        sha256 = sender.blobs.put_bytes(content).sha256
        for one in payload(stick):
            one.unlink()
        (stick / "files" / sha256).write_bytes(content)

        def change(data: Any, sha256: str = sha256, size: int = len(content)) -> None:
            data["models"][0]["sha256"] = sha256
            data["models"][0]["files"][0] |= {"sha256": sha256, "size_bytes": size}

        rewrite(sender, stick, alice, change)
        assert code(lambda: receiver.take(stick)).startswith("model.")
        assert (receiver.stored(), models.list_versions(receiver.database)) == ([], [])
        assert receiver.received() == []


def test_a_model_that_is_not_what_the_manifest_says(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord
) -> None:
    sender.bundle(stick, sender.model(), key=alice)
    rewrite(sender, stick, alice, lambda data: data["models"][0].update(sha256="0" * 64))
    assert code(lambda: receiver.take(stick)) == "bundle.model_differs"
    rewrite(sender, stick, alice, lambda data: data["models"][0].update(name=":::"))
    assert code(lambda: receiver.take(stick)) == "model.name_invalid"
    assert clean_name(":::") == ""
    assert receiver.stored() == []


def test_program_code_beside_a_model(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    worker = Worker(sender.home)
    version = worker.take_in(TINY_ONNX, "Folder")["version_id"]
    worker.context.database.close()
    sender.bundle(stick, version, key=alice)
    sha256 = sender.blobs.put_bytes(b"import os").sha256
    (stick / "files" / sha256).write_bytes(b"import os")

    def change(data: Any) -> None:
        file = {"path": "modeling.py", "sha256": sha256, "size_bytes": 9, "parts": []}
        data["models"][0]["files"].append(file)

    rewrite(sender, stick, alice, change)
    assert code(lambda: receiver.take(stick)) == "bundle.model_differs"
    assert receiver.stored() == []


def test_a_whole_that_its_parts_do_not_make(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord
) -> None:
    sender.bundle(stick, sender.model(**LARGE), key=alice, part_bytes=4 * MIB)

    def change(data: Any) -> None:
        data["models"][0]["sha256"] = data["models"][0]["files"][0]["sha256"] = "0" * 64

    for one in payload(stick):
        one.rename(one.with_name("0" * 64 + one.suffix))
    rewrite(sender, stick, alice, change)
    assert code(lambda: receiver.take(stick)) == "bundle.file_damaged"
    assert receiver.stored() == []


# -- interruptions


def test_several_disks(sender: Office, receiver: Office, tmp_path: Path, alice: KeyRecord) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    made = sender.bundle(
        first, sender.model("Large", **LARGE), sender.model("Small"), key=alice, part_bytes=2 * MIB
    )
    shutil.copytree(first, second)
    parts = [one for one in payload(first) if one.suffix]
    for one in parts[2:]:
        one.unlink()
    for one in payload(second):
        if one.name in {one.name for one in parts[:2]} or not one.suffix:
            (second / "files" / one.name).unlink()
    error = refused(lambda: receiver.take(first))
    assert (error.code, error.params["path"]) == ("bundle.file_missing", f"files/{parts[2].name}")
    assert len(receiver.stored()) == 1
    assert receiver.take(second)["copied_bytes"] == made.manifest.models[0].files[0].size_bytes - 4 * MIB


def test_canceled_and_continued(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    made = sender.bundle(stick, sender.model(**LARGE), key=alice)
    worker = Worker(receiver.home)

    def stop(message: Any) -> None:
        if message.stage == "copying":
            worker.canceled.set()

    worker.listener = stop
    with pytest.raises(Canceled):
        admission.import_folder(worker.context, stick)
    worker.context.database.close()
    (part,) = (receiver.home.incoming / made.id[:16]).iterdir()
    assert part.stat().st_size == 4 * MIB
    assert receiver.received()[0].state == "receiving"
    assert code(lambda: receiver.judge_again(made.id)) == "bundle.not_waiting"
    assert receiver.take(stick)["copied_bytes"] == made.manifest.size_bytes - 4 * MIB


@pytest.mark.parametrize("damage", ["garbage", "too long", "complete and wrong"])
def test_a_begun_file_that_is_damaged(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord, damage: str
) -> None:
    made = sender.bundle(stick, sender.model(**LARGE), key=alice)
    (file,) = made.manifest.contents()
    place = receiver.home.incoming / made.id[:16]
    place.mkdir(parents=True)
    sizes = {"garbage": 5 * MIB, "too long": file.size_bytes + 1, "complete and wrong": file.size_bytes}
    (place / f"{file.sha256}.part").write_bytes(bytes(sizes[damage]))
    receiver.take(stick)
    assert receiver.stored() == [file.sha256]
    receiver.blobs.verify(file.sha256)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from bancada.catalog.bundles import admission, creating
    from bancada.catalog.bundles.jobs import BundleCreateParams
    from bancada.core.paths import Home
    from library_worker import Worker
    what, home, stick, argument = sys.argv[1:]
    worker = Worker(Home(Path(home)))
    def die(message):
        if message.stage == "copying":
            os.kill(os.getpid(), signal.SIGKILL)
    worker.listener = die
    if what == "import":
        admission.import_folder(worker.context, Path(stick))
    else:
        creating.create(worker.context, BundleCreateParams(stick, (argument,)))
"""


def killed(what: str, office: Office, stick: Path, argument: str = "") -> None:
    """Do it in a process of its own that is killed after the first block."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), what, office.home.root, stick, argument],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL


def test_killed_in_the_middle_of_an_import(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord
) -> None:
    made = sender.bundle(stick, sender.model(**LARGE), key=alice)
    for _ in range(2):
        killed("import", receiver, stick)
        assert receiver.stored() == []
        assert models.list_versions(receiver.database) == []
    result = receiver.take(stick)
    assert result["copied_bytes"] == made.manifest.size_bytes - 8 * MIB
    assert receiver.stored() == [made.manifest.models[0].sha256]
    assert list(receiver.home.locks.glob("import-*")) == []


def test_killed_in_the_middle_of_making_one(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord
) -> None:
    version = sender.model(**LARGE)
    killed("create", sender, stick, version)
    assert code(lambda: receiver.take(stick)) == "bundle.not_a_bundle"
    assert [one.suffix for one in payload(stick)] == [".part"]
    sender.bundle(stick, version, key=alice)
    assert [one.suffix for one in payload(stick)] == [""]
    receiver.take(stick)


def test_a_job_that_is_run_again_after_its_end(sender: Office, stick: Path) -> None:
    version = sender.model()
    ctx = sender.worker()
    params = BundleCreateParams(str(stick), (version,))
    first = creating.create(ctx, params)
    assert creating.create(ctx, params) == first
    assert code(lambda: sender.bundle(stick, version)) == "bundle.target_in_use"


def test_a_right_copy_is_kept_and_a_wrong_one_is_not(sender: Office, stick: Path) -> None:
    version = sender.model()
    made = sender.bundle(stick, version)
    (file,) = payload(stick)
    inode = file.stat().st_ino
    for name in (MANIFEST, BOM):
        (stick / name).unlink()
    sender.bundle(stick, version)
    assert file.stat().st_ino == inode
    flip(file)
    (stick / MANIFEST).unlink()
    again = sender.bundle(stick, version)
    assert again.manifest.models == made.manifest.models
    assert file.read_bytes() == sender.blobs.path(file.name).read_bytes()


def test_folders_that_are_not_ours(sender: Office, tmp_path: Path) -> None:
    version = sender.model()
    (tmp_path / "photo.jpg").touch()
    assert code(lambda: sender.bundle(tmp_path, version)) == "bundle.target_in_use"
    other = tmp_path / "other"
    (other / "files").mkdir(parents=True)
    (other / "files" / "x").touch()
    assert code(lambda: sender.bundle(other, version)) == "bundle.target_in_use"
    assert code(lambda: sender.bundle(tmp_path / "photo.jpg", version)) == "bundle.unwritable"
    assert code(lambda: sender.bundle(Path("/proc/x"), version)) == "bundle.unwritable"


def test_a_damaged_model_is_not_carried(sender: Office, stick: Path) -> None:
    version = sender.model()
    flip(sender.blobs.path(models.get_version(sender.database, version).sha256))
    assert code(lambda: sender.bundle(stick, version)) == "model.file_damaged"
    assert not (stick / MANIFEST).exists()


def test_no_room(
    sender: Office, receiver: Office, stick: Path, alice: KeyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = sender.model()
    monkeypatch.setattr(creating, "free_bytes", lambda _: 10)
    assert code(lambda: sender.bundle(stick, version, key=alice)) == "disk.full"
    monkeypatch.setattr(creating, "free_bytes", lambda _: 1 << 40)
    monkeypatch.setattr(receiving, "free_bytes", lambda _: 10)
    sender.bundle(stick, version, key=alice)
    assert code(lambda: receiver.take(stick)) == "disk.full"
    assert receiver.stored() == []


def test_a_small_stick_and_a_pulled_one(
    sender: Office, receiver: Office, alice: KeyRecord, disk: SmallDisk
) -> None:
    disk.mount(12 * MIB)
    stick = disk.path / "bundle"
    large, other = sender.model("L", **LARGE), sender.model("M", seed=1, **LARGE)
    assert code(lambda: sender.bundle(stick, large, other, key=alice)) == "disk.full"
    shutil.rmtree(stick)
    made = sender.bundle(stick, large, key=alice, part_bytes=5 * MIB)
    kept = stick.parent.parent / "kept"
    shutil.copytree(stick, kept)
    worker = Worker(receiver.home)

    def pull(message: Any) -> None:
        if message.stage == "copying" and disk.path.joinpath("bundle").exists():
            disk.unmount()

    worker.listener = pull
    error = refused(lambda: admission.import_folder(worker.context, stick))
    worker.context.database.close()
    assert error.code == "bundle.file_missing"
    assert receiver.stored() == []
    # put in again
    disk.mount(12 * MIB)
    shutil.copytree(kept, stick)
    assert receiver.take(stick)["copied_bytes"] == made.manifest.size_bytes - 5 * MIB


def test_discarding(sender: Office, receiver: Office, stick: Path, alice: KeyRecord) -> None:
    receiver.require(2)
    made = sender.bundle(stick, sender.model(), key=alice)
    assert code(lambda: receiver.take(stick)) == "bundle.second_signature_missing"
    with receiving.alone(receiver.home, made.id):
        assert code(lambda: receiver.take(stick)) == "bundle.busy"
    (record,) = receiver.received()
    freed = admission.discard(receiver.home, receiver.database, receiver.blobs, record)
    assert freed == made.manifest.size_bytes
    assert (receiver.stored(), receiver.received()) == ([], [])
    receiver.require(1)
    receiver.take(stick)
    (record,) = receiver.received()
    with collecting.importing(receiver.home, "other"):
        late = code(lambda: admission.discard(receiver.home, receiver.database, receiver.blobs, record))
    assert late == "bundle.not_waiting"
    assert len(receiver.stored()) == 1


def test_the_manifest_is_the_signed_one(sender: Office, stick: Path, alice: KeyRecord) -> None:
    made = sender.bundle(stick, sender.model(), key=alice)
    content = (stick / MANIFEST).read_bytes()
    assert parse(content) == made.manifest
    assert to_bytes(made.manifest) == content
    assert isinstance(made.manifest.bom, BundleFile)
