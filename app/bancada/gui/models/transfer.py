"""What the Transfer view shows: bundles that wait, what came and went, keys, and one bundle looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from PySide6.QtCore import QStorageInfo

from bancada.catalog.bundles import keys, receiving
from bancada.catalog.bundles.admission import inspect_bundle
from bancada.catalog.bundles.manifest import FORMATS, Manifest, parse
from bancada.catalog.bundles.rules import REQUIRED, Judgement, judge
from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.storage import audit, bundles, settings, signing_keys
from bancada.storage.audit import AuditEvent
from bancada.storage.bundles import BundleRecord
from bancada.storage.models import VersionRecord
from bancada.storage.signing_keys import KeyRecord
from bancada.storage.sqlite_errors import free_bytes

#: file systems that cannot hold a file of 4 GiB
SMALL_FILES_ONLY: Final = frozenset({"vfat", "msdos", "fat", "fat32"})
#: refusals that end when the disk is connected again: the import stopped, nobody refused anything
_STOPPED: Final = frozenset({"bundle.file_missing", "bundle.unreadable", "bundle.busy", "disk.full"})

#: what was received is kept, and another attempt with a whole copy of the folder goes on there
_CONTINUES: Final = _STOPPED | {"bundle.file_damaged", "bundle.size_differs"}

Standing = Literal["trusted", "revoked", "expired"]
HistoryState = Literal["admitted", "quarantined", "receiving", "stopped", "refused", "discarded", "made"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key, and whether its signatures count now."""

    record: KeyRecord
    standing: Standing

    @property
    def usable(self) -> bool:
        """Whether it can sign here."""
        return self.record.own and self.standing == "trusted"


@dataclass(frozen=True, slots=True)
class BundleLook:
    """One bundle with what the rules say; ``state`` is that of its row here, empty for one only looked at.

    ``path`` is the folder it lies in or came from. ``missing_bytes`` is what an import would copy, ``free``
    what the library's disk has; ``absent`` are files that are not on this disk. ``reason`` says why the
    last attempt ended, empty when it did not.
    """

    id: str
    path: Path
    manifest: Manifest
    judgement: Judgement
    missing_bytes: int
    free: int
    state: str = ""
    absent: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    reason: str = ""

    @property
    def received_bytes(self) -> int:
        """How much of it is here."""
        return self.manifest.size_bytes - self.missing_bytes

    @property
    def fits(self) -> bool:
        """Whether the disk has room for what is missing."""
        return self.missing_bytes <= self.free


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A bundle that came in or went out, or an attempt that was refused.

    ``signed_by`` names the issuer's key; ``reason`` says why it was refused, with the file or the rule.
    """

    id: str
    outgoing: bool
    state: HistoryState
    title: str
    signed_by: str
    sequence: int
    size_bytes: int | None
    at: str
    bundle_id: str
    path: str
    reason: str = ""
    receipt: dict[str, Any] | None = None
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the view shows when nothing is opened. ``required`` is the rule of signatures."""

    required: int
    keys: tuple[KeyRow, ...]
    waiting: tuple[BundleLook, ...]
    history: tuple[HistoryRow, ...]


def load_overview(context: AppContext) -> Overview:
    """Read keys, bundles and their story."""
    database = context.database
    rows = load_keys(context)
    events = audit.list_actions(database, ("bundle.refused", "bundle.made", "bundle.discarded"))
    records = bundles.list_bundles(database)
    reasons: dict[str, str] = {}
    for event in events:
        if event.action == "bundle.refused":
            reasons.setdefault(event.subject, _reason(event))
    waiting = [
        _look_at_waiting(context, one, reasons.get(one.id, "")) for one in records if one.state != "admitted"
    ]
    return Overview(
        int(settings.get(database, REQUIRED)),
        tuple(rows),
        tuple(waiting),
        tuple(_history(context, records, events, {one.record.id: one.record.name for one in rows})),
    )


def load_keys(context: AppContext) -> list[KeyRow]:
    """All keys by name."""
    at = datetime.now(UTC)
    return [
        KeyRow(one, "expired" if one.trust == "trusted" and keys.has_expired(one, at) else one.trust)
        for one in signing_keys.list_keys(context.database)
    ]


def look_at_bundle(context: AppContext, path: Path) -> BundleLook:
    """Inspect a bundle's folder; nothing is written.

    Raises:
        BancadaError: ``bundle.*`` when it is no bundle, is damaged or hostile.
    """
    report = inspect_bundle(context.database, context.blobs, path, all_there=False)
    record = bundles.lookup(context.database, report.folder.id)
    here = receiving.received_bytes(
        context.home, context.blobs, report.folder.id, report.folder.manifest.contents()
    )
    return BundleLook(
        report.folder.id,
        path,
        report.folder.manifest,
        report.judgement,
        report.folder.manifest.size_bytes - here,
        free_bytes(context.home.root),
        "" if record is None else record.state,
        report.absent,
        report.strangers,
    )


