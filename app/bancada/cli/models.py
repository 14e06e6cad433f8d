"""``bancada models``: import, list, show, remove, verify, forecast; further verbs in ``model_*``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any, Final

import psutil

from bancada.catalog.forecast import MemoryForecast
from bancada.catalog.jobs import IMPORT, VERIFY, ImportParams, VerifyParams
from bancada.catalog.library import inspect_import
from bancada.cli import model_care, model_duty, text
from bancada.cli.command import DONE, FAILED, Invocation, Nouns, UsageError, add_detach, clean, folder, whole
from bancada.cli.model_care import add_model
from bancada.cli.work import run_job
from bancada.core.errors import Canceled
from bancada.core.sizes import bytes_text
from bancada.storage.memory import MemoryMeasurement
from bancada.storage.models import Uses, VersionRecord

MAX_CONTEXT: Final = 1_048_576
CACHE_TYPES: Final = ("f16", "q8_0")
_MAX_GPU_LAYERS: Final = 4_097
_WARNING_LIMIT: Final = 2_000
_ITEMS: Final = {
    "weights": "Weights",
    "repacked": "Weights rearranged for this processor",
    "kv_cache": "Keys and values of the context",
    "compute": "Buffers while computing",
    "runtime": "Program and engine",
}


def add(nouns: Nouns) -> None:
    """Add the noun to the grammar."""
    verbs = nouns.noun("models", "the library of models")
    parser = verbs.verb("import", "import a GGUF file or a folder with an ONNX model", _import)
    parser.add_argument("path", type=folder, metavar="PATH", help="the file or folder")
    parser.add_argument("--name", type=clean, help="the model's name (default: from the file)")
    parser.add_argument(
        "--copy", action="store_true", help="always copy, so that a change of the original does no harm"
    )
    add_detach(parser)
    parser = verbs.verb("list", "list the models", _list)
    parser.add_argument("--search", type=clean, default="", metavar="TEXT", help="a part of the name")
    parser = verbs.verb("show", "show everything that is known of a model", _show)
    add_model(parser)
    parser = verbs.verb("remove", "remove a model and the files that no other one uses", _remove)
    add_model(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")
    parser = verbs.verb("verify", "read the files again and compare their hashes", _verify)
    parser.add_argument("model", nargs="?", type=clean, metavar="MODEL", help="default: all models")
    add_detach(parser)
    parser = verbs.verb("forecast", "say how much memory a model needs", _forecast)
    add_model(parser)
    parser.add_argument(
        "--context", type=whole(1, MAX_CONTEXT), default=4096, metavar="N", help="tokens (default: 4096)"
    )
    parser.add_argument(
        "--cache-type", choices=CACHE_TYPES, default="f16", help="type of the keys and values kept"
    )
    parser.add_argument(
        "--gpu-layers",
        type=whole(0, _MAX_GPU_LAYERS),
        default=0,
        metavar="N",
        help="layers on a GPU (default: 0)",
    )
    model_care.add(verbs)
    model_duty.add(verbs)


def row_of(version: VersionRecord) -> dict[str, Any]:
    """One model as the lists of programs show it."""
    return {
        "id": version.id,
        "name": version.name,
        "version": version.version,
        "format": version.format,
        "architecture": version.architecture,
        "quantization": version.quantization,
        "parameters": version.parameters,
        "bits_per_weight": version.bits_per_weight,
        "size_bytes": version.size_bytes,
        "context_length": version.context_length,
        "license": version.license,
        "sha256": version.sha256,
        "crashes": version.crashes,
        "warnings": list(version.warnings),
        "created_at": version.created_at,
    }


def _import(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        plan = inspect_import(options.path)
        for warning in plan.warnings:
            invocation.console.note(f"Note: {warning}")
        name = options.name if options.name is not None else plan.name
        if not name.strip():
            raise UsageError("the name is empty")
        link = bool(context.settings.get("models.link_on_import")) and not options.copy
        params = ImportParams(path=str(options.path), name=name, link=link)
        record = run_job(invocation, context, IMPORT, params, title=f"Import {name}")
        version = context.library.find(record.result["version_id"])
    invocation.console.document(row_of(version))
    invocation.console.say(f"Imported {_label(version)}")
    _describe(invocation, version)
    return DONE


def _list(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        versions = context.library.list(invocation.options.search)
        duties = context.library.duties(versions)
    console = invocation.console
    console.document([row_of(one) | dataclasses.asdict(duties[one.id]) for one in versions])
    if not versions:
        sought = invocation.options.search
        none = "No model yet. Import one with: bancada models import PATH"
        console.say(f"No model with {text.printable(sought)} in its name or type." if sought else none)
        return DONE
    console.table(
        ("Name", "Version", "Format", "Architecture", "Type", "Parameters", "Bits/weight", "Context", "Size"),
        [
            (
                one.name,
                str(one.version),
                one.format,
                one.architecture,
                one.quantization,
                text.count_text(one.parameters),
                text.number_text(one.bits_per_weight, 2),
                f"{one.context_length:,}",
                bytes_text(one.size_bytes),
            )
            for one in versions
        ],
        right=(1, 5, 6, 7, 8),
        optional=(3, 7, 6, 4),
    )
    return DONE


def _show(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        version = context.library.find(invocation.options.model)
        duty = context.library.duty(version)
    files = [{"path": one.path, "sha256": one.sha256, "size_bytes": one.size_bytes} for one in version.files]
    invocation.console.document(
        {
            **row_of(version),
            "layers": version.layers,
            "source": version.source,
            "chat_template": version.chat_template,
            "metadata": version.metadata,
            "files": files,
            "stage": duty.stage,
            "aliases": list(duty.aliases),
            "tags": list(duty.tags),
        }
    )
    invocation.console.heading(text.printable(_label(version)))
    _describe(invocation, version)
    said = (("Stage", duty.stage), ("Aliases", ", ".join(duty.aliases)), ("Tags", ", ".join(duty.tags)))
    invocation.console.pairs(
        [(name, text.printable(value)) for name, value in said if value not in ("", "none")]
    )
    invocation.console.pairs(
        [(f"File {one.path}", f"{bytes_text(one.size_bytes)}  {one.sha256}") for one in version.files]
    )
    return DONE


def _describe(invocation: Invocation, version: VersionRecord) -> None:
    items = [
        ("Format", f"{version.format}, {version.architecture}, {version.quantization}"),
        ("Parameters", f"{text.count_text(version.parameters)} in {version.layers} layers"),
        ("Bits per weight", text.number_text(version.bits_per_weight, 2)),
        ("Size", bytes_text(version.size_bytes)),
        ("Context", f"{version.context_length:,} tokens"),
        ("Chat template", "yes" if version.chat_template else "none: raw completion only"),
        ("Licence", version.license or "not stated"),
        ("SHA-256", version.sha256),
        ("Id", version.id),
    ]
    items += [("Warning", str(one)[:_WARNING_LIMIT]) for one in version.warnings]
    if version.crashes:
        items.append(("Crashes", f"{version.crashes} in a row"))
    invocation.console.pairs(items)


def _remove(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        version = context.library.find(invocation.options.model)
        _warn(invocation, context.library.uses(version.id))
        question = f"Remove {_label(version)} ({bytes_text(version.size_bytes)})?"
        if not invocation.options.yes and not confirm(invocation, question):
            raise Canceled
        freed = context.library.remove(version.id)
    invocation.console.document({"removed": row_of(version), "freed_bytes": freed})
    invocation.console.say(f"Removed {text.printable(_label(version))}; {bytes_text(freed)} freed.")
    return DONE


def _warn(invocation: Invocation, uses: Uses) -> None:
    """Say what would miss the model."""
    for count, words in (
        (uses.conversations, "conversations use it"),
        (uses.children, "versions were made of it and lose their origin"),
        (uses.compared, "certificates compare other versions with it"),
        (uses.bundles, "bundles in quarantine hold files of it, which stay"),
    ):
        if count:
            invocation.console.note(f"Note: {count} {words}.")
    for one in uses.aliases:
        invocation.console.note(f"Note: the alias {one} leads to it and goes with it.")


def confirm(invocation: Invocation, question: str) -> bool:
    """Ask on a terminal; elsewhere the command itself is the answer."""
    console = invocation.console
    if console.as_json or not (sys.stdin.isatty() and console.err.isatty()):
        return True
    console.err.write(f"{text.printable(question)} [y/N] ")
    console.err.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _verify(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        named = invocation.options.model
        versions = [context.library.find(named)] if named is not None else context.library.list()
        if not versions:
            invocation.console.document({"ok": True, "files": []})
            invocation.console.say("No model to verify.")
            return DONE
        params = VerifyParams(version_ids=tuple(one.id for one in versions))
        title = f"Verify {versions[0].name}" if len(versions) == 1 else f"Verify {len(versions)} models"
        result = run_job(invocation, context, VERIFY, params, title=title).result
    invocation.console.document(result)
    for one in result["files"]:
        state = "intact" if one["state"] == "present" else one["state"]
        invocation.console.say(f"{text.printable(one['name'])}  {one['path']}  {state}")
    return DONE if result["ok"] else FAILED


def _forecast(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        forecast = context.library.forecast(
            version.id, options.context, options.cache_type, gpu_layers=options.gpu_layers
        )
        loads = context.library.past_loads(version.id)
    free = psutil.virtual_memory().available
    invocation.console.document(
        {
            "model": row_of(version),
            "context": options.context,
            "cache_type": options.cache_type,
            "gpu_layers": options.gpu_layers,
            "items": forecast.by_name(),
            "parts": {one.name: dict(one.parts) for one in forecast.items if one.parts},
            "total_bytes": forecast.total_bytes,
            "corrected_bytes": forecast.corrected_bytes,
            "gpu_bytes": forecast.gpu_bytes,
            "available_bytes": free,
            "fits": forecast.corrected_bytes <= free,
            "history": [_load_row(one) for one in loads],
        }
    )
    invocation.console.heading(
        f"{text.printable(_label(version))} with {options.context:,} tokens of context"
    )
    invocation.console.table(("Part", "Memory"), _forecast_rows(forecast, free), right=(1,))
    _say_history(invocation, loads)
    if forecast.corrected_bytes > free:
        invocation.console.say(
            "It does not fit: choose a smaller context or cache type, or close other programs."
        )
    return DONE


def _forecast_rows(forecast: MemoryForecast, free: int) -> list[tuple[str, str]]:
    rows = []
    for one in forecast.items:
        if one.name == "repacked" and not one.bytes:
            continue
        rows.append((_ITEMS[one.name], bytes_text(one.bytes)))
        if len(one.parts) > 1:
            rows += [(f"  {name}", bytes_text(size)) for name, size in one.parts]
    rows.append(("Together", bytes_text(forecast.total_bytes)))
    if forecast.corrected_bytes != forecast.total_bytes:
        rows.append(("Corrected by earlier loads", bytes_text(forecast.corrected_bytes)))
    if forecast.gpu_bytes:
        rows.append(("On the GPU (by formula only)", bytes_text(forecast.gpu_bytes)))
    return [*rows, ("Free now", bytes_text(free))]


def _load_row(one: MemoryMeasurement) -> dict[str, Any]:
    return {
        "at": one.created_at,
        "context": one.context,
        "cache_type": one.cache_type,
        "flash_attention": one.flash_attention,
        "filled_tokens": one.filled_tokens,
        "forecast_bytes": one.forecast_bytes,
        "corrected_bytes": one.corrected_bytes,
        "measured_bytes": one.measured_bytes,
        "forecast_error": round(one.forecast_error, 5),
        "corrected_error": round(one.corrected_error, 5),
        "engine": one.engine,
    }


def _say_history(invocation: Invocation, loads: Sequence[MemoryMeasurement]) -> None:
    if not loads:
        invocation.console.say("It was not loaded on this machine yet: nothing corrects the forecast.")
        return
    invocation.console.heading("Earlier loads on this machine")
    invocation.console.table(
        ("Context", "Cache", "Filled", "Forecast", "Corrected", "Measured", "Error"),
        [
            (
                f"{one.context:,}",
                one.cache_type,
                f"{one.filled_tokens:,}",
                bytes_text(one.forecast_bytes),
                bytes_text(one.corrected_bytes),
                bytes_text(one.measured_bytes),
                f"{100 * one.corrected_error:+.1f} %",
            )
            for one in loads
        ],
        right=(0, 2, 3, 4, 5, 6),
        optional=(3, 2),
    )


def _label(version: VersionRecord) -> str:
    return f"{version.name}:{version.version}"
