"""``bancada quantize``, ``imatrix`` and ``matrices`` as people and programs meet them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bancada.core.paths import Home
from bancada.quantization.types import TYPES
from cli.conftest import Result
from tiny_gguf import TinyModel, write_tiny_gguf

Call = Callable[..., Result]
TEXT = "The archive waits for its shelves, and nobody blocks the fire door. " * 20


@pytest.fixture
def source(call: Call, tiny: Path) -> str:
    assert call("models", "import", str(tiny), "--name", "Source", "--json").code == 0
    return "Source"


def test_a_file_and_its_certificate(call: Call, source: str, home: Path) -> None:
    result = call("quantize", source, "--type", "q8_0", "--name", "Small", "--chunks", "2", "--json")
    assert result.code == 0, result.err
    made = result.json
    assert (made["name"], made["version"], made["quantization"], made["type"]) == ("Small", 1, "Q8_0", "Q8_0")
    assert made["size_bytes"] == made["forecast_bytes"]
    assert 8.5 < made["bits_per_weight"] < 10
    assert made["verdict"] == "green"
    assert made["perplexity_ratio"] == pytest.approx(1, abs=0.02)
    assert 0 <= made["kl_divergence"] < 0.01
    assert 0.9 < made["same_top_token"] <= 1
    assert made["perplexity"] > 1
    assert made["certificate"]["report"]["text"]["chunks"] == 2
    assert call("certificates", "show", "Small", "--json").json["verdict"] == "green"
    # what it takes was said before it began
    assert "Q8_0: " in result.err
    assert "on the disk at the most" in result.err
    lineage = call("models", "lineage", "Small")
    assert "Source" in lineage.out
    assert list(Home(home).temporary.iterdir()) == []


def test_without_a_certificate_and_by_size(call: Call, source: str) -> None:
    listed = {one["type"]: one for one in call("quantize", source, "--dry-run", "--json").json}
    assert {"F16", "Q8_0", "Q4_0", "Q4_K_M"} <= set(listed) <= {one.name for one in TYPES}
    size = listed["Q5_0"]["size_bytes"]
    for options in (
        ("--target-size", str(size)),
        ("--target-bits", f"{listed['Q5_0']['bits_per_weight']:.4f}"),
    ):
        (planned,) = call("quantize", source, *options, "--dry-run", "--json").json
        assert planned["size_bytes"] <= size + 1
        made = call("quantize", source, *options, "--no-certify", "--json").json
        assert (made["type"], made["size_bytes"]) == (planned["type"], planned["size_bytes"])
        assert made["certificate"] is None
        assert "verdict" not in made
    assert call("certificates", "list", "--json").json == []
    # all of it fits here, so the best there is
    (planned,) = call("quantize", source, "--target-size", "device", "--dry-run", "--json").json
    assert planned["type"] == "F32"


def test_the_dry_run_for_people(call: Call, source: str) -> None:
    said = call("quantize", source, "--dry-run", "--type", "Q4_K_M").out
    assert "Q4_K_M" in said
    assert "too narrow for Q4_K_M" in said
    assert "bits per weight; this file has" in said
    assert "which promises more, takes no more room here" in said
    assert call("models", "list", "--json").json[0]["name"] == source
    assert len(call("models", "list", "--json").json) == 1


def test_overrides_and_a_quantized_source(call: Call, source: str) -> None:
    plain, other = (
        call("quantize", source, "--type", "Q4_0", "--dry-run", *more, "--json").json[0]
        for more in ((), ("--override", "ffn_down=Q8_0", "--override", "attn_v=F16"))
    )
    assert other["size_bytes"] > plain["size_bytes"]
    assert {"Q8_0", "F16"} <= set(other["tensor_types"])
    made = call("quantize", source, "--type", "Q4_0", "--override", "ffn_down=Q8_0", "--no-certify", "--json")
    assert made.code == 0
    name = made.json["name"]
    error = call("quantize", name, "--type", "Q8_0", "--no-certify", "--json").error
    assert error["code"] == "quantize.already_quantized"
    assert "--allow-requantize" in error["hint"]
    again = call("quantize", name, "--type", "Q8_0", "--allow-requantize", "--no-certify")
    assert again.code == 0
    assert "new ones come on top" in again.out.replace("\n", " ")


REFUSED = (
    ((), "usage"),
    (("--type", "Q8_0", "--target-size", "1MB"), "usage"),
    (("--target-bits", "99"), "usage"),
    (("--goal", "beauty", "--sweep", "Q8_0"), "usage"),
    (("--sweep", ","), "usage"),
    (("--type", "Q9_X"), "quantize.type_unknown"),
    (("--sweep", "Q8_0,Q9_X"), "quantize.type_unknown"),
    (("--target-size", "tiny"), "quantize.size_invalid"),
    (("--target-size", "1kB"), "quantize.nothing_fits"),
    (("--type", "Q8_0", "--override", "nothing=Q8_0"), "quantize.override_invalid"),
    (("--type", "Q8_0", "--imatrix", "none"), "imatrix.not_found"),
)


def test_what_is_refused(call: Call, source: str) -> None:
    for words, code in REFUSED:
        result = call("quantize", source, *words, "--json")
        assert (result.code, result.error["code"]) == (2 if code == "usage" else 1, code)
    assert call("quantize", "Nobody", "--type", "Q8_0", "--json").error["code"] == "model.not_found"
    assert len(call("models", "list", "--json").json) == 1


def test_a_matrix_from_text_to_removal(call: Call, tmp_path: Path) -> None:
    wide = write_tiny_gguf(tmp_path / "wide.gguf", TinyModel(layers=1, width=256, hidden=256, name="Wide"))
    assert call("models", "import", str(wide), "--json").code == 0
    refusal = call("quantize", "Wide", "--type", "IQ2_XXS", "--no-certify", "--json").error
    assert refusal["code"] == "quantize.matrix_needed"
    assert "bancada imatrix" in refusal["hint"]
    text = tmp_path / "office.txt"
    text.write_text(TEXT, encoding="utf-8")
    result = call("imatrix", "Wide", "--text", str(text), "--name", "Office", "--context", "64", "--json")
    assert result.code == 0, result.err
    made = result.json
    assert (made["name"], made["text_name"], made["context"]) == ("Office", "office.txt", 64)
    assert made["coverage"]["tensors"] == made["coverage"]["tensors_in_model"] == 7
    assert Path(made["path"]).is_file()
    (listed,) = call("matrices", "list", "--json").json
    assert listed["id"] == made["id"]
    assert "7 of 7" in call("matrices", "show", "Office").out
    weighed = call("quantize", "Wide", "--type", "IQ2_XXS", "--imatrix", "Office", "--no-certify", "--json")
    assert weighed.code == 0, weighed.err
    assert weighed.json["name"] == "Wide-IQ2_XXS-imat"
    assert call("chat", "Wide-IQ2_XXS-imat", "-p", "Hi", "--max-tokens", "4", "--json").code == 0
    assert call("matrices", "remove", "Office", "--yes", "--json").json["freed_bytes"] > 0
    assert not Path(made["path"]).exists()
    assert call("matrices", "list", "--json").json == []
    assert call("matrices", "show", "Office", "--json").error["code"] == "imatrix.not_found"


def test_the_bundled_text(call: Call, source: str) -> None:
    made = call("imatrix", source, "--chunks", "1", "--json").json
    assert (made["chunks"], made["tokens"]) == (1, 512)
    assert made["name"].startswith("Source")


def test_a_sweep_recommends(call: Call, source: str) -> None:
    words = ("quantize", source, "--sweep", "Q8_0,Q4_0", "--goal", "size", "--chunks", "2")
    first = call(*words, "--json")
    assert first.code == 0, first.err
    assert "Needs " in first.err
    found = first.json
    assert [one["type"] for one in found["made"]] == ["Q8_0", "Q4_0"]
    sizes = {one["version_id"]: one["size_bytes"] for one in found["variants"] if one["verdict"] == "green"}
    assert found["recommendation"]["version_id"] == min(sizes, key=lambda one: sizes[one])
    again = call(*words)
    assert again.code == 0
    assert found["recommendation"]["reason"] in again.out.replace("\n", " ")
    assert len(call("models", "list", "--json").json) == 3
