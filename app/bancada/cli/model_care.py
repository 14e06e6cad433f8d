"""``bancada models`` further: export, template, lineage, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bancada.catalog import comparing, lineage
from bancada.catalog.comparing import Pair
from bancada.catalog.exporting import check_target
from bancada.catalog.jobs import EXPORT, ExportParams
from bancada.cli import text
from bancada.cli.command import DONE, Invocation, Verbs, add_detach, clean, folder
from bancada.cli.work import run_job
from bancada.core.sizes import bytes_text
from bancada.storage.lineage import Kin

_NAMES: Final = {
    "format": "Format", "architecture": "Architecture", "quantization": "Quantization",
    "parameters": "Parameters", "bits_per_weight": "Bits per weight", "layers": "Layers",
    "context_length": "Context", "size_bytes": "Size", "license": "Licence", "source": "Came from",
    "chat_template": "Chat template", "sha256": "SHA-256", "stage": "Stage", "aliases": "Aliases",
    "tags": "Tags", "forecast_bytes": "Memory forecast", "decode_tokens_per_s": "Answer speed",
    "prefill_tokens_per_s": "Prompt speed", "ttft_ms": "Time to first token",
    "peak_memory_bytes": "Peak memory", "certificate": "Certificate",
}  # fmt: skip
_SHOWN: Final = 60


def add(verbs: Verbs) -> None:
    """Add the verbs to the noun ``models``."""
    parser = verbs.verb("export", "copy a model's files and a card into a new folder", _export)
    add_model(parser)
    parser.add_argument("path", type=folder, metavar="DIR", help="the folder; not there yet, or empty")
    add_detach(parser)
    parser = verbs.verb("template", "show what the chat template makes of an example conversation", _template)
    add_model(parser)
    parser = verbs.verb("lineage", "show what a model was made from, and what was made of it", _lineage)
    add_model(parser)
    parser = verbs.verb("compare", "put two models side by side; * marks what differs", _compare)
    add_model(parser)
    parser.add_argument("other", type=clean, metavar="OTHER", help="the model to compare it with")
    parser.add_argument("--all", action="store_true", help="show also what is the same")


def add_model(parser: Any) -> None:
    """The argument that names a model."""
    parser.add_argument("model", type=clean, metavar="MODEL", help="name, name:version, name@alias, or id")


def _export(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        version = context.library.find(options.model)
        params = ExportParams(version.id, str(check_target(Path(options.path))))
        title = f"Export {version.name}:{version.version}"
        result = run_job(invocation, context, EXPORT, params, title=title).result
    invocation.console.document(result)
    size = bytes_text(result["size_bytes"])
    invocation.console.say(f"Exported to {text.printable(result['path'])} ({size}):")
    invocation.console.pairs([(one["path"], one["sha256"]) for one in result["files"]])
    return DONE


def _template(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        version = context.library.find(invocation.options.model)
        shown = context.preview_template(version.id)
    invocation.console.document(
        {"text": shown.text, "without_system": shown.without_system, "cut": shown.cut}
    )
    if shown.without_system:
        invocation.console.note("Note: the template takes no system prompt; the example goes without it.")
    for line in shown.text.splitlines():
        invocation.console.say(text.printable(line))
    if shown.cut:
        invocation.console.note("Note: the rest is left out.")
    return DONE


def _lineage(invocation: Invocation) -> int:
    with invocation.workspace() as context:
        version = context.library.find(invocation.options.model)
        found = list(lineage.walk(lineage.tree(context.database, version.id)))
    invocation.console.document(
        [
            {
                "depth": depth,
                "id": one.id,
                "name": one.name,
                "version": one.version,
                "quantization": one.quantization,
                "size_bytes": one.size_bytes,
                "parent_id": one.parent_id,
                "created_at": one.created_at,
                "source": one.source,
                "run": {
                    "id": one.run_id,
                    "kind": one.run_kind,
                    "name": one.run_name,
                    "params": one.run_params,
                }
                if one.run_id
                else None,
            }
            for depth, one in found
        ]
    )
    for depth, one in found:
        mark = ">" if one.id == version.id else " "
        invocation.console.say(f"{mark} {'    ' * depth}{text.printable(_line(one))}")
        if one.run_kind:
            said = ", ".join(f"{name} {value}" for name, value in lineage.settings(one))
            invocation.console.say(f"  {'    ' * depth}  {text.printable(said)[:200]}")
    return DONE


def _line(one: Kin) -> str:
    made = f"by {one.run_kind} {one.run_name}" if one.run_kind else f"from {one.source}"
    when = text.when_text(one.run_started_at or one.created_at)
    return f"{one.name}:{one.version}  {one.quantization}  {bytes_text(one.size_bytes)}  {made}, {when}"


def _compare(invocation: Invocation) -> int:
    options = invocation.options
    with invocation.workspace() as context:
        left, right = context.library.find(options.model), context.library.find(options.other)
        usual = int(context.settings.get("chat.context"))
        found = comparing.compare(context.database, left, right, context.library.forecaster(), usual)
    invocation.console.document(comparing.document(found))
    rows = [
        (
            "*" if one.differs else " ",
            _NAMES.get(one.key, one.key),
            _value(one, one.left),
            _value(one, one.right),
        )
        for one in found.pairs
        if one.differs or (options.all and (one.left, one.right) != (None, None))
    ]
    names = [text.printable(f"{one.name}:{one.version}") for one in (left, right)]
    invocation.console.table(("", "", *names), rows)
    if found.shared_bytes:
        invocation.console.say(f"{bytes_text(found.shared_bytes)} of files belong to both.")
    return DONE


def _value(one: Pair, value: Any) -> str:
    if value is None:
        return "-"
    if one.key.endswith("_bytes"):
        return bytes_text(value)
    if one.key == "ttft_ms":
        return text.milliseconds_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and one.section == "facts":
        return f"{value:,}"
    shown = text.number_text(value, 2) if isinstance(value, float) else text.printable(str(value))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
