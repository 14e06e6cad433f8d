"""``bancada certify`` and ``bancada certificates``: a file compared with the one it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bancada.catalog.certificate_signing import CertificateSignature, sign_if_possible, signature_of
from bancada.cli import text
from bancada.cli.bench import write_file
from bancada.cli.command import DONE, FAILED, Invocation, Nouns, UsageError, add_detach, clean, folder, whole
from bancada.cli.console import Console
from bancada.cli.work import run_job
from bancada.context import AppContext
from bancada.core.errors import BancadaError
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode
from bancada.quantization.certificate import Certificate, parse
from bancada.quantization.jobs import CERTIFY, CertifyParams
from bancada.quantization.page import divergence_rows, fault_words, render, speed_rows
from bancada.quantization.variants import variants
from bancada.quantization.verdict import at_least
from bancada.storage import certificates, models
from bancada.storage.certificates import SHORTEST_ID, CertificateRecord
from bancada.storage.models import VersionRecord

_MAX_CONTEXT: Final = 32_768


def add(nouns: Nouns) -> None:
    """Add the command and the noun to the grammar."""
    parser = nouns.command("certify", "compare a model with the one it was made from, and judge it", _certify)
    parser.add_argument("model", type=clean, metavar="MODEL", help="name, name:version, or id")
    parser.add_argument(
        "--against", type=clean, metavar="SOURCE", help="the model it was made from (default: as recorded)"
    )
    parser.add_argument(
        "--text",
        type=folder,
        metavar="FILE",
        help="a text of your own, of which short passages are kept (default: a neutral one)",
    )
    parser.add_argument(
        "--context", type=whole(8, _MAX_CONTEXT), default=512, metavar="N", help="tokens (default: 512)"
    )
    parser.add_argument(
        "--chunks", type=whole(1, 1_000_000), metavar="N", help="at most N chunks (default: the whole text)"
    )
    parser.add_argument("--no-tasks", action="store_true", help="leave out the questions")
    parser.add_argument("--no-speed", action="store_true", help="leave out loading, speed and memory")
    parser.add_argument(
        "--fail-on", choices=("amber", "red"), help="exit with 1 when the verdict is that or worse"
    )
    _add_html(parser)
    parser.add_argument("--ignore-memory", action="store_true", help="start even if memory looks short")
    add_detach(parser)
    verbs = nouns.noun("certificates", "what was found when models were compared with their sources")
    parser = verbs.verb("list", "list the newest certificates", _list)
    parser.add_argument("--model", type=clean, metavar="MODEL", help="only those of this model")
    parser.add_argument("--limit", type=whole(1, 100_000), default=30, metavar="N", help="default: 30")
    parser = verbs.verb("show", "show a certificate, after verifying its signature", _show)
    parser.add_argument("certificate", type=clean, metavar="CERTIFICATE", help="its id, or a model's name")
    _add_html(parser)
    parser = verbs.verb("variants", "size, quality and speed of everything made from a model", _variants)
    parser.add_argument("model", type=clean, metavar="SOURCE", help="the model that they were made from")


def _add_html(parser: Any) -> None:
    parser.add_argument("--html", type=folder, metavar="FILE", help="write it as a page to be printed")


def _certify(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        source = _source(context, version, options.against)
        params = CertifyParams(
            version_id=version.id,
            source_version_id=source.id,
            text=str(options.text) if options.text else "",
            context=options.context,
            chunks=options.chunks,
            tasks=not options.no_tasks,
            speed=not options.no_speed,
        )
        title = f"Certificate of {version.name}:{version.version}"
        job = run_job(invocation, context, CERTIFY, params, title=title, ignore_memory=options.ignore_memory)
        record = sign_if_possible(context.home, context.database, job.result["certificate_id"])
        _report(invocation, context, record)
    bad = options.fail_on is not None and at_least(record.verdict, options.fail_on)
    return FAILED if bad else DONE


def _source(context: AppContext, version: VersionRecord, named: str | None) -> VersionRecord:
    if named is not None:
        return context.library.find(named)
    if version.parent_version_id is None:
        raise UsageError(f"it is not recorded what {version.name} was made from: name it with --against")
    return models.get_version(context.database, version.parent_version_id)


def _list(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        only = context.library.find(options.model).id if options.model else None
        records = certificates.list_certificates(context.database, version_id=only, limit=options.limit)
        rows = [(one, _name(context, one), signature_of(context.database, one)) for one in records]
    invocation.console.listing(
        [
            {
                "id": one.id,
                "model": name,
                "version_id": one.version_id,
                "verdict": one.verdict,
                "sha256": one.version_sha256,
                "source_sha256": one.source_sha256,
                "signature": signature.standing,
                "created_at": one.created_at,
            }
            for one, name, signature in rows
        ],
        "No certificate yet. Make one with: bancada certify MODEL --against SOURCE",
        ("Model", "Verdict", "Signature", "Made (UTC)", "Id"),
        [
            (text.printable(name), one.verdict, signature.standing, text.when_text(one.created_at), one.id)
            for one, name, signature in rows
        ],
        optional=(3, 2),
    )
    return DONE


def _name(context: AppContext, record: CertificateRecord) -> str:
    version = models.get_version(context.database, record.version_id)
    return f"{version.name}:{version.version}"


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        _report(invocation, context, _find(context, invocation.options.certificate))
    return DONE


def _find(context: AppContext, named: str) -> CertificateRecord:
    """By its id, the begin of it, or the model whose newest it is."""
    known = certificates.list_certificates(context.database, limit=100_000)
    if len(named) >= SHORTEST_ID:
        found = [one for one in known if one.id.startswith(named.lower())]
        if len(found) == 1:
            return found[0]
    try:
        version = context.library.find(named)
    except BancadaError as error:
        raise BancadaError("certificate.not_found", certificate=named[:80]) from error
    newest = certificates.newest(context.database, version.id)
    if newest is None:
        raise BancadaError("certificate.not_found", certificate=f"of {version.name}:{version.version}")
    return newest


def _report(invocation: Invocation, context: AppContext, record: CertificateRecord) -> None:
    certificate = parse(record.report)
    signature = signature_of(context.database, record)
    page: Path | None = invocation.options.html
    if page is not None:
        found = variants(context.database, record.source_sha256)
        write_file(
            page,
            render(certificate, certificate_id=record.id, signature=signature.words, found=found),
        )
    console = invocation.console
    console.document({**document(record, certificate, signature), "html": str(page) if page else None})
    write_certificate(console, record, certificate, signature)
    if page is not None:
        console.say(f"Written to {text.printable(str(page))}")


def document(
    record: CertificateRecord, certificate: Certificate, signature: CertificateSignature
) -> dict[str, Any]:
    """One certificate as programs get it: the main figures in front, the whole report behind."""
    divergence = certificate.divergence
    return {
        "certificate_id": record.id,
        "version_id": record.version_id,
        "run_id": record.run_id,
        "verdict": certificate.verdict,
        "reasons": list(certificate.reasons),
        "perplexity": divergence.perplexity if divergence else None,
        "perplexity_ratio": divergence.ratio if divergence else None,
        "kl_divergence": divergence.kl_mean if divergence else None,
        "same_top_token": divergence.same_top if divergence else None,
        "signature": {"standing": signature.standing, "key": signature.key_id, "name": signature.name},
        "report": encode(certificate),
    }


def write_certificate(
    console: Console, record: CertificateRecord, one: Certificate, signature: CertificateSignature
) -> None:
    """One certificate for people."""
    console.heading(
        f"{text.printable(one.subject.name)}:{one.subject.version} is {one.verdict}, compared with "
        f"{text.printable(one.source.name)}:{one.source.version}"
    )
    for reason in one.reasons:
        console.say(f"- {text.printable(reason)}")
    console.say()
    if one.divergence is not None and one.text is not None:
        rows = [(name, value, error or "\u2013") for name, value, error in divergence_rows(one.divergence)]
        console.table((f"Over {one.text.tokens:,} tokens", "Value", "Standard error"), rows, right=(1, 2))
        console.say()
    if one.tensors is not None and one.tensors.faults:
        named = [tuple(text.printable(each) for each in fault_words(fault)) for fault in one.tensors.faults]
        console.table(("Damaged tensor", "Type", "What is wrong"), named)
        console.say()
    if one.tasks is not None:
        console.table(
            ("Questions", "Asked", "Source right", "This right", "p"),
            [
                (
                    group.kind,
                    str(group.count),
                    str(group.source_right),
                    str(group.result_right),
                    f"{group.p_value:.3f}",
                )
                for group in one.tasks.groups
            ],
            right=(1, 2, 3, 4),
        )
        console.say()
    if one.speed is not None:
        console.table(("Speed", "Source", "This"), speed_rows(one.speed), right=(1, 2))
        console.say()
    console.say(f"Certificate {record.id}, {text.printable(signature.words)}")


def _variants(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        source = context.library.find(invocation.options.model)
        found = variants(context.database, source.sha256)
    invocation.console.listing(
        [encode(one) for one in found],
        "Nothing was compared with it yet.",
        (
            "Variant",
            "Type",
            "Size",
            "Bits",
            "KL divergence",
            "Ratio",
            "tokens/s",
            "Verdict",
            "Beaten by none",
        ),
        [
            (
                text.printable(one.name),
                one.quantization,
                bytes_text(one.size_bytes),
                f"{one.bits_per_weight:.2f}",
                f"{one.kl_mean:.5f}",
                f"{one.ratio:.4f}",
                f"{one.tokens_per_s:,.1f}" if one.tokens_per_s else "\u2013",
                one.verdict,
                "yes" if one.efficient else "no",
            )
            for one in found
        ],
        right=(2, 3, 4, 5, 6),
        optional=(1, 3),
    )
    return DONE
