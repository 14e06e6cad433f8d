"""``bancada quantize``: a smaller file of the same model, with its certificate."""

from __future__ import annotations

from typing import Any, Final

from bancada.catalog.certificate_signing import sign_if_possible, signature_of
from bancada.cli import certify, text
from bancada.cli.command import (
    DONE,
    Invocation,
    Nouns,
    UsageError,
    add_detach,
    clean,
    decimal,
    folder,
    whole,
)
from bancada.cli.models import row_of
from bancada.cli.work import run_job
from bancada.context import AppContext
from bancada.core.errors import BancadaError, describe
from bancada.core.hardware import available_memory
from bancada.core.sizes import bytes_text
from bancada.jobs.codec import encode
from bancada.quantization import plan
from bancada.quantization.certificate import parse
from bancada.quantization.jobs import QUANTIZE, SWEEP, QuantizeParams, SweepParams
from bancada.quantization.plan import PlanParams, Variant
from bancada.quantization.sweep import GOALS
from bancada.quantization.types import TYPES, USUAL, rank, type_named
from bancada.storage import certificates, matrices
from bancada.storage.models import VersionRecord
from bancada.storage.sqlite_errors import free_bytes

#: the size that stands for what this machine can run
DEVICE: Final = "device"


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    parser = nouns.command("quantize", "make a smaller file of a GGUF model, and certify it", _quantize)
    parser.add_argument("model", type=clean, metavar="MODEL", help="name, name:version, or id")
    names = ", ".join(one.name for one in TYPES)
    parser.add_argument("--type", type=clean, metavar="T", help=f"one of {names}")
    parser.add_argument(
        "--target-size",
        type=clean,
        metavar="S",
        help=f"the best type within a size, such as 600MB, or {DEVICE}: within this one's free memory",
    )
    parser.add_argument(
        "--target-bits",
        type=decimal(plan.LEAST_BITS, plan.MOST_BITS),
        metavar="B",
        help="the best type within bits per weight",
    )
    parser.add_argument(
        "--sweep",
        type=clean,
        metavar="T,T",
        help=f"several types, certified, with a recommendation; usual: {','.join(USUAL)}",
    )
    parser.add_argument(
        "--goal", choices=GOALS, default="quality", help="what a sweep recommends for (default: quality)"
    )
    parser.add_argument("--imatrix", type=clean, metavar="I", help="an importance matrix, by name or id")
    parser.add_argument(
        "--override",
        type=clean,
        action="append",
        default=[],
        metavar="PATTERN=TYPE",
        help="another type for the tensors whose names match; may be given several times",
    )
    parser.add_argument(
        "--allow-requantize",
        action="store_true",
        help="take a source that is quantized already: losses come on top of losses",
    )
    parser.add_argument("--name", type=clean, default="", help="the new model's name")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="say exact sizes and make nothing (without --type: of all types)",
    )
    parser.add_argument("--no-certify", action="store_true", help="make no certificate")
    parser.add_argument("--text", type=folder, metavar="FILE", help="a text of your own for the certificate")
    parser.add_argument(
        "--chunks", type=whole(1, 1_000_000), metavar="N", help="at most N chunks of it (default: all)"
    )
    parser.add_argument("--ignore-memory", action="store_true", help="start even if memory looks short")
    add_detach(parser)


def _quantize(invocation: Invocation) -> int:
    options = invocation.options
    wanted = [options.type, options.target_size, options.target_bits, options.sweep]
    if sum(one is not None for one in wanted) != 1 and not options.dry_run:
        raise UsageError("name one of --type, --target-size, --target-bits and --sweep")
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        matrix = matrices.find(context.database, options.imatrix).id if options.imatrix else ""
        if options.dry_run:
            return _dry_run(invocation, context, version, matrix=bool(matrix))
        if options.sweep is not None:
            return _sweep(invocation, context, version, matrix)
        return _one(invocation, context, version, matrix)


