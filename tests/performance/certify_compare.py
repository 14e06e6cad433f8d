"""Our comparison of two files beside llama.cpp's own perplexity tool: figures, wall time, memory, disk.

    python tests/performance/certify_compare.py RESULT.gguf SOURCE.gguf [--text FILE] [--chunks N]

Prints perplexity and KL divergence of both sides with their differences, and the ratio of wall times (ours
over theirs, whole processes, in pairs with the order alternating): perplexity of one file, and the
divergence from the source, for which the tool needs two passes and a file of logits. Needs the peers
(``build_peers.py``) and a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

CONTEXT: Final = 512
_MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Timed:
    """What a side found, and what it took."""

    figures: dict[str, float]
    seconds: float
    memory_bytes: int
    disk_bytes: int = 0


# -- our side, in a process of its own


def child(result: str, source: str | None, text: str, chunks: int | None) -> dict[str, float]:
    """Load, score and return the figures; runs in a fresh process."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    backend = importlib.import_module("bancada.engines.llama_backend")
    backend.prepare_environment(passive=False)
    scoring = importlib.import_module("bancada.engines.llama_scoring")
    divergence = importlib.import_module("bancada.engines.divergence")
    native = importlib.import_module("bancada.engines.llama_native")
    comparison = importlib.import_module("bancada.engines.llama_comparison")
    model = native.NativeModel(result, mapped=False)
    base = native.NativeModel(source, mapped=False) if source else None
    tokens = comparison.tokens_of(model, Path(text).read_bytes())
    taken = scoring.chunks_of(tokens, CONTEXT, chunks)
    rows = scoring.rows_at_once(model.size, CONTEXT, models=2 if source else 1)

    def never() -> bool:
        return False

    ours = scoring.LlamaChunks(model, context=CONTEXT, rows=rows, should_stop=never)
    theirs = scoring.LlamaChunks(base, context=CONTEXT, rows=rows, should_stop=never) if base else None
    scored = scoring.score_text(ours, theirs, taken, lambda _done, _total: None, never)
    if base is None:
        return {"perplexity": divergence.perplexity(scored.rows.nll)[0]}
    found = divergence.summarize(scored.rows, ())
    names = ("perplexity", "source_perplexity", "ratio", "kl_mean", "kl_median", "kl_p99", "same_top")
    return {name: getattr(found, name) for name in names}


def ours(result: str, source: str | None, text: str, chunks: int | None) -> Timed:
    """Our side as a whole process."""
    order = json.dumps([result, source, text, chunks])
    began = time.perf_counter()
    output, usage = _finish([sys.executable, __file__, "--child", order])
    return Timed(json.loads(output.splitlines()[-1]), time.perf_counter() - began, usage.ru_maxrss * 1024)


# -- their side


def perplexity_tool(peers: Path, *arguments: str) -> tuple[str, float, int]:
    """The tool's whole output, its wall time and its peak memory."""
    began = time.perf_counter()
    output, usage = _finish(
        [str(peers / "llama-perplexity"), "-c", str(CONTEXT), "-t", str(os.cpu_count() or 1), *arguments]
    )
    return output, time.perf_counter() - began, usage.ru_maxrss * 1024


def their_perplexity(peers: Path, result: str, text: str, chunks: list[str]) -> Timed:
    """Perplexity of one file."""
    output, seconds, memory = perplexity_tool(peers, "-m", result, "-f", text, *chunks)
    return Timed({"perplexity": _figure(output, r"Final estimate: PPL = ([0-9.]+)")}, seconds, memory)


