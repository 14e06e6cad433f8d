"""How fast a download is, from a server on this machine: `python tests/performance/hub_download.py [MB]`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "app"), str(ROOT / "tests")]

from hub_server import CONFIG, hub_server, sparse_safetensors  # noqa: E402


def main() -> None:
    size = 1_000_000 * int(sys.argv[1] if len(sys.argv) > 1 else 1000)
    with tempfile.TemporaryDirectory() as folder, hub_server() as hub:
        home = Path(folder) / "home"
        file = sparse_safetensors(Path(folder) / "big", size)
        hub.add("org/big", {"model.safetensors": file, "config.json": CONFIG})
        hub.repos["org/big"].files["model.safetensors"].told_sha256 = (
            hub.repos["org/big"].files["model.safetensors"].sha256()
        )
        command = [sys.executable, "-m", "bancada", "--home", str(home)]
        environment = {"PYTHONPATH": str(ROOT / "app"), "PATH": "/usr/bin:/bin"}
        subprocess.run([*command, "settings", "set", "hub.endpoint", hub.url], env=environment, check=True)
        begun = time.perf_counter()
        subprocess.run([*command, "download", "org/big"], env=environment, check=True)
        took = time.perf_counter() - begun
        print(f"{size / 1e6:.0f} MB in {took:.1f} s, {size / 1e6 / took:.0f} MB/s, start and check included")


if __name__ == "__main__":
    main()
