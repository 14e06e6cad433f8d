"""Embedding models and rerankers from Hugging Face's layout to ONNX, by optimum's exporter.

The int8 variant is quantized dynamically for the instruction set of this machine, and compared with the
exact one on the lines of a text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer

from bancada.core.errors import BancadaError
from bancada.engines.conversion.bars import report_bars
from bancada.engines.conversion.compare import Progress
from bancada.engines.conversion.orders import EncoderOrder

_MODEL: Final = "model.onnx"
_LINES: Final = 24
_TOKENS: Final = 128


def run(order: EncoderOrder, progress: Progress) -> dict[str, Any]:
    """Make the folder.

    Returns:
        ``agreement`` (least and mean cosine of the int8 outputs with the exact ones; {} for fp32),
        ``instructions`` and ``files``.

    Raises:
        BancadaError: ``convert.no_answer`` when its output is no number.
    """
    progress("exporting", 0, None, "")
    report_bars(progress, "exporting")
    folder = Path(order.folder)
    main_export(
        order.source,
        folder,
        task=order.task,
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        library_name="transformers",
    )
    texts = [one.strip() for one in Path(order.check_text).read_text("utf-8").splitlines() if one.strip()]
    progress("trying the result", 0, None, "")
    exact = _outputs(folder, texts[:_LINES])
    if order.precision != "int8":
        return {"agreement": {}, "instructions": ""}
    progress("quantizing", 0, None, "")
    instructions = _quantize(folder, order.features)
    progress("comparing with the exact one", 0, None, "")
    cosines = _cosines(exact, _outputs(folder, texts[:_LINES]))
    return {
        "agreement": {"least": float(cosines.min()), "mean": float(cosines.mean())},
        "instructions": instructions,
    }


def _quantize(folder: Path, features: tuple[str, ...]) -> str:
    """Weights in 8 bits; ranges are halved where the processor adds 16-bit products that could overflow."""
    exact = folder / "exact.onnx"
    (folder / _MODEL).rename(exact)
    safe = any(one in features for one in ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"))
    try:
        quantize_dynamic(
            exact, folder / _MODEL, per_channel=False, reduce_range=not safe, weight_type=QuantType.QInt8
        )
    finally:
        exact.unlink(missing_ok=True)
        for path in folder.glob("exact.onnx*"):
            path.unlink()
    return "vnni" if safe else "avx2, reduced range"


def _outputs(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    """One row per text: the mean over its tokens of the hidden states, or the scores."""
    session = onnxruntime.InferenceSession(folder / _MODEL, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    wanted = {one.name for one in session.get_inputs()}
    rows = []
    for text in texts:
        ids = tokenizer.encode(text).ids[:_TOKENS]
        inputs = {
            "input_ids": np.array([ids], dtype=np.int64),
            "attention_mask": np.ones((1, len(ids)), dtype=np.int64),
            "token_type_ids": np.zeros((1, len(ids)), dtype=np.int64),
            "position_ids": np.arange(len(ids), dtype=np.int64)[None],
        }
        found = np.asarray(session.run(None, {name: inputs[name] for name in wanted})[0], dtype=np.float32)
        rows.append(found[0].mean(axis=0) if found.ndim == 3 else found[0])
    outputs = np.stack(rows)
    if not np.isfinite(outputs).all():
        raise BancadaError("convert.no_answer", count=0)
    return outputs


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    # a reranker's single score has no direction: constant company makes its size count
    if one.shape[1] < 8:
        one, other = (np.pad(each, ((0, 0), (0, 1)), constant_values=1.0) for each in (one, other))
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / np.maximum(norms, 1e-12), dtype=np.float32)