def their_divergence(peers: Path, result: str, source: str, text: str, chunks: list[str]) -> Timed:
    """The two passes, with the file of logits between them."""
    with tempfile.TemporaryDirectory() as folder:
        logits = str(Path(folder) / "logits")
        _, first, memory = perplexity_tool(
            peers, "-m", source, "-f", text, "--kl-divergence-base", logits, *chunks
        )
        disk = Path(logits).stat().st_size
        output, second, more = perplexity_tool(
            peers, "-m", result, "--kl-divergence-base", logits, "--kl-divergence"
        )
    figures = {
        "perplexity": _figure(output, r"Mean PPL\(Q\)\s*:\s*([0-9.]+)"),
        "source_perplexity": _figure(output, r"Mean PPL\(base\)\s*:\s*([0-9.]+)"),
        "ratio": _figure(output, r"Mean PPL\(Q\)/PPL\(base\)\s*:\s*([0-9.]+)"),
        "kl_mean": _figure(output, r"Mean\s+KLD:\s*([0-9.]+)"),
        "kl_median": _figure(output, r"Median\s+KLD:\s*([0-9.]+)"),
        "kl_p99": _figure(output, r"99.0%\s+KLD:\s*([0-9.]+)"),
        "same_top": _figure(output, r"Same top p:\s*([0-9.]+)") / 100,
    }
    return Timed(figures, first + second, max(memory, more), disk)


def _figure(output: str, pattern: str) -> float:
    found = re.search(pattern, output)
    if found is None:
        raise SystemExit(f"the tool did not say {pattern}:\n{output[-2000:]}")
    return float(found[1])


def _finish(command: list[str]) -> tuple[str, resource.struct_rusage]:
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{text[-2000:]}")
    return text, usage


# -- the comparison


def compare(name: str, mine: Callable[[], Timed], theirs: Callable[[], Timed], rounds: int) -> dict[str, Any]:
    """Run the pairs and put the figures side by side."""
    pairs: list[tuple[Timed, Timed]] = []
    for turn in range(rounds):
        if turn % 2:
            other = theirs()
            pairs.append((mine(), other))
        else:
            pairs.append((mine(), theirs()))
    ours_, theirs_ = pairs[-1]
    return {
        "name": name,
        "figures": {
            key: {"ours": value, "theirs": theirs_.figures[key], "difference": value - theirs_.figures[key]}
            for key, value in ours_.figures.items()
        },
        "seconds": [statistics.median(pair[side].seconds for pair in pairs) for side in (0, 1)],
        "ratio": statistics.median(one.seconds / other.seconds for one, other in pairs),
        "memory_bytes": [ours_.memory_bytes, theirs_.memory_bytes],
        "disk_bytes": [ours_.disk_bytes, theirs_.disk_bytes],
    }


def show(found: dict[str, Any]) -> None:
    """One comparison for people."""
    print(f"{found['name']}: wall time ours/theirs {found['ratio']:.3f}", end=" ")
    print("({:.1f} s, {:.1f} s)".format(*found["seconds"]), flush=True)
    for key, one in found["figures"].items():
        relative = one["difference"] / one["theirs"] if one["theirs"] else 0.0
        print(f"  {key:18} ours {one['ours']:.6f}  theirs {one['theirs']:.6f}", end="  ")
        print(f"difference {one['difference']:+.6f} ({relative:+.3%})")
    for key in ("memory_bytes", "disk_bytes"):
        mine, other = (value / _MEGABYTE for value in found[key])
        print(f"  {key:18} ours {mine:.0f} MB  theirs {other:.0f} MB")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("result", nargs="?")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--text", default=str(ROOT / "resources" / "certificate" / "text.txt"))
    parser.add_argument("--chunks", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(*json.loads(options.child))))
        return
    if not options.result or not options.source:
        parser.error("name the result and its source")
    peers = importlib.import_module("build_peers").find_peers()
    result, source, text = options.result, options.source, options.text
    limit = [] if options.chunks is None else ["--chunks", str(options.chunks)]
    sides: tuple[tuple[str, Callable[[], Timed], Callable[[], Timed]], ...] = (
        (
            "perplexity",
            lambda: ours(result, None, text, options.chunks),
            lambda: their_perplexity(peers, result, text, limit),
        ),
        (
            "KL divergence",
            lambda: ours(result, source, text, options.chunks),
            lambda: their_divergence(peers, result, source, text, limit),
        ),
    )
    found = []
    for name, mine, theirs in sides:
        found.append(compare(name, mine, theirs, options.rounds))
        if not options.json:
            show(found[-1])
    bound = sum(Path(one).stat().st_size for one in (result, source)) + 500 * _MEGABYTE
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print(f"memory bound, source + result + 500 MB: {bound / _MEGABYTE:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
