"""``bancada convert``: a model into another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bancada.catalog.inspection import inspect_import
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Nouns, add_detach, clean
from bancada.cli.models import row_of
from bancada.cli.work import run_job
from bancada.context import AppContext
from bancada.core.sizes import bytes_text
from bancada.quantization.conversion import (
    PROVIDERS,
    TARGETS,
    TYPES,
    ConversionPlan,
    Source,
    plan,
)
from bancada.quantization.jobs import CONVERT, ConvertParams
from bancada.quantization.tools import require_tools
from bancada.storage.sqlite_errors import free_bytes


def add(nouns: Nouns) -> None:
    """Add the command to the grammar."""
    parser = nouns.command("convert", "convert a model to GGUF, ONNX or Hugging Face's layout", _convert)
    parser.add_argument(
        "model",
        type=clean,
        metavar="MODEL|PATH",
        help="a model of the library, or a folder or file, which is taken into the library first",
    )
    parser.add_argument("--to", required=True, choices=TARGETS, help="the format to make")
    listed = "; ".join(f"{target}: {', '.join(kinds)}" for target, kinds in TYPES.items())
    parser.add_argument("--type", type=clean, default="", metavar="T", help=f"element type ({listed})")
    parser.add_argument("--name", type=clean, default="", help="the new model's name")
    parser.add_argument(
        "--device",
        choices=tuple(PROVIDERS),
        default="cpu",
        help="what an ONNX model is made for (default: cpu)",
    )
    parser.add_argument(
        "--ignore-code",
        action="store_true",
        help="convert a model that asks for program code of its own without that code",
    )
    add_detach(parser)


def _convert(invocation: Invocation) -> int:
    options = invocation.options
    require_tools(options.to)
    with invocation.workspace() as context:
        params, title = _params(invocation, context)
        record = run_job(invocation, context, CONVERT, params, title=title)
        version = context.library.find(record.result["version_id"])
    result: dict[str, Any] = record.result
    invocation.console.document({**row_of(version), **result})
    label = text.printable(f"{version.name}:{version.version}")
    invocation.console.say(f"The same was there already: {label}" if result["existing"] else f"Made {label}")
    invocation.console.pairs(
        [
            ("Format", f"{version.format}, {version.architecture}, {version.quantization}"),
            ("Size", bytes_text(version.size_bytes)),
            ("Bits per weight", text.number_text(version.bits_per_weight, 2)),
            *([("Tried, it went on with", repr(result["trial"]["text"]))] if result["trial"] else []),
            *(("Warning", str(one)) for one in result["warnings"]),
        ]
    )
    return DONE


def _params(invocation: Invocation, context: AppContext) -> tuple[ConvertParams, str]:
    """The parameters, after saying what will be needed; raises BancadaError ``convert.*``, ``model.*``."""
    options = invocation.options
    path = Path(options.model).expanduser()
    if path.exists():
        found = inspect_import(path)
        for warning in found.warnings:
            invocation.console.note(f"Note: {warning}")
        source = Source.of(found)
        where = {"path": str(path.absolute())}
    else:
        version = context.library.find(options.model)
        source = Source.of(version)
        where = {"version_id": version.id}
    _say_needs(invocation, plan(source, options.to, options.type, options.device), context)
    link = bool(context.settings.get("models.link_on_import"))
    params = ConvertParams(
        **where,
        target=options.to,
        type=options.type,
        name=options.name,
        provider=options.device,
        link=link,
        ignore_code=options.ignore_code,
    )
    return params, f"Convert {source.name} to {options.to}"


def _say_needs(invocation: Invocation, needed: ConversionPlan, context: AppContext) -> None:
    free = free_bytes(context.home.temporary)
    invocation.console.note(
        f"Needs about {bytes_text(needed.disk_bytes)} on the disk ({bytes_text(free)} free) and"
        f" {bytes_text(needed.memory_bytes)} of memory; the result takes {bytes_text(needed.result_bytes)}."
    )
