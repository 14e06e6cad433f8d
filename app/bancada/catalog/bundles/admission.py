"""From the folder to the library: the rules, quarantine, a look at the content, the second signature."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bancada.catalog import collecting, onnx_folder
from bancada.catalog.bundles import receiving
from bancada.catalog.bundles.folder import BundleFolder, absent, check_files, read_bom, read_folder, strangers
from bancada.catalog.bundles.manifest import BundleModel, Manifest, facts_of, parse
from bancada.catalog.bundles.receipt import make_receipt, write_receipt
from bancada.catalog.bundles.rules import Judgement, judge
from bancada.catalog.catalogue import reading, shelf
from bancada.catalog.content import folder_hash
from bancada.catalog.gguf_header import read_header
from bancada.catalog.hf_folder import plan_hf
from bancada.catalog.hub.file_policy import TAKEN, kind_of
from bancada.catalog.inspection import ImportPlan, plan_folder, plan_gguf
from bancada.catalog.names import chosen_name
from bancada.core.errors import BancadaError, describe
from bancada.core.paths import Home
from bancada.jobs.job_context import JobContext
from bancada.storage import audit, bundles, certificates, models, signing_keys
from bancada.storage.blobs import BlobStore
from bancada.storage.bundles import BundleRecord
from bancada.storage.certificates import NewCertificate
from bancada.storage.connection import Database
from bancada.storage.models import FileRecord, NewVersion, VersionRecord


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What a bundle is, before any of it is taken.

    ``missing_bytes`` is what importing would copy; ``problem`` is the rule that refuses it, ``waiting``
    the rule that keeps it in quarantine. ``absent`` names files that must come on another disk.
    """

    folder: BundleFolder
    judgement: Judgement
    missing_bytes: int
    strangers: tuple[str, ...]
    problem: BancadaError | None
    waiting: BancadaError | None
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admitted:
    """The models as they are in the library now, and the receipt."""

    bundle_id: str
    versions: tuple[VersionRecord, ...]
    copied_bytes: int
    receipt: dict[str, Any]


def inspect_bundle(
    database: Database, blobs: BlobStore, path: Path, *, all_there: bool = True
) -> BundleReport:
    """Look at a bundle without writing anything; the files' content is not read.

    Without ``all_there`` files may be absent: a bundle may come on several disks.

    Raises:
        BancadaError: ``bundle.*`` when it cannot be a bundle, or not all of it is there.
    """
    folder = read_folder(path)
    read_bom(folder)
    contents = folder.manifest.contents()
    check_files(folder, contents, all_there=all_there)
    judgement = judge(database, folder.id, folder.content, folder.manifest, folder.signatures)
    missing = [one for one in contents if not blobs.path(one.sha256).exists()]
    return BundleReport(
        folder,
        judgement,
        sum(one.size_bytes for one in missing),
        tuple(strangers(folder)),
        judgement.problem(),
        judgement.waiting(),
        tuple(absent(folder, missing)),
    )


def import_folder(ctx: JobContext, path: Path) -> Admitted:
    """Take a bundle in.

    Nothing is written before the rules allow it; nothing is listed before all of it is verified, looked
    at and signed as often as the rules say.

    Raises:
        BancadaError: ``bundle.*`` naming the rule or the file; ``bundle.second_signature_missing`` when it
            waits in quarantine from now on; ``model.*`` for a model that would not be imported either.
        Canceled: what was received is kept for the next time.
    """
    ctx.progress("inspecting", 0, None)
    subject, title = str(path), ""
    try:
        folder = read_folder(path)
        subject, title = folder.id, folder.manifest.title
        judgement = judge(ctx.database, folder.id, folder.content, folder.manifest, folder.signatures)
        judgement.check()
        with receiving.alone(ctx.home, folder.id), collecting.importing(ctx.home, ctx.job_id):
            _begin(ctx.database, folder, judgement)
            copied = receiving.receive(ctx, folder)
            return _admit(ctx, bundles.get(ctx.database, folder.id), folder.manifest, copied)
    except BancadaError as error:
        _record_refusal(ctx.database, subject, error, title=title, path=str(path))
        raise