def _dry_run(invocation: Invocation, context: AppContext, version: VersionRecord, *, matrix: bool) -> int:
    options = invocation.options
    chosen = (options.type,) if options.type else ()
    if options.sweep:
        chosen = tuple(one for one in options.sweep.split(",") if one.strip())
    names = {type_named(one).name for one in chosen}
    overrides = tuple(options.override)
    found = context.quantization_plan(PlanParams(version.id, (), overrides, matrix))
    shown: list[Variant] = sorted(found.variants, key=lambda one: rank(one.type))
    if names:
        shown = [one for one in shown if one.type in names]
    if len(shown) < len(names):
        # this model cannot be stored so: asked for alone, the engine says why
        context.quantization_plan(PlanParams(version.id, tuple(sorted(names)), overrides, matrix))
    if options.target_size is not None or options.target_bits is not None:
        size = _target_bytes(context, version, options.target_size)
        shown = [plan.choose(shown, size, matrix=matrix, target_bits=options.target_bits)]
    advice = [plan.advice(one, found.variants, matrix=matrix, requantizes=found.quantized) for one in shown]
    invocation.console.document(
        [{**encode(one), "advice": said} for one, said in zip(shown, advice, strict=True)]
    )
    invocation.console.table(
        ("Type", "Size", "Bits per weight", "Needs a matrix", "Stored otherwise"),
        [
            (
                one.type,
                bytes_text(one.size_bytes),
                text.number_text(one.bits_per_weight, 2),
                "yes" if one.needs_matrix else "",
                f"{len(one.fallbacks)} tensors" if one.fallbacks else "",
            )
            for one in shown
        ],
        right=(1, 2),
    )
    if len(shown) == 1:
        for line in advice[0]:
            invocation.console.say(line)
    return DONE


def _target_bytes(context: AppContext, version: VersionRecord, size: str | None) -> int | None:
    """The size that was asked for; of ``device``, what is free here beside what the model takes to run."""
    if size is None:
        return None
    if size.strip().lower() != DEVICE:
        return plan.size_of(size)
    needs = context.library.forecast(version.id)
    weights = needs.by_name()
    beside = needs.total_bytes - weights["weights"] - weights.get("repacked", 0)
    return max(0, available_memory() - beside)


def _say_needs(
    invocation: Invocation, context: AppContext, params: QuantizeParams, types: tuple[str, ...] = ()
) -> None:
    """What will be made, to the byte, and what is free; raises BancadaError ``quantize.*``."""
    matrix = bool(params.matrix_id)
    found = context.quantization_plan(PlanParams(params.version_id, (), params.overrides, matrix))
    if found.quantized and not params.requantize:
        raise BancadaError("quantize.already_quantized", type=found.quantized)
    if types:
        made = [one for one in found.variants if one.type in types]
    elif params.type:
        made = [one for one in found.variants if one.type == params.type]
    else:
        bits = params.target_bits
        made = [plan.choose(found.variants, params.target_bytes, matrix=matrix, target_bits=bits)]
    console = invocation.console
    for one in made:
        console.note(f"{one.type}: {bytes_text(one.size_bytes)}, {one.bits_per_weight:.2f} bits per weight.")
        for line in plan.advice(one, found.variants, matrix=matrix, requantizes=found.quantized):
            console.note(f"  Mind: {line}")
    need, free = sum(one.size_bytes for one in made), free_bytes(context.home.temporary)
    console.note(f"Needs {bytes_text(need)} on the disk at the most ({bytes_text(free)} are free).")


