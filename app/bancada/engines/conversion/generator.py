"""From Hugging Face's layout to a folder for onnxruntime-genai, by that library's own builder."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from bancada.core.errors import BancadaError
from bancada.engines.conversion.bars import report_bars
from bancada.engines.conversion.compare import Progress
from bancada.engines.conversion.orders import GeneratorOrder


def run(order: GeneratorOrder, progress: Progress) -> dict[str, Any]:
    """Make the folder; returns ``builder``, its version.

    Raises:
        BancadaError: ``convert.not_installed``; whatever else the builder raises is told by the caller.
    """
    progress("reading the model", 0, None, "")
    report_bars(progress, "building")
    found = importlib.util.find_spec("onnxruntime_genai")
    if found is None or found.origin is None:
        raise BancadaError("convert.not_installed", missing="onnxruntime-genai")
    # the builder imports its parts as if its folder were the program's
    sys.path.insert(0, str(Path(found.origin).parent / "models"))
    builder: Any = importlib.import_module("builder")
    options: dict[str, Any] = {"hf_token": "false", "hf_remote": "false"}
    if order.precision == "int8":
        # shared with the head, the 8-bit embedding refers to a tensor by its 4-bit name and nothing loads it
        options["shared_embeddings"] = "false"
    arguments = ("", order.source, order.folder, order.precision, order.provider, order.cache)
    builder.check_extra_options(*arguments, options)
    builder.create_model(*arguments, **options)
    return {"builder": importlib.import_module("importlib.metadata").version("onnxruntime-genai")}
