"""Build llama.cpp's own programs from the sources inside llama-cpp-python's archive, with our flags.

    python tests/performance/build_peers.py [ARCHIVE_OR_FOLDER]

The programs (see ``PROGRAMS``) go to ``~/.cache/bancada/peers``; a build with the same sources and flags
is not repeated. Without an argument the archive is fetched by pip.
Needs cmake, a C++ compiler and ninja or make; takes some minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("llama-bench", "llama-server", "llama-perplexity", "llama-quantize", "llama-imatrix")
#: the engine's own flags (README), and nothing that would need the network
FLAGS: Final = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)


def peers_folder() -> Path:
    """Where the programs are, or will be: one folder per engine version and set of flags."""
    version = importlib.metadata.version("llama-cpp-python")
    key = hashlib.sha256(repr((version, FLAGS)).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "bancada" / "peers" / f"{version}-{key}"


def find_peers() -> Path:
    """The folder of the built programs.

    Raises:
        SystemExit: they are not built; the message says how.
    """
    folder = peers_folder()
    if not all((folder / "bin" / program).exists() for program in PROGRAMS):
        raise SystemExit("llama.cpp's own programs are missing: run python tests/performance/build_peers.py")
    return folder / "bin"


def build(source: Path) -> Path:
    """Build the programs from an archive or unpacked folder of llama-cpp-python; return their folder."""
    folder = peers_folder()
    folder.mkdir(parents=True, exist_ok=True)
    sources = _unpack(source, folder) if source.is_file() else source
    llama = sources / "vendor" / "llama.cpp"
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    work = folder / "build"
    subprocess.run(["cmake", "-S", str(llama), "-B", str(work), *generator, *FLAGS], check=True)
    jobs = str(os.cpu_count() or 1)
    subprocess.run(["cmake", "--build", str(work), "-j", jobs, "--target", *PROGRAMS], check=True)
    binaries = folder / "bin"
    # the programs find their libraries by a path into the build folder, so the folder is linked, not copied
    if not binaries.exists():
        binaries.symlink_to(work / "bin")
    return binaries


def _unpack(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    return next((folder / "source").iterdir())


def _download(folder: Path) -> Path:
    version = importlib.metadata.version("llama-cpp-python")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        "llama-cpp-python",
        "--dest",
        str(folder),
    ]
    subprocess.run([*command, f"llama-cpp-python=={version}"], check=True)
    return next(folder.glob("llama_cpp_python-*.tar.gz"))


def main() -> None:
    """Build, unless it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "source", nargs="?", type=Path, help="llama-cpp-python's source archive, or its folder"
    )
    arguments = parser.parse_args()
    folder = peers_folder()
    if all((folder / "bin" / program).exists() for program in PROGRAMS):
        print(folder / "bin")
        return
    folder.mkdir(parents=True, exist_ok=True)
    print(build(arguments.source.resolve() if arguments.source else _download(folder)))


if __name__ == "__main__":
    main()