def admit_waiting(ctx: JobContext, bundle_id: str) -> Admitted:
    """Judge again what waits in quarantine, for example after a second signature.

    Raises:
        BancadaError: ``bundle.not_found``, ``bundle.not_waiting``, or as :func:`import_folder`.
    """
    record = bundles.get(ctx.database, bundle_id)
    if record.state == "receiving":
        raise BancadaError("bundle.not_waiting", bundle=bundle_id[:12])
    try:
        with receiving.alone(ctx.home, bundle_id), collecting.importing(ctx.home, ctx.job_id):
            manifest = parse(record.manifest.encode("ascii"))
            # copied when it was received, perhaps days ago
            return _admit(ctx, record, manifest, bundles.held_bytes(ctx.database, bundle_id))
    except BancadaError as error:
        _record_refusal(ctx.database, bundle_id, error, title=record.title, path=record.source)
        raise


def discard(home: Home, database: Database, blobs: BlobStore, record: BundleRecord) -> int:
    """Let go of a bundle that was not admitted, and of what was received of it.

    Returns:
        The bytes freed.

    Raises:
        BancadaError: ``bundle.not_waiting`` for an admitted one (remove its models instead), ``bundle.busy``.
    """
    if record.state == "admitted":
        raise BancadaError("bundle.not_waiting", bundle=record.id[:12])
    with receiving.alone(home, record.id):
        with database.transaction():
            bundles.discard(database, record.id)
            audit.append(database, "user", "bundle.discarded", record.id, {"title": record.title})
        freed = receiving.remove_incoming(home, record.id)
        return freed + collecting.collect(home, blobs)


def _record_refusal(database: Database, subject: str, error: BancadaError, *, title: str, path: str) -> None:
    action = "bundle.waiting" if error.code == "bundle.second_signature_missing" else "bundle.refused"
    detail = {
        "rule": error.code,
        "detail": str(error)[:1000],
        "reason": describe(error.code, error.params).what[:500],
        "title": title,
        "path": path,
    }
    audit.append(database, "user", action, subject, detail)


def _begin(database: Database, folder: BundleFolder, judgement: Judgement) -> None:
    manifest = folder.manifest
    with database.transaction():
        bundles.begin(
            database,
            bundle_id=folder.id,
            title=manifest.title,
            issuer=manifest.issuer,
            sequence=manifest.sequence,
            manifest=folder.content.decode("ascii"),
            source=str(folder.path),
        )
        right = {one.key_id for one in judgement.signers if one.standing == "trusted"}
        for signature in folder.signatures:
            if signature.key_id in right:
                bundles.add_signature(database, folder.id, signature.key_id, signature.signature)


def _admit(ctx: JobContext, record: BundleRecord, manifest: Manifest, copied: int) -> Admitted:
    """Look at the content, ask the rules again, and put all of it into the library at once."""
    try:
        if manifest.catalogue and record.state != "admitted":
            shelf.check_newer(ctx.home, reading.parse(manifest.catalogue.encode()))
        plans = [_look(ctx, record.id, index, one) for index, one in enumerate(manifest.models)]
    except BancadaError:
        bundles.discard(ctx.database, record.id)
        raise
    bundles.quarantine(ctx.database, record.id)
    judgement = judge(ctx.database, record.id, record.manifest.encode("ascii"), manifest, ())
    judgement.check()
    waiting = judgement.waiting()
    if waiting is not None:
        if record.state == "admitted":
            bundles.discard(ctx.database, record.id)  # its models hold what they need
        raise waiting
    with ctx.database.transaction():
        versions = _add_all(ctx.database, record, manifest, plans)
        receipt = make_receipt(record, manifest, judgement, versions, copied)
        if manifest.catalogue:
            receipt["catalogue"] = _install(ctx.home, manifest.catalogue, again=record.state == "admitted")
        written = write_receipt(ctx.home, record.id, receipt)
        signing_keys.note_admitted(ctx.database, manifest.issuer, manifest.sequence)
        bundles.admit(ctx.database, record.id, receipt, sha256=hashlib.sha256(written).hexdigest())
    return Admitted(record.id, tuple(versions), copied, receipt)


def _install(home: Home, text: str, *, again: bool) -> dict[str, Any]:
    """Take the bundle's edition of the catalogue into use; that of an old bundle is not used once more."""
    found = reading.parse(text.encode())
    if not again or found.edition > shelf.current(home).catalogue.edition:
        shelf.install(home, text.encode())
    return {"edition": found.edition, "date": found.date, "sha256": found.sha256}


