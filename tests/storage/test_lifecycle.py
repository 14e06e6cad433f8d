"""Tags, aliases and stages: the queries, the rules, and the log of who did what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bancada.catalog import lifecycle as rules
from bancada.core.account import account_name
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.storage import audit, bundles, certificates, conversations, lifecycle, lineage, models, runs
from bancada.storage.blobs import BlobStore
from bancada.storage.certificates import NewCertificate, Verdict
from bancada.storage.connection import Database
from bancada.storage.models import FileRecord, NewVersion, VersionRecord

Make = Callable[..., VersionRecord]


@pytest.fixture
def make(db: Database, home: Home) -> Make:
    """Stores a version of the given content: ``make(name, content, parent=, run=)``."""

    def run(name: str, content: bytes, parent: str | None = None, run: str | None = None) -> VersionRecord:
        blob = BlobStore(home, db).put_bytes(content)
        new = NewVersion(
            "gguf", "llama", "Q4_1", 10, 4.5, 2, 100, "mit", blob.size_bytes, blob.sha256, "a file",
            parent_version_id=parent, produced_by_run_id=run,
        )  # fmt: skip
        return models.add_version(db, name, new, [FileRecord("m.gguf", blob.sha256, blob.size_bytes)])

    return run


def refused(code: str, call: Callable[[], object]) -> BancadaError:
    with pytest.raises(BancadaError) as caught:
        call()
    assert caught.value.code == code
    return caught.value


def certify(db: Database, version: VersionRecord, verdict: Verdict, report: str) -> None:
    certificates.add(db, NewCertificate(version.id, None, version.sha256, "0" * 64, verdict, f'"{report}"'))


def test_a_stage_has_an_author_and_a_reason(db: Database, make: Make) -> None:
    one = make("m", b"1")
    assert lifecycle.stage_of(db, one.id) == "none"
    assert lifecycle.stages(db) == {}
    rules.set_stage(db, one.id, "candidate")
    refused("model.reason_needed", lambda: rules.set_stage(db, one.id, "approved", reason="  "))
    refused("model.stage_unknown", lambda: rules.set_stage(db, one.id, "famous"))
    refused("model.reason_long", lambda: rules.set_stage(db, one.id, "retired", reason="x" * 1_001))
    refused("model.not_found", lambda: rules.set_stage(db, "nobody", "candidate"))
    rules.set_stage(db, one.id, "approved", reason="passed the suite", override="not needed")
    assert lifecycle.stages(db) == {one.id: "approved"}
    newest, oldest = rules.history(db, one.model_id)
    assert (newest.what, newest.value, newest.version) == ("stage", "approved", 1)
    assert (newest.actor, newest.reason) == (account_name(), "passed the suite")
    assert newest.override == ""  # nothing was overruled
    assert oldest.value == "candidate"
    events = [event for event in audit.list_page(db) if event.action == "model.stage_set"]
    assert [event.detail["before"] for event in events] == ["candidate", "none"]
    assert audit.verify(db).ok


def test_an_alias_names_one_version_wherever_a_model_is_named(db: Database, make: Make) -> None:
    one, two, other = make("m", b"1"), make("m", b"2"), make("odd@home", b"3")
    assert rules.set_alias(db, one.id, " Production ", reason="the office asked") == "production"
    assert models.find(db, "m@production") == one
    assert models.find(db, "M@PRODUCTION") == one
    assert models.find(db, "m") == two
    assert models.find(db, "odd@home") == other
    rules.set_alias(db, two.id, "production")
    assert models.find(db, "m@production") == two
    assert [alias.version for alias in lifecycle.aliases(db, one.model_id)] == [2]
    refused("model.not_found", lambda: models.find(db, "m@nightly"))
    for bad in ("", "1st", "a b", "x" * 41, "a@b", "a:1"):
        refused("model.alias_invalid", lambda bad=bad: rules.set_alias(db, one.id, bad))  # type: ignore[misc]
    assert models.uses(db, two.id).aliases == ("production",)
    rules.remove_alias(db, one.model_id, "Production", reason="gone")
    refused("model.alias_not_found", lambda: rules.remove_alias(db, one.model_id, "production"))
    assert [change.what for change in rules.history(db, one.model_id)] == [
        "alias_removed", "alias_set", "alias_set"
    ]  # fmt: skip


def test_what_is_retired_has_no_alias(db: Database, make: Make) -> None:
    one, two = make("m", b"1"), make("m", b"2")
    rules.set_alias(db, one.id, "production")
    error = refused("model.still_aliased", lambda: rules.set_stage(db, one.id, "retired", reason="old"))
    assert error.params["aliases"] == "production"
    rules.set_alias(db, two.id, "production")
    rules.set_stage(db, one.id, "retired", reason="old")
    refused("model.retired", lambda: rules.set_alias(db, one.id, "production"))
    assert models.find(db, "m@production") == two


def test_a_red_certificate_is_overruled_only_in_words(db: Database, make: Make) -> None:
    one = make("m", b"1")
    certify(db, one, "green", "first")
    certify(db, one, "red", "second")
    refused("model.certificate_red", lambda: rules.set_stage(db, one.id, "approved", reason="fast"))
    refused("model.certificate_red", lambda: rules.set_alias(db, one.id, "production"))
    rules.set_stage(db, one.id, "candidate")  # no promise to anybody
    rules.set_stage(db, one.id, "approved", reason="fast", override="only for drafts")
    rules.set_alias(db, one.id, "draft", override="only for drafts")
    assert [change.override for change in rules.history(db, one.model_id)] == [
        "only for drafts", "only for drafts", ""
    ]  # fmt: skip
    certify(db, one, "green", "third")
    rules.set_alias(db, one.id, "production")


def test_tags_are_a_set_without_case(db: Database, make: Make) -> None:
    one = make("m", b"1")
    assert rules.set_tags(db, one.model_id, ["Office", "  two   words", "office"]) == ("office", "two words")
    assert lifecycle.all_tags(db) == {one.model_id: ("office", "two words")}
    before = len(audit.list_page(db))
    rules.set_tags(db, one.model_id, ["office", "two words"])
    assert len(audit.list_page(db)) == before  # nothing changed
    for bad in ("", "a,b", "x" * 41, "a\0b"):
        refused("model.tag_invalid", lambda bad=bad: rules.set_tags(db, one.model_id, [bad]))  # type: ignore[misc]
    refused("model.tags_many", lambda: rules.set_tags(db, one.model_id, map(str, range(31))))
    refused("model.not_found", lambda: rules.set_tags(db, "nobody", ["a"]))
    assert rules.set_tags(db, one.model_id, []) == ()


def test_removal_takes_the_words_along_and_says_what_breaks(db: Database, make: Make, home: Home) -> None:
    one = make("m", b"1")
    two = make("m", b"2", parent=one.id)
    rules.set_alias(db, one.id, "production")
    rules.set_stage(db, one.id, "candidate")
    rules.set_tags(db, one.model_id, ["a"])
    conversations.create(db, "Talk", model_version_id=one.id)
    certify(db, one, "green", "x")
    certificates.add(db, NewCertificate(two.id, one.id, two.sha256, one.sha256, "green", '"y"'))
    bundles.begin(db, bundle_id="b" * 64, title="t", issuer="", sequence=0, manifest="{}", source="/stick")
    bundles.hold(db, "b" * 64, one.sha256)
    bundles.quarantine(db, "b" * 64)
    found = models.uses(db, one.id)
    assert (found.conversations, found.children, found.aliases) == (1, 1, ("production",))
    assert (found.certificates, found.compared, found.bundles) == (1, 1, 1)
    assert found.own_bytes == 0  # the bundle needs the file
    assert models.uses(db, two.id).own_bytes == 1
    models.remove_version(db, one.id)
    assert lifecycle.aliases(db, one.model_id) == ()
    assert lifecycle.stages(db) == {}
    assert lifecycle.tags(db, two.model_id) == ("a",)


def test_a_family_is_found_from_every_member(db: Database, make: Make) -> None:
    root = make("base", b"1")
    run = runs.start(db, "quantize", "Q4_K_M of base", {"type": "Q4_K_M"}, {})
    child = make("small", b"2", parent=root.id, run=run)
    grandchild = make("tuned", b"3", parent=child.id)
    sibling = make("small", b"4")
    stranger = make("other", b"5")
    expected = {root.id, child.id, grandchild.id, sibling.id}
    for one in (root, child, grandchild):
        found = lineage.family(db, one.id)
        assert {kin.id for kin in found} >= {root.id, child.id, grandchild.id}
    found = lineage.family(db, child.id)
    assert {kin.id for kin in found} == expected
    assert stranger.id not in {kin.id for kin in found}
    made = next(kin for kin in found if kin.id == child.id)
    assert (made.parent_id, made.run_kind, made.run_params) == (root.id, "quantize", {"type": "Q4_K_M"})
    assert next(kin for kin in found if kin.id == root.id).run_kind == ""


def test_two_thousand_versions_are_read_in_few_queries(db: Database, make: Make) -> None:
    with db.transaction():
        for at in range(2_000):
            new = NewVersion("gguf", "llama", "Q4_0", 1, 4.5, 4, 2_048, "MIT", 1, f"{at:064x}", "x")
            version = models.add_version(db, f"Model {at}", new, [])
            lifecycle.set_stage(db, version.id, "candidate", actor="a", reason="")
            lifecycle.set_tags(db, version.model_id, ["a", "b"], actor="a")
            lifecycle.set_alias(db, version.id, "production", actor="a")
    assert len(lifecycle.stages(db)) == len(lifecycle.all_tags(db)) == len(lifecycle.all_aliases(db)) == 2_000
