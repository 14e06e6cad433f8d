"""``bancada models`` on real files."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.core.paths import Home
from bancada.storage import audit
from bancada.storage.blobs import BlobStore
from bancada.storage.database import open_database
from cli.conftest import Result

Call = Callable[..., Result]
FIELDS = {
    "name",
    "version",
    "format",
    "architecture",
    "parameters",
    "bits_per_weight",
    "size_bytes",
    "sha256",
}


def test_import_list_show_forecast_verify_remove(call: Call, tiny: Path, home: Path) -> None:
    imported = call("models", "import", str(tiny), "--name", "One", "--json").json
    assert imported["name"] == "One"
    assert imported["size_bytes"] == tiny.stat().st_size

    listed = call("models", "list", "--json").json
    assert [one["id"] for one in listed] == [imported["id"]]
    assert set(listed[0]) >= FIELDS
    table = call("models", "list").out.splitlines()
    assert table[0].startswith("Name")
    assert table[1].startswith("One")
    assert call("models", "list", "--search", "nothing like it", "--json").json == []
    assert "No model with nothing like it in" in call("models", "list", "--search", "nothing like it").out

    shown = call("models", "show", "one:1", "--json").json
    assert shown["files"][0]["sha256"] == shown["sha256"]
    assert "general.architecture" in shown["metadata"]["values"]
    assert shown["sha256"] in call("models", "show", imported["id"]).out

    forecast = call("models", "forecast", "One", "--context", "256", "--json").json
    assert forecast["total_bytes"] == sum(forecast["items"].values())
    assert forecast["fits"]
    assert forecast["history"] == []
    assert forecast["corrected_bytes"] == forecast["total_bytes"]
    assert forecast["parts"]["weights"] == {"F32": forecast["items"]["weights"]}
    split = call("models", "forecast", "One", "--context", "256", "--gpu-layers", "1", "--json").json
    assert split["gpu_bytes"] > 0
    assert "On the GPU" in call("models", "forecast", "One", "--context", "256", "--gpu-layers", "9").out
    assert "Together" in call("models", "forecast", "One", "--context", "256").out

    assert call("models", "verify", "--json").json["ok"]
    removed = call("models", "remove", "One", "--json").json
    assert removed["removed"]["id"] == imported["id"]
    assert call("models", "list", "--json").json == []
    assert tiny.is_file()
    assert not list(home.glob("blobs/*/*"))


def test_a_load_stands_in_the_history_of_the_forecast(call: Call, tiny: Path) -> None:
    call("models", "import", str(tiny), "--name", "One")
    words = ("models", "forecast", "One", "--context", "256")
    assert "nothing corrects the forecast" in call(*words).out
    assert call("chat", "One", "-p", "hello", "--max-tokens", "4", "--json").code == 0
    found = call(*words, "--json").json
    (load,) = found["history"]
    assert load["measured_bytes"] > 0
    assert load["forecast_error"] == pytest.approx(
        load["forecast_bytes"] / load["measured_bytes"] - 1, abs=1e-4
    )
    assert load["filled_tokens"] >= 1
    assert found["corrected_bytes"] != found["total_bytes"]
    told = call("models", "forecast", "One", "--context", "256").out
    assert "Corrected by earlier loads" in told
    assert "Earlier loads on this machine" in told


def test_people_see_progress_and_result(bancada: Call, tiny: Path) -> None:
    result = bancada("models", "import", str(tiny))
    assert result.code == 0
    assert result.out.startswith("Imported Tiny:1")
    assert "\r" not in result.err


NAMES = [
    "line\nbreak",
    "\U0001f980 crab",
    "نموذج عربي",
    "e\u0301te\u0301",
    "-dash",
    'quote"s',
    "a" * 255,
    "CON",
    "x:1",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_strange_names_work_or_are_refused_by_name(call: Call, tiny: Path, name: str) -> None:
    result = call("models", "import", str(tiny), f"--name={name}", "--json")
    if result.code == 1:
        assert result.error["code"].startswith("model.")
        return
    kept = result.json["name"]
    assert call("models", "show", kept, "--json").json["id"] == result.json["id"]
    table = call("models", "list").out
    assert len(table.splitlines()) == 2
    assert "\x1b" not in table


def test_files_with_strange_names(bancada: Call, tiny: Path, tmp_path: Path) -> None:
    place = tmp_path / "a b\n\U0001f980 مجلد"
    place.mkdir()
    path = place / 'modèle "1".gguf'
    path.write_bytes(tiny.read_bytes())
    result = bancada("models", "import", str(path), "--json")
    assert (result.code, result.json["version"]) == (0, 1)
    ascii_only = bancada(
        "models", "import", str(place / "missing"), "--json", PYTHONIOENCODING="ascii", LC_ALL="C"
    )
    assert ascii_only.code == 1
    assert "\U0001f980" in ascii_only.error["message"]


def test_an_argument_that_is_no_utf8(bancada: Call) -> None:
    result = bancada("models", "show", "\udcff\udcfe", "--json")
    assert result.code == 1
    assert result.error["code"] == "model.not_found"
    assert bancada("models", "import", "/nowhere/\udcff", "--json").code == 1


def test_bad_files_say_why(call: Call, tmp_path: Path) -> None:
    empty = tmp_path / "empty.gguf"
    empty.touch()
    text = tmp_path / "text.gguf"
    text.write_text("not a model")
    for path in (empty, text, tmp_path / "missing.gguf", tmp_path, Path("/dev/null")):
        result = call("models", "import", str(path), "--json")
        assert result.code == 1
        assert result.error["code"].startswith("model.")
        assert result.error["hint"]
        plain = call("models", "import", str(path))
        assert plain.err.startswith("bancada: ")
    assert call("models", "list", "--json").json == []


def test_unknown_models_name_what_is_near(call: Call, tiny: Path) -> None:
    call("models", "import", str(tiny), "--name", "Crocodile")
    for words in (("show",), ("remove",), ("verify",), ("forecast",)):
        result = call("models", *words, "Crocodil", "--json")
        assert (result.code, result.error["code"]) == (1, "model.not_found")
        assert "Crocodile" in result.error["message"] + result.error["hint"]


def test_a_damaged_file_is_found_by_verify(call: Call, tiny: Path, home: Path) -> None:
    version = call("models", "import", str(tiny), "--copy", "--json").json
    database = open_database(Home(home))
    path = BlobStore(Home(home), database).path(version["sha256"])
    database.close()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(bytes(data))
    result = call("models", "verify", "--json")
    assert (result.code, result.json["ok"]) == (1, False)
    assert result.json["files"][0]["state"] == "damaged"
    assert "damaged" in call("models", "verify").out


def test_verify_and_list_of_nothing(call: Call) -> None:
    assert call("models", "verify", "--json").json == {"ok": True, "files": []}
    assert "No model" in call("models", "verify").out
    assert "models import" in call("models", "list").out


def test_removal_asks_on_a_terminal(call: Call, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    call("models", "import", str(tiny), "--name", "Kept")
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stderr", Terminal())
    result = call("models", "remove", "Kept")
    assert result.code == 130
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert call("models", "remove", "Kept").code == 0


def test_the_audit_log_tells_of_it(call: Call, tiny: Path, home: Path) -> None:
    call("models", "import", str(tiny), "--name", "One")
    call("models", "remove", "One")
    database = open_database(Home(home))
    actions = [one.action for one in audit.list_page(database)]
    database.close()
    assert actions[:2] == ["model.removed", "model.added"]
