"""``bancada convert`` as people and programs meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.quantization.tools import find_tools
from cli.conftest import Result
from tiny_hf import write_tiny_hf

Call = Callable[..., Result]
pytestmark = pytest.mark.skipif(not find_tools().ready, reason="the set-up was made without --convert")


def test_a_gguf_file_to_hugging_faces_layout(call: Call, tiny: Path) -> None:
    result = call("convert", str(tiny), "--to", "hf", "--type", "f32", "--name", "Back", "--json")
    assert result.code == 0, result.err
    made = result.json
    assert (made["name"], made["format"], made["type"], made["bits_per_weight"]) == (
        "Back",
        "hf",
        "f32",
        32.0,
    )
    assert "Needs about" in result.err
    listed = {one["id"]: one for one in call("models", "list", "--json").json}
    assert set(listed) == {made["id"], made["source_version_id"]}
    run = call("runs", "show", made["run_id"], "--json").json
    assert (run["kind"], run["status"], run["params"]["type"]) == ("convert", "finished", "f32")
    # said plainly: it is a source for other work
    error = call("chat", "Back", "-p", "Hello", "--json").error
    assert error["code"] == "model.not_runnable"
    assert "bancada convert" in error["hint"]
    assert call("convert", "Back", "--to", "hf", "--json").error["code"] == "convert.same_format"


def test_what_is_refused(call: Call, tiny: Path, tmp_path: Path) -> None:
    folder = write_tiny_hf(tmp_path / "Own", auto_map={"AutoModel": "own.Own"})
    error = call("convert", str(folder), "--to", "gguf", "--json").error
    assert error["code"] == "convert.remote_code"
    assert "--ignore-code" in error["hint"]
    assert (
        call("convert", str(tiny), "--to", "gguf", "--type", "q2_k", "--json").error["code"]
        == "convert.type_unknown"
    )
    assert call("convert", "Nobody", "--to", "gguf", "--json").error["code"] == "model.not_found"
    assert call("convert", str(tiny), "--to", "pdf", "--json").code == 2
    assert call("models", "list", "--json").json == []


def test_the_doctor_knows(call: Call) -> None:
    checks = {one["name"]: one for one in call("doctor", "--json").json["checks"]}
    assert checks["Conversion"]["state"] == "good"