def _look(ctx: JobContext, bundle_id: str, index: int, model: BundleModel) -> ImportPlan:
    """What an import of the same files would find; raises BancadaError ``model.*``."""
    ctx.progress("checking", index, None)
    chosen_name(model.name)
    paths = {one.path: ctx.blobs.ensure_intact(one.sha256) for one in model.files}
    hashes = {one.path: one.sha256 for one in model.files}
    found = folder_hash(hashes.items())
    if model.format == "gguf":
        (path,) = paths.values()
        plan, found = plan_gguf(Path(f"{model.name}.gguf"), read_header(path)), model.files[0].sha256
    elif model.format == "hf":
        plan = plan_hf(model.name, {name: path for name, path in paths.items() if kind_of(name) in TAKEN})
        _check_complete(model, plan)
    else:
        view = ctx.blobs.view(f"bundle-{bundle_id[:16]}-{index}", hashes)
        plan = plan_folder(view, onnx_folder.inspect(view, foreign=False))
        _check_complete(model, plan)
    if found != model.sha256:
        raise BancadaError("bundle.model_differs", name=model.name, detail="its sha256 is another one")
    return plan


def _check_complete(model: BundleModel, plan: ImportPlan) -> None:
    left_out = sorted({one.path for one in model.files} - set(plan.files))
    if left_out:
        detail = f"it holds files that are no part of a model, such as {left_out[0]!a}"
        raise BancadaError("bundle.model_differs", name=model.name, detail=detail[:200])


def _add_all(
    database: Database, record: BundleRecord, manifest: Manifest, plans: list[ImportPlan]
) -> list[VersionRecord]:
    """One version for each model; what was made of another one in the bundle comes after it."""
    known = {one.sha256: one.id for one in models.list_versions(database)}
    added: dict[int, VersionRecord] = {}
    for index in sorted(range(len(plans)), key=lambda one: len(manifest.models[one].lineage)):
        model, plan = manifest.models[index], plans[index]
        parent = next((known[one.sha256] for one in model.lineage if one.sha256 in known), None)
        new = _new_version(record, model, plan, parent)
        files = [FileRecord(one.path, one.sha256, one.size_bytes) for one in model.files]
        added[index] = models.add_version(database, chosen_name(model.name), new, files)
        known.setdefault(model.sha256, added[index].id)
        _add_certificates(database, model, added[index], known)
    return [added[index] for index in range(len(plans))]


def _add_certificates(
    database: Database, model: BundleModel, version: VersionRecord, known: dict[str, str]
) -> None:
    """Keep what was found elsewhere, signed as it came; whether the signature counts is asked when shown."""
    for one in model.certificates:
        verdict, source_sha256 = facts_of(one, model.sha256)
        certificates.add(
            database,
            NewCertificate(
                version_id=version.id,
                source_version_id=known.get(source_sha256),
                version_sha256=model.sha256,
                source_sha256=source_sha256,
                verdict=verdict,
                report=one.report,
                key_id=one.key_id or None,
                signature=one.signature or None,
            ),
        )


def _new_version(
    record: BundleRecord, model: BundleModel, plan: ImportPlan, parent: str | None
) -> NewVersion:
    """Facts come from the files themselves; the manifest adds where they came from."""
    origin = {
        "id": record.id,
        "title": record.title,
        "issuer": record.issuer,
        "sequence": record.sequence,
        "source": model.source,
        "produced_by": model.produced_by,
        "lineage": [f"{one.name}:{one.version} {one.sha256}" for one in model.lineage],
    }
    return NewVersion(
        format=plan.format,
        architecture=plan.architecture,
        quantization=plan.quantization,
        parameters=plan.parameters,
        bits_per_weight=plan.bits_per_weight,
        layers=plan.layers,
        context_length=plan.context_length,
        license=plan.license or model.license[:200],
        size_bytes=sum(one.size_bytes for one in model.files),
        sha256=model.sha256,
        source=f"bundle {record.id[:12]} ({record.title}), before that {model.source or 'not stated'}",
        chat_template=plan.chat_template,
        metadata={**plan.metadata, "papers": model.papers, "bundle": origin},
        warnings=plan.warnings,
        parent_version_id=parent,
    )
