"""Settings, audit, backup, restore, doctor, and workspaces that cannot be used."""

from __future__ import annotations

import ctypes.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.cli import checks
from bancada.cli.doctor import engine_checks
from bancada.core.errors import BancadaError
from bancada.core.paths import Home
from bancada.inference.probe import EngineFacts, GpuFacts
from bancada.storage.connection import connect
from cli.conftest import Result, environment

Call = Callable[..., Result]
NOBODY = 65534


def test_settings(call: Call) -> None:
    listed = call("settings", "list", "--json").json
    assert listed["appearance.theme"] == "system"
    assert call("settings", "get", "network.sealed").out == "true\n"
    assert call("settings", "set", "appearance.theme", "dark", "--json").json["value"] == "dark"
    assert call("settings", "get", "appearance.theme").out == "dark\n"
    assert call("settings", "set", "chat.context", "1024").out == "chat.context = 1024\n"
    assert call("settings", "set", "appearance.scale", "1.5", "--json").json["value"] == 1.5
    assert call("settings", "set", "jobs.memory_check", "off", "--json").json["value"] is False
    assert "chat.context" in call("settings", "list").out


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nothing", "1"),
        ("chat.context", "many"),
        ("chat.context", "9" * 5_000),
        ("chat.context", "-1"),
        ("appearance.scale", "nan"),
        ("jobs.memory_check", "perhaps"),
        ("appearance.theme", "pink"),
    ],
)
def test_bad_settings_are_refused(call: Call, key: str, value: str) -> None:
    result = call("settings", "set", key, value, "--json")
    assert result.code == 1
    assert result.error["code"].startswith("settings.")
    assert len(result.error["message"]) < 1_000


def test_audit_backup_and_restore(call: Call, home: Path) -> None:
    call("settings", "set", "appearance.theme", "dark")
    assert call("audit", "verify", "--json").json == {"ok": True, "broken_seq": None, "count": 1}
    assert "unbroken" in call("audit", "verify").out
    copy = call("backup", "--json").json
    assert Path(copy["path"]).is_file()
    assert "Copied" in call("backup").out
    assert copy["name"] in [one["name"] for one in call("restore", "--list", "--json").json]
    assert copy["name"] in call("restore", "--list").out
    call("settings", "set", "appearance.theme", "light")
    assert call("restore", copy["name"], "--json").json == {"restored": copy["name"]}
    assert call("settings", "get", "appearance.theme").out == "dark\n"
    for bad in ("nothing.db", "../bancada.db", "/etc/passwd"):
        result = call("restore", bad, "--json")
        assert (result.code, result.error["code"]) == (1, "backup.not_found")


def test_restore_of_a_new_workspace(call: Call) -> None:
    assert "bancada backup" in call("restore", "--list").out


def test_a_changed_audit_log_is_found(call: Call, home: Path) -> None:
    call("settings", "set", "appearance.theme", "dark")
    connection = connect(Home(home).database)
    trigger = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'events_no_update'").fetchone()[
        0
    ]
    connection.execute("DROP TRIGGER events_no_update")
    connection.execute("UPDATE events SET detail = '{}'")
    connection.execute(trigger)
    connection.close()
    result = call("audit", "verify", "--json")
    assert (result.code, result.error["code"]) == (1, "audit.broken")
    assert "broken at line 1" in result.error["message"]
    states = {one["name"]: one["state"] for one in call("doctor", "--json").json["checks"]}
    assert states["Audit log"] == "less"


def test_doctor(call: Call) -> None:
    result = call("doctor", "--json")
    assert result.code == 0
    document = result.json
    assert document["usable"]
    names = {one["name"] for one in document["checks"]}
    assert names >= {
        "Python",
        "Database",
        "Engine",
        "GPU",
        "Memory",
        "Disk",
        "Window",
        "Keyring",
        "Starter model",
        "Network",
    }
    assert document["engine"]["cpu_features"]
    assert all(one["remedy"] for one in document["checks"] if one["state"] != "good")
    lines = call("doctor").out.splitlines()
    assert lines[0].startswith("ok  Bancada")
    assert lines[-1] == "Bancada is usable."


