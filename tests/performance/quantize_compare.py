"""Our quantization and importance matrix beside llama.cpp's own programs: the same bytes, and the time.

    python tests/performance/build_peers.py          (once)
    python tests/performance/quantize_compare.py SOURCE.gguf [--types T,T] [--text FILE] [--chunks N]

SOURCE is a model in 16 or 32 bits. For every type, without and with an importance matrix, both sides write a
file; equal means: the tensors' bytes are, and so is the header, except for the four keys by which
llama-quantize notes the path of the matrix. The size is also held against what our dry run said. For the
matrix both sides read the same text in the same chunks; their sums and counts are compared by tensor.
Times are of whole processes, in pairs with the order alternating; for types also of the work alone, without
the start of the process, as both sides take it themselves. Ends with 1 when something differs.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "app"))

TYPES: Final = "Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,IQ4_XS,Q3_K_M,Q2_K"
CONTEXT: Final = 512
THREADS: Final = os.cpu_count() or 1
#: sums are of the same squares, added in another order
SAME_SUM: Final = 0.01
_NOTED: Final = "quantize.imatrix."
_WORK: Final = re.compile(r"quantize time = +([0-9.]+) ms")


@dataclass(frozen=True)
class Took:
    """Seconds of a whole process, and of the work in it."""

    seconds: float
    work: float


@dataclass(frozen=True)
class Compared:
    """One file of both sides; ``seconds`` are medians, ``ratio`` the median of the pairs' ours / theirs."""

    name: str
    same_tensors: bool
    same_header: bool
    size_bytes: int
    dry_run_bytes: int
    seconds: tuple[float, float]
    ratio: float
    work_seconds: tuple[float, float]

    @property
    def good(self) -> bool:
        return self.same_tensors and self.same_header and self.size_bytes == self.dry_run_bytes


@dataclass(frozen=True)
class Matrices:
    """Both importance matrices: how far apart, at most over all tensors and columns, and whether they count
    the same; ``error`` is the length of the difference relative to that of the other's sums."""

    tensors: tuple[int, int]
    same_counts: bool
    error: float
    worst_column: float
    seconds: tuple[float, float]
    ratio: float

    @property
    def good(self) -> bool:
        return self.tensors[0] == self.tensors[1] and self.same_counts and self.error < SAME_SUM


# -- our side, in a process of its own


def child(task: str, order: dict[str, Any]) -> None:
    """Do one thing as a worker does it."""
    if task == "quantize":
        _quantize(**order)
    else:
        _imatrix(**order)


def _quantize(source: str, target: str, kind: str, matrix: str | None) -> None:
    engine = importlib.import_module("bancada.engines.llama_quantize")
    files = importlib.import_module("bancada.engines.imatrix_file")
    importlib.import_module("bancada.engines.llama_native").open_library()
    began = time.perf_counter()
    engine.quantize(
        Path(source),
        Path(target),
        kind,
        matrix=files.read(Path(matrix)).means() if matrix else None,
        threads=THREADS,
        on_tensors=lambda _done, _total: None,
        should_stop=lambda: False,
    )
    print(f"quantize time = {1e3 * (time.perf_counter() - began):.2f} ms")


def _imatrix(model: str, text: str, target: str, chunks: int | None) -> None:
    native = importlib.import_module("bancada.engines.llama_native")
    comparison = importlib.import_module("bancada.engines.llama_comparison")
    engine = importlib.import_module("bancada.engines.llama_imatrix")
    files = importlib.import_module("bancada.engines.imatrix_file")
    loaded = native.NativeModel(model)
    tokens = comparison.tokens_of(loaded, Path(text).read_bytes())
    found = engine.collect(
        loaded,
        engine.chunks_of(tokens, CONTEXT, chunks),
        threads=THREADS,
        on_chunks=lambda _done, _total: None,
        should_stop=lambda: False,
    )
    files.write(Path(target), found)


def _ours(task: str, **order: Any) -> Took:
    return _timed([sys.executable, __file__, "--child", json.dumps([task, order])])


def _timed(command: list[str]) -> Took:
    """Run a command to its end and take its time; SystemExit with its words when it failed."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    seconds = time.perf_counter() - began
    words = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{words[-2000:]}")
    work = _WORK.search(words)
    return Took(seconds, float(work[1]) / 1e3 if work else seconds)


def _pairs(ours: Callable[[], Took], theirs: Callable[[], Took], rounds: int) -> list[tuple[Took, Took]]:
    pairs = []
    for turn in range(rounds):
        if turn % 2:
            other = theirs()
            pairs.append((ours(), other))
        else:
            pairs.append((ours(), theirs()))
    return pairs


def _medians(pairs: list[tuple[Took, Took]], attribute: str) -> tuple[float, float]:
    """The median seconds of both sides."""
    mine = statistics.median(getattr(one, attribute) for one, _ in pairs)
    return mine, statistics.median(getattr(other, attribute) for _, other in pairs)


def _ratio(pairs: list[tuple[Took, Took]]) -> float:
    return statistics.median(one.seconds / other.seconds for one, other in pairs)


# -- the comparisons


def compare_type(
    peers: Path, source: Path, kind: str, work: Path, rounds: int, *, matrix: Path | None = None
) -> Compared:
    """Quantize on both sides and look at the two files."""
    engine = importlib.import_module("bancada.engines.llama_quantize")
    mine, other = work / "ours.gguf", work / "theirs.gguf"
    options = ["--imatrix", str(matrix)] if matrix else []
    path = str(matrix) if matrix else None
    command = [str(peers / "llama-quantize"), *options, str(source), str(other), kind, str(THREADS)]
    pairs = _pairs(
        lambda: _ours("quantize", source=str(source), target=str(mine), kind=kind, matrix=path),
        lambda: _timed(command),
        rounds,
    )
    forecast = engine.dry_run(source, kind, matrix=matrix is not None)
    (head, data), (their_head, their_data) = _parts(mine), _parts(other)
    return Compared(
        name=kind + (" with a matrix" if matrix else ""),
        same_tensors=data == their_data,
        same_header=head == their_head,
        size_bytes=mine.stat().st_size,
        dry_run_bytes=forecast.size_bytes,
        seconds=_medians(pairs, "seconds"),
        ratio=_ratio(pairs),
        work_seconds=_medians(pairs, "work"),
    )


def _parts(path: Path) -> tuple[dict[str, Any], str]:
    """What the header says, without the notes on the matrix, and the hash of the tensors' bytes."""
    reader = importlib.import_module("bancada.catalog.gguf_header")
    header = reader.read_header(path)
    said = {key: one for key, one in header.metadata.items() if not key.startswith(_NOTED)}
    said["tensors"] = header.tensors
    with path.open("rb") as file:
        file.seek(header.data_start)
        return said, hashlib.file_digest(file, "sha256").hexdigest()