def look_at_record(context: AppContext, bundle_id: str) -> BundleLook:
    """A bundle that was brought here, judged anew; raises BancadaError ``bundle.not_found``."""
    return _look_at_waiting(context, bundles.get(context.database, bundle_id), "")


def carriable(context: AppContext) -> list[VersionRecord]:
    """The library's versions that a bundle can hold, newest first."""
    return [one for one in context.library.list() if one.format in FORMATS]


def place_of(path: Path) -> tuple[int, str]:
    """Free bytes where ``path`` is or would be, and the name of the file system there (small letters)."""
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    system = bytes(QStorageInfo(str(there)).fileSystemType().data())
    return free_bytes(path), system.decode("ascii", "replace").lower()


def _look_at_waiting(context: AppContext, record: BundleRecord, reason: str) -> BundleLook:
    content = record.manifest.encode("ascii")
    manifest = parse(content)
    here = receiving.received_bytes(context.home, context.blobs, record.id, manifest.contents())
    return BundleLook(
        record.id,
        Path(record.source),
        manifest,
        judge(context.database, record.id, content, manifest, ()),
        manifest.size_bytes - here,
        free_bytes(context.home.root),
        record.state,
        reason=reason,
    )


def _history(
    context: AppContext, records: list[BundleRecord], events: list[AuditEvent], names: dict[str, str]
) -> list[HistoryRow]:
    rows = [_came(one, names) for one in records]
    signed = {one.subject for one in audit.list_actions(context.database, ("bundle.signed",))}
    for event in events:
        if event.action == "bundle.made":
            rows.append(_made(event, names, signed=event.subject in signed))
        elif event.action == "bundle.refused":
            rows.append(_refused(event))
        else:
            rows.append(_discarded(event))
    return sorted(rows, key=lambda one: one.at, reverse=True)


def _came(record: BundleRecord, names: dict[str, str]) -> HistoryRow:
    receipt = record.receipt or {}
    size = sum(one["size_bytes"] for one in receipt.get("models", [])) if receipt else None
    return HistoryRow(
        id=f"in-{record.id}",
        outgoing=False,
        state=record.state,
        title=record.title,
        signed_by=_signer(record.issuer, names),
        sequence=record.sequence,
        size_bytes=size,
        at=record.changed_at,
        bundle_id=record.id,
        path=record.source,
        receipt=record.receipt,
    )


def _made(event: AuditEvent, names: dict[str, str], *, signed: bool) -> HistoryRow:
    detail = event.detail
    return HistoryRow(
        id=f"event-{event.seq}",
        outgoing=True,
        state="made",
        title=str(detail.get("title", "")),
        signed_by=_signer(str(detail.get("issuer", "")), names),
        sequence=int(detail.get("sequence", 0)),
        size_bytes=int(detail.get("size_bytes", 0)),
        at=event.at,
        bundle_id=event.subject,
        path=str(detail.get("path", "")),
        signed=signed or not detail.get("issuer"),
    )


def _refused(event: AuditEvent) -> HistoryRow:
    path = str(event.detail.get("path", event.subject))
    state: HistoryState = "stopped" if event.detail.get("rule") in _STOPPED else "refused"
    return _event_row(event, state, str(event.detail.get("title") or Path(path).name), path, _reason(event))


def _discarded(event: AuditEvent) -> HistoryRow:
    return _event_row(event, "discarded", str(event.detail.get("title", "")), "", "")


def _event_row(event: AuditEvent, state: HistoryState, title: str, path: str, reason: str) -> HistoryRow:
    return HistoryRow(
        id=f"event-{event.seq}",
        outgoing=False,
        state=state,
        title=title,
        signed_by="",
        sequence=0,
        size_bytes=None,
        at=event.at,
        bundle_id=event.subject,
        path=path,
        reason=reason,
    )


def _reason(event: AuditEvent) -> str:
    return str(event.detail.get("reason") or event.detail.get("detail", ""))


def _signer(key_id: str, names: dict[str, str]) -> str:
    return names.get(key_id) or (fingerprint_text(key_id)[:9] if key_id else "")


def usable_keys(rows: tuple[KeyRow, ...]) -> list[KeyRecord]:
    """The keys of our own that can sign now."""
    return [one.record for one in rows if one.usable]


def can_continue(error: BaseException) -> bool:
    """Whether an import that ended so goes on where it stopped when it is run again."""
    return isinstance(error, BancadaError) and error.code in _CONTINUES