def test_a_damaged_database_is_said_and_never_replaced(call: Call, home: Path) -> None:
    call("settings", "list")
    place = Home(home)
    place.database.write_bytes(b"\0" * 8192)
    for words in (("models", "list"), ("doctor",)):
        result = call(*words, "--json")
        assert result.code == 1
    assert call("models", "list", "--json").error["code"] == "database.damaged"
    document = call("doctor", "--json").json
    assert not document["usable"]
    assert any(one["name"] == "Workspace" and one["state"] == "bad" for one in document["checks"])
    assert "not usable" in call("doctor").out
    assert place.database.read_bytes() == b"\0" * 8192


def test_a_home_that_is_a_file(call: Call, home: Path) -> None:
    home.write_text("mine")
    result = call("models", "list", "--json")
    assert result.code == 1
    assert home.read_text() == "mine"


#: starts a program that may not overrule permissions, even as root (PR_CAPBSET_DROP of the two that do)
WITHOUT_POWERS = (
    "import ctypes, os, sys; refused = [ctypes.CDLL(None).prctl(24, number, 0, 0, 0) for number in (1, 2)];"
    "os.execv(sys.executable, [sys.executable, '-m', 'bancada', *sys.argv[1:]])"
)
REFUSED = ("database.read_only", "database.unreadable", "cli.system_refused")


def run_without_powers(home: Path, *words: str) -> Result:
    whole = environment(home)
    # a measurement of coverage may write its own data only
    plain = {key: value for key, value in whole.items() if not key.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POWERS, *words], capture_output=True, text=True, env=plain, check=False
    )
    assert "Traceback" not in done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.parametrize("mode", [0o000, 0o555])
def test_a_workspace_without_permission(call: Call, home: Path, mode: int) -> None:
    call("settings", "list")
    everything = [home, *home.rglob("*")]
    folders = [one for one in everything if one.is_dir()]
    for one in everything:
        if os.geteuid() == 0:
            os.chown(one, NOBODY, NOBODY)
        if one.is_file():
            one.chmod(0o444)
    for one in folders:
        one.chmod(mode)
    try:
        changed = run_without_powers(home, "settings", "set", "language", "pt", "--json")
        assert (changed.code, changed.error["code"] in REFUSED) == (1, True)
        assert changed.error["hint"]
        doctor = run_without_powers(home, "doctor", "--json")
        assert (doctor.code, doctor.json["usable"]) == (1, False)
        states = [one["state"] for one in doctor.json["checks"] if one["name"] in ("Workspace", "Database")]
        assert states == ["bad"]
    finally:
        for one in folders:
            one.chmod(0o700)


def test_findings_about_engine_and_window(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = EngineFacts(
        "llama.cpp", "1", ("AVX2", "OPENMP"), (GpuFacts("Card", 2_000_000_000, 8_000_000_000),)
    )
    found = {one.name: one for one in engine_checks(facts)}
    assert found["Engine"].value == "llama.cpp (1), uses AVX2"
    assert found["GPU"].value == "Card, 2.0 GB free of 8.0 GB"
    none = {one.name: one for one in engine_checks(EngineFacts("llama.cpp", "1", (), ()))}
    assert none["GPU"].value
    monkeypatch.setattr(ctypes.util, "find_library", lambda _name: None)
    assert checks.missing_libraries(x11=True)["EGL"] == "libegl1"
    window = {one.name: one for one in checks.machine_checks(Path("/"))}["Window"]
    assert (window.state, "apt-get install" in window.remedy) == ("less", True)
    failure = checks.error_check("Engine", BancadaError("starter.not_installed"))
    assert (failure.state, bool(failure.remedy)) == ("bad", True)
