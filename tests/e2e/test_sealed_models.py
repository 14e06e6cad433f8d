"""While the network is sealed no socket to anywhere but this machine is opened: a trace of system calls.

Hub, downloads, mirror, bundles and the catalogue, with all their workers; some of it must fail for that.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.test_surroundings import environment
from hub_server import CONFIG, hub_server, safetensors
from tiny_gguf import write_tiny_gguf

CALLS = "socket,connect,bind,listen,accept4,sendto,sendmsg,sendmmsg"
_INTERNET = re.compile(r"AF_INET6?\b")
_ADDRESS = re.compile(r'(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)')
_OPENED = re.compile(r"socket\((AF_\w+), ([\w|]+), ([^)]+)\)")
#: of this machine alone: other processes, and the kernel's list of network interfaces
LOCAL = {"AF_UNIX", "AF_LOCAL", "AF_NETLINK"}

STEPS = """
import json, os, signal, sys, threading
from bancada.cli.main import main
from bancada.catalog.bundles import keys
keys._SCRYPT["n"] = 16
home, hub, model, stick = sys.argv[1:]
codes = {}
def run(name, *words, home=home):
    codes[name] = main(["--home", home, *words, "--json"])
# the public hub: nothing is asked
run("search away", "hub", "search", "tiny")
run("show away", "hub", "show", "org/one", "--memory")
run("download away", "download", "org/one")
run("mirror away", "mirror", "serve", "--host", "0.0.0.0")
main(["--home", home, "settings", "set", "mirror.lan", "on"])
run("mirror away, allowed", "mirror", "serve", "--host", "0.0.0.0")
# by an address, and through a proxy, likewise
main(["--home", home, "settings", "set", "hub.endpoint", "http://192.0.2.7"])
run("search by address", "hub", "search", "tiny")
main(["--home", home, "settings", "set", "hub.proxy", "http://192.0.2.8:3128"])
run("search by proxy", "hub", "search", "tiny")
main(["--home", home, "settings", "set", "hub.proxy", ""])
# this machine: everything works
main(["--home", home, "settings", "set", "hub.endpoint", hub])
run("search", "hub", "search", "one")
run("show", "hub", "show", "org/one", "--memory")
run("download", "download", "org/one")
run("import", "models", "import", model, "--name", "Carried")
run("key", "keys", "new", "Alice")
run("bundle", "bundle", "create", stick, "--model", "Carried", "--sign", "Alice")
run("inspect", "bundle", "inspect", stick)
run("take in", "bundle", "import", stick)
run("catalogue", "catalog", "search", "qwen")
threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT)).start()
run("mirror", "mirror", "serve", "--port", "0")
print("CODES " + json.dumps(codes))
"""


def test_the_models_side_opens_no_socket_to_elsewhere(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or sys.platform != "linux":
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    with hub_server() as hub:
        hub.add("org/one", {"model.safetensors": safetensors(200_000), "config.json": CONFIG})
        done = subprocess.run(
            [
                *(strace, "-f", "--seccomp-bpf", "-qq", "-o", str(trace), "-e", f"trace={CALLS}"),
                *(sys.executable, "-c", STEPS, str(tmp_path / "home"), hub.url),
                *(str(write_tiny_gguf(tmp_path / "tiny.gguf")), str(tmp_path / "stick")),
            ],
            env=environment(BANCADA_KEY_PASSPHRASE="horse battery", BANCADA_MIRROR_TOKEN="t" * 20),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if "PTRACE" in done.stderr or "ptrace" in done.stderr:
        pytest.skip("tracing is not allowed here")
    said = [line for line in done.stdout.splitlines() if line.startswith("CODES ")]
    assert said, done.stdout[-3000:] + done.stderr[-3000:]
    codes = json.loads(said[0].removeprefix("CODES "))
    refused = {name for name, code in codes.items() if code}
    away = {name for name in codes if "away" in name or " by " in name}
    assert refused == away, done.stdout
    lines = trace.read_text(errors="replace").splitlines()
    addressed = [line for line in lines if _INTERNET.search(line) and "socket(" not in line]
    assert addressed, "the hub on this machine was reached"
    assert [line for line in addressed if not is_loopback(line)] == []
    kinds = {found[1] for line in lines if (found := _OPENED.search(line))}
    assert kinds <= LOCAL | {"AF_INET", "AF_INET6"}
    assert not any("SOCK_RAW" in line and "NETLINK" not in line for line in lines)


def is_loopback(line: str) -> bool:
    """Whether every address of a call is this machine's; a call without one names its peer elsewhere."""
    found = _ADDRESS.findall(line)
    return all(one.startswith("127.") or one == "::1" for one in found)