def _one(invocation: Invocation, context: AppContext, version: VersionRecord, matrix: str) -> int:
    options = invocation.options
    params = QuantizeParams(
        version_id=version.id,
        type=type_named(options.type).name if options.type else "",
        target_bytes=_target_bytes(context, version, options.target_size),
        target_bits=options.target_bits,
        matrix_id=matrix,
        overrides=tuple(options.override),
        requantize=options.allow_requantize,
        name=options.name,
        certify=not options.no_certify,
        text=str(options.text) if options.text else "",
        chunks=options.chunks,
    )
    _say_needs(invocation, context, params)
    title = f"Quantize {version.name}:{version.version}"
    job = run_job(invocation, context, QUANTIZE, params, title=title, ignore_memory=options.ignore_memory)
    result: dict[str, Any] = job.result
    made = context.library.find(result["version_id"])
    certificate = _certificate(context, result)
    main = {one: certificate.get(one) for one in _FIGURES} if certificate else {}
    document = {**row_of(made), **result, **main, "certificate": certificate}
    invocation.console.document(document)
    console = invocation.console
    console.say(f"Made {text.printable(f'{made.name}:{made.version}')}")
    console.pairs(
        [
            ("Type", result["type"]),
            ("Size", bytes_text(made.size_bytes)),
            ("Bits per weight", text.number_text(made.bits_per_weight, 2)),
            *(("Mind", one) for one in result["warnings"]),
        ]
    )
    _say_certificate(invocation, context, result)
    return DONE


_FIGURES: Final = ("perplexity", "perplexity_ratio", "kl_divergence", "same_top_token", "verdict")


def _certificate(context: AppContext, result: dict[str, Any]) -> dict[str, Any] | None:
    """The certificate as programs get it, signed when a key of ours can."""
    if not result.get("certificate"):
        return None
    record = sign_if_possible(context.home, context.database, result["certificate"]["certificate_id"])
    return certify.document(record, parse(record.report), signature_of(context.database, record))


def _say_certificate(invocation: Invocation, context: AppContext, result: dict[str, Any]) -> None:
    console = invocation.console
    if result.get("certificate"):
        record = certificates.get(context.database, result["certificate"]["certificate_id"])
        console.say()
        signature = signature_of(context.database, record)
        certify.write_certificate(console, record, parse(record.report), signature)
    elif result.get("certificate_error"):
        error = BancadaError.from_json(result["certificate_error"])
        words = describe(error.code, error.params)
        console.note(f"No certificate could be made: {words.what} {words.remedy}")


def _sweep(invocation: Invocation, context: AppContext, version: VersionRecord, matrix: str) -> int:
    options = invocation.options
    kinds = options.sweep if options.sweep.lower() != "usual" else ",".join(USUAL)
    if not kinds.strip(", "):
        raise UsageError("name at least one type after --sweep")
    params = SweepParams(
        version_id=version.id,
        types=tuple(type_named(one).name for one in kinds.split(",") if one.strip()),
        goal=options.goal,
        matrix_id=matrix,
        requantize=options.allow_requantize,
        text=str(options.text) if options.text else "",
        chunks=options.chunks,
    )
    first = QuantizeParams(version.id, matrix_id=matrix, requantize=options.allow_requantize)
    _say_needs(invocation, context, first, params.types)
    title = f"Variants of {version.name}:{version.version}"
    job = run_job(invocation, context, SWEEP, params, title=title, ignore_memory=options.ignore_memory)
    result: dict[str, Any] = job.result
    for one in result["made"]:
        if one.get("certificate"):
            sign_if_possible(context.home, context.database, one["certificate"]["certificate_id"])
    invocation.console.document(result)
    invocation.console.table(
        ("Variant", "Size", "Bits per weight", "KL divergence", "Perplexity ratio", "Tokens/s", "Verdict"),
        [
            (
                text.printable(one["name"]),
                bytes_text(one["size_bytes"]),
                text.number_text(one["bits_per_weight"], 2),
                f"{one['kl_mean']:.4f}",
                f"{one['ratio']:.4f}",
                text.number_text(one["tokens_per_s"], 0) if one["tokens_per_s"] else "",
                one["verdict"] + (" *" if one["efficient"] else ""),
            )
            for one in result["variants"]
        ],
        right=(1, 2, 3, 4, 5),
        optional=(2, 4),
    )
    chosen = result["recommendation"]
    words = chosen["reason"] if chosen else "None of them can be recommended: see their certificates."
    invocation.console.say("* no other one is smaller, nearer to the source and as fast")
    invocation.console.say(text.printable(words))
    return DONE
