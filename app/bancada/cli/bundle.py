"""``bancada bundle``: models carried across the air gap, signed, checked and receipted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bancada.catalog.bundles import admission, signing
from bancada.catalog.bundles.admission import BundleReport, inspect_bundle
from bancada.catalog.bundles.jobs import (
    BUNDLE_CREATE,
    BUNDLE_IMPORT,
    BundleCreateParams,
    BundleImportParams,
)
from bancada.catalog.bundles.manifest import FAT32_PART_BYTES, facts_of
from bancada.catalog.bundles.receipt import receipt_json, receipt_path, render_receipt
from bancada.catalog.bundles.signatures import fingerprint_text
from bancada.cli import text
from bancada.cli.command import (
    DONE,
    FAILED,
    Invocation,
    Nouns,
    UsageError,
    add_detach,
    clean,
    folder,
    refusal,
    whole,
)
from bancada.cli.keys import MAX_DAYS, passphrase_of
from bancada.cli.models import row_of
from bancada.cli.work import run_job
from bancada.context import AppContext
from bancada.core.errors import BancadaError, describe
from bancada.core.sizes import bytes_text
from bancada.jobs.spec import JobRecord
from bancada.storage import bundles, models
from bancada.storage.bundles import BundleRecord
from bancada.storage.files import write_durably

_MEBIBYTE: Final = 1 << 20
_MAX_PART: Final = 1 << 30


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("bundle", "transfer bundles: models carried by disk from one machine to another")
    parser = verbs.verb("create", "put models into a new folder, to be carried elsewhere", _create)
    _add_folder(parser, "the bundle's new folder")
    parser.add_argument(
        "--model", type=clean, action="append", default=[], metavar="MODEL", help="may be given again"
    )
    parser.add_argument(
        "--catalogue", type=folder, metavar="FILE", help="an edition of the catalogue of models"
    )
    _add_key(parser, required=False)
    parser.add_argument("--title", type=clean, default="", help="what it is for (default: the models' names)")
    parser.add_argument("--days", type=whole(1, MAX_DAYS), metavar="N", help="let it expire after N days")
    parser.add_argument(
        "--part-size",
        type=whole(1, _MAX_PART),
        default=FAT32_PART_BYTES // _MEBIBYTE,
        metavar="MIB",
        help="split larger files; the default suits FAT32 disks: 4095",
    )
    add_detach(parser)
    parser = verbs.verb("inspect", "say what is in a bundle and whether the rules allow it", _inspect)
    _add_folder(parser)
    parser = verbs.verb("import", "take a bundle's models into the library", _import)
    _add_folder(parser)
    add_detach(parser)
    parser = verbs.verb("sign", "add a signature to a bundle's folder", _sign)
    _add_folder(parser)
    _add_key(parser, required=True)
    verbs.verb("list", "list the bundles that were brought here", _list)
    parser = verbs.verb("approve", "sign what waits in quarantine, and take it into the library", _approve)
    _add_bundle(parser)
    _add_key(parser, required=True)
    parser = verbs.verb("receipt", "show the receipt of a bundle, or write it for the printer", _receipt)
    _add_bundle(parser)
    parser.add_argument("--out", type=folder, metavar="FILE", help="a file that ends with .html or .json")
    parser = verbs.verb("discard", "let go of a bundle that was not admitted", _discard)
    _add_bundle(parser)


def _add_folder(parser: Any, words: str = "the bundle's folder") -> None:
    parser.add_argument("folder", type=folder, metavar="DIR", help=words)


def _add_bundle(parser: Any) -> None:
    parser.add_argument("bundle", type=clean, metavar="BUNDLE", help="the begin of its number")


def _add_key(parser: Any, *, required: bool) -> None:
    parser.add_argument(
        "--sign", type=clean, required=required, metavar="KEY", help="a key of your own to sign it with"
    )


def _create(invocation: Invocation) -> int:
    options = invocation.options
    if not options.model and options.catalogue is None:
        raise UsageError("a bundle needs a --model or a --catalogue")
    with invocation.workspace() as context:
        versions = [context.library.find(one) for one in options.model]
        key = signing.usable_key(context.database, options.sign) if options.sign is not None else None
        # asked for before the long work, which nobody may be there to see the end of
        passphrase = passphrase_of(invocation, key) if key is not None else ""
        if key is not None:
            signing.check_passphrase(context.home, key, passphrase)
        params = BundleCreateParams(
            path=str(options.folder),
            version_ids=tuple(one.id for one in versions),
            title=options.title,
            issuer=key.id if key is not None else "",
            days=options.days,
            part_bytes=options.part_size * _MEBIBYTE,
            catalogue=str(options.catalogue or ""),
        )
        title = f"Bundle {', '.join(one.name for one in versions) or 'of a catalogue'}"[:200]
        result = run_job(invocation, context, BUNDLE_CREATE, params, title=title).result
        if key is not None:
            signing.sign_folder(context.home, context.database, options.folder, key, passphrase)
    invocation.console.document({**result, "signed_by": key.id if key is not None else None})
    console = invocation.console
    console.say(f"Made the bundle {result['bundle_id'][:12]} in {text.printable(str(options.folder))}")
    console.pairs(
        [
            ("Models", text.printable(", ".join(result["models"]))),
            ("Size", bytes_text(result["size_bytes"])),
            ("Signed by", text.printable(key.name) if key is not None else "nobody"),
        ]
    )
    if key is None:
        console.say("Others refuse it until it is signed: bancada bundle sign --sign KEY DIR")
    return DONE


def _inspect(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        report = inspect_bundle(context.database, context.blobs, invocation.options.folder)
    reason = report.problem or report.waiting
    invocation.console.document(_document(report, reason))
    _describe(invocation, report)
    if reason is not None:
        invocation.console.say(str(reason))
    # a bundle that the rules refuse is an answer for people, and a failure for scripts
    return DONE if reason is None else FAILED


def _document(report: BundleReport, reason: BancadaError | None) -> dict[str, Any]:
    manifest, judgement = report.folder.manifest, report.judgement
    words = describe(reason.code, reason.params) if reason is not None else None
    return {
        "bundle_id": report.folder.id,
        "title": manifest.title,
        "created_at": manifest.created_at,
        "expires_at": manifest.expires_at,
        "issuer": manifest.issuer or None,
        "sequence": manifest.sequence,
        "made_by": manifest.made_by,
        "size_bytes": manifest.size_bytes,
        "missing_bytes": report.missing_bytes,
        "catalogue": bool(manifest.catalogue),
        "models": [
            {
                "name": one.name,
                "version": one.version,
                "format": one.format,
                "license": one.license,
                "source": one.source,
                "sha256": one.sha256,
                "size_bytes": sum(file.size_bytes for file in one.files),
                "certificates": [facts_of(each, one.sha256)[0] for each in one.certificates],
            }
            for one in manifest.models
        ],
        "signatures": [
            {"key": one.key_id, "name": one.name or None, "standing": one.standing}
            for one in judgement.signers
        ],
        "signatures_required": judgement.needed,
        "not_of_the_bundle": list(report.strangers),
        "admissible": reason is None,
        "rule": None if reason is None else reason.code,
        "reason": None if words is None else f"{words.what} {words.meaning}",
    }


def _describe(invocation: Invocation, report: BundleReport) -> None:
    console, manifest = invocation.console, report.folder.manifest
    console.heading(f"Bundle {report.folder.short_id}: {text.printable(manifest.title)}")
    items = [
        ("Made", f"{manifest.created_at} by {text.printable(manifest.made_by)}"),
        ("Expires", manifest.expires_at or "never"),
        ("Number", str(manifest.sequence) if manifest.issuer else "none"),
        ("Size", f"{bytes_text(manifest.size_bytes)}, of which {bytes_text(report.missing_bytes)} are new"),
    ]
    items += [
        ("Signature", f"{text.printable(one.name) or fingerprint_text(one.key_id)}: {one.standing}")
        for one in report.judgement.signers
    ]
    if manifest.catalogue:
        items.append(("Catalogue", "an edition of the catalogue of models"))
    if report.strangers:
        items.append(("Not of the bundle", text.printable(", ".join(report.strangers))))
    console.pairs(items)
    console.table(
        ("Model", "Format", "Licence", "Certificate", "Size"),
        [
            (
                text.printable(f"{one.name}:{one.version}"),
                one.format,
                text.printable(one.license) or "not stated",
                ", ".join(facts_of(each, one.sha256)[0] for each in one.certificates) or "none",
                bytes_text(sum(file.size_bytes for file in one.files)),
            )
            for one in manifest.models
        ],
        right=(4,),
    )


def _import(invocation: Invocation) -> int:
    path = invocation.options.folder
    with invocation.workspace() as context:
        params = BundleImportParams(path=str(path))
        record = run_job(invocation, context, BUNDLE_IMPORT, params, title=f"Import bundle {path.name}")
        return _report_admitted(invocation, context, record)


def _report_admitted(invocation: Invocation, context: AppContext, record: JobRecord) -> int:
    result = record.result
    versions = [models.get_version(context.database, one) for one in result["version_ids"]]
    page = receipt_path(context.home, result["bundle_id"], "html")
    invocation.console.document(
        {
            "bundle_id": result["bundle_id"],
            "state": "admitted",
            "copied_bytes": result["copied_bytes"],
            "models": [row_of(one) for one in versions],
            "receipt": result["receipt"],
            "receipt_page": str(page),
        }
    )
    names = ", ".join(f"{one.name}:{one.version}" for one in versions)
    console = invocation.console
    console.say(f"Admitted bundle {result['bundle_id'][:12]}: {text.printable(names)}")
    console.say(f"{bytes_text(result['copied_bytes'])} were copied. The receipt, to be printed: {page}")
    return DONE


def _sign(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        key = signing.usable_key(context.database, options.sign)
        passphrase = passphrase_of(invocation, key)
        signing.sign_folder(context.home, context.database, options.folder, key, passphrase)
    invocation.console.document({"path": str(options.folder), "signed_by": key.id, "name": key.name})
    invocation.console.say(f"Signed by {text.printable(key.name)}.")
    return DONE


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        records = bundles.list_bundles(context.database)
    invocation.console.listing(
        [_row(one) for one in records],
        "No bundle was brought here yet. Bring one with: bancada bundle import DIR",
        ("Bundle", "State", "Number", "Brought (UTC)", "Title"),
        [
            (one.id[:12], one.state, str(one.sequence), one.created_at[:16], text.printable(one.title))
            for one in records
        ],
        right=(2,),
        optional=(2, 3),
    )
    return DONE


def _row(record: BundleRecord) -> dict[str, Any]:
    return {
        "bundle_id": record.id,
        "title": record.title,
        "state": record.state,
        "issuer": record.issuer or None,
        "sequence": record.sequence,
        "source": record.source,
        "created_at": record.created_at,
        "changed_at": record.changed_at,
    }


def _approve(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        record = bundles.find(context.database, options.bundle)
        key = signing.usable_key(context.database, options.sign)
        passphrase = passphrase_of(invocation, key)
        signing.approve(context.home, context.database, record, key, passphrase)
        params = BundleImportParams(bundle_id=record.id)
        job = run_job(invocation, context, BUNDLE_IMPORT, params, title=f"Admit bundle {record.id[:12]}")
        return _report_admitted(invocation, context, job)


def _receipt(invocation: Invocation) -> int:
    out: Path | None = invocation.options.out
    with invocation.workspace() as context:
        record = bundles.find(context.database, invocation.options.bundle)
    if record.receipt is None:
        raise BancadaError("bundle.no_receipt", bundle=record.id[:12])
    console = invocation.console
    if out is not None:
        as_page = out.suffix.lower() in (".html", ".htm")
        content = render_receipt(record.receipt).encode() if as_page else receipt_json(record.receipt)
        try:
            write_durably(out, content)
        except OSError as error:
            raise refusal(error) from error
    console.document(record.receipt)
    console.say(f"Wrote {out}" if out is not None else receipt_json(record.receipt).decode("ascii").rstrip())
    return DONE


def _discard(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        record = bundles.find(context.database, invocation.options.bundle)
        freed = admission.discard(context.home, context.database, context.blobs, record)
    invocation.console.document({"bundle_id": record.id, "freed_bytes": freed})
    invocation.console.say(f"Discarded bundle {record.id[:12]}; {bytes_text(freed)} freed.")
    return DONE