def compare_matrices(
    peers: Path, source: Path, work: Path, rounds: int, *, text: Path, chunks: int | None
) -> tuple[Matrices, Path]:
    """Compute the matrix on both sides; also the path of ours, as llama-quantize is to read it."""
    mine, other = work / "ours.imatrix.gguf", work / "theirs.imatrix.gguf"
    limit = [] if chunks is None else ["--chunks", str(chunks)]
    command = [str(peers / "llama-imatrix"), "-m", str(source), "-f", str(text), "-o", str(other)]
    command += ["-c", str(CONTEXT), "-t", str(THREADS), "--no-ppl", *limit]
    pairs = _pairs(
        lambda: _ours("imatrix", model=str(source), text=str(text), target=str(mine), chunks=chunks),
        lambda: _timed(command),
        rounds,
    )
    files = importlib.import_module("bancada.engines.imatrix_file")
    found, theirs = files.read(mine).entries, files.read(other).entries
    shared = sorted(found.keys() & theirs.keys())
    both = [(found[name], theirs[name]) for name in shared]
    numbers = importlib.import_module("numpy")
    error = max(
        float(numbers.linalg.norm(one.sums - that.sums) / numbers.linalg.norm(that.sums))
        for one, that in both
    )
    worst = max(
        float((abs(one.sums - that.sums) / numbers.maximum(that.sums, 1e-30)).max()) for one, that in both
    )
    result = Matrices(
        tensors=(len(found), len(theirs)),
        same_counts=len(shared) == len(theirs)
        and all(one.counts.tolist() == that.counts.tolist() for one, that in both),
        error=error,
        worst_column=worst,
        seconds=_medians(pairs, "seconds"),
        ratio=_ratio(pairs),
    )
    return result, mine


def _show(one: Compared) -> None:
    tensors = "same tensors" if one.same_tensors else "OTHER TENSORS"
    header = "same header" if one.same_header else "OTHER HEADER"
    size = "as forecast" if one.size_bytes == one.dry_run_bytes else f"FORECAST {one.dry_run_bytes:,}"
    times = "{:.2f} s, {:.2f} s; the work alone {:.2f} s, {:.2f} s".format(*one.seconds, *one.work_seconds)
    print(
        f"{one.name:22} {tensors}, {header}, {one.size_bytes:>13,} bytes {size}, "
        f"time ours/theirs {one.ratio:.3f} ({times})",
        flush=True,
    )


def _show_matrices(one: Matrices) -> None:
    counts = "same counts" if one.same_counts else "OTHER COUNTS"
    times = "{:.1f} s, {:.1f} s".format(*one.seconds)
    print(
        f"importance matrix: {one.tensors[0]} and {one.tensors[1]} tensors, {counts}, sums differ by "
        f"{one.error:.2e} (a tensor at most) and {one.worst_column:.2e} (a column at most), "
        f"time ours/theirs {one.ratio:.3f} ({times})",
        flush=True,
    )


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path)
    parser.add_argument("--types", default=TYPES, help=f"(default: {TYPES})")
    parser.add_argument("--text", type=Path, default=ROOT / "resources" / "calibration" / "neutral.txt")
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-matrix", action="store_true", help="leave out the importance matrix")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*json.loads(options.child))
        return 0
    if options.source is None:
        parser.error("name the source, a model in 16 or 32 bits")
    peers = importlib.import_module("build_peers").find_peers()
    source, types = options.source.resolve(), options.types.split(",")
    found: list[Compared] = []
    matrices = None
    with tempfile.TemporaryDirectory() as folder:
        work, matrix = Path(folder), None
        if not options.no_matrix:
            matrices, matrix = compare_matrices(
                peers, source, work, options.rounds, text=options.text, chunks=options.chunks
            )
            if not options.json:
                _show_matrices(matrices)
        for kind in types:
            for one in (None, matrix) if matrix else (None,):
                found.append(compare_type(peers, source, kind, work, options.rounds, matrix=one))
                if not options.json:
                    _show(found[-1])
    good = all(one.good for one in found) and (matrices is None or matrices.good)
    if options.json:
        files = [asdict(one) for one in found]
        print(json.dumps({"files": files, "matrix": asdict(matrices) if matrices else None}, indent=1))
    else:
        middle = statistics.median(one.ratio for one in found)
        alone = statistics.median(one.work_seconds[0] / one.work_seconds[1] for one in found)
        print("all equal" if good else "SOMETHING DIFFERS")
        print(f"median time ours/theirs {middle:.3f}, of the work alone {alone:.3f}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
