"""The catalogue: what is shipped is right, what is not right is refused, editions only go forward."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bancada.catalog.catalogue import shelf
from bancada.catalog.catalogue.fitting import FITS, LARGE, TIGHT, Place, fit
from bancada.catalog.catalogue.reading import MAX_BYTES, parse
from bancada.catalog.catalogue.records import FACTS, GENERATOR, NEEDED, Entry
from bancada.catalog.catalogue.searching import Found, Query, facet_counts, search
from bancada.catalog.catalogue.sizing import BITS, LADDER, size_of
from bancada.catalog.forecast import Load
from bancada.catalog.forecast_learning import Correction
from bancada.catalog.forecaster import Forecaster
from bancada.catalog.starter import STARTERS
from bancada.core.comparing import fold
from bancada.core.errors import BancadaError
from bancada.core.paths import Home

GB = 1_000_000_000
OFFICE = Place(free_bytes=12 * GB, total_bytes=16 * GB)
Change = Callable[[dict[str, Any]], Any]


def document(edition: int = 1) -> dict[str, Any]:
    """A small catalogue that is right."""
    return {
        "format": "bancada-catalogue",
        "version": 1,
        "edition": edition,
        "date": "2026-11-25",
        "title": "Two models",
        "licences": [
            {
                "id": "mit",
                "name": "MIT License",
                "terms": "open",
                "commercial": True,
                "government": True,
                "obligations": ["Keep the notice."],
                "url": "https://opensource.org/license/mit",
            }
        ],
        "models": [model("one", "One"), model("two", "Two", kind="embedder", tools=False, template=False)],
    }


def model(name: str, title: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "family": "Família",
        "publisher": "Somebody",
        "kind": "generator",
        "summary": "A model for tests.",
        "parameters": 8_030_261_248,
        "shape": {
            "layers": 32,
            "heads": 32,
            "kv_heads": 8,
            "head_size": 128,
            "width": 4096,
            "feed_forward": 14336,
            "vocabulary": 128256,
            "tied": False,
        },
        "context": 131_072,
        "languages": ["en", "pt"],
        "licence": "mit",
        "tools": True,
        "template": True,
        "repo": f"somebody/{name}",
        "gguf_repo": f"somebody/{name}-gguf",
        "files": [{"path": f"{name}.gguf", "quantization": "Q4_K_M", "sha256": "a" * 64}],
        "quantizations": ["Q8_0", "Q4_K_M"],
        "checked": True,
        "evidence": [{"url": "https://example.org/card", "facts": ["licence", "parameters", "context"]}],
        **changed,
    }


def packed(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode()


def entry(**changed: Any) -> Entry:
    return parse(packed({**document(), "models": [model("one", "One", **changed)]})).entries[0]


# -- what is shipped


def test_the_shipped_catalogue_is_right_and_honest() -> None:
    catalogue = shelf.shipped()
    assert len(catalogue.entries) >= 100
    checked = [one for one in catalogue.entries if one.checked]
    assert len(checked) >= 60
    for one in checked:
        assert {fact for found in one.evidence for fact in found.facts} >= NEEDED, one.id
    for one in catalogue.entries:
        assert set(one.not_verified) <= set(FACTS)
        assert not (one.checked and "licence" in one.not_verified), one.id
        assert all(url.url.startswith("https://") for url in one.evidence)
    assert {one.licence for one in catalogue.entries} == set(catalogue.licences)
    assert {one.kind for one in catalogue.entries} == {"generator", "embedder", "reranker"}


def test_a_size_is_only_exact_where_the_file_is_known() -> None:
    exact = {
        (one.id, file.path): file
        for one in shelf.shipped().entries
        for file in one.files
        if file.size_bytes is not None
    }
    (file,) = exact.values()
    assert file.sha256 == STARTERS[0].sha256
    assert file.size_bytes == 98_362_432


def test_research_licences_allow_neither_shops_nor_offices() -> None:
    for one in shelf.shipped().licences.values():
        if one.terms == "research":
            assert not one.commercial, one.id
            assert not one.government, one.id
        assert all(text.endswith((".", '"')) for text in one.obligations)


def test_parameters_are_what_the_measures_give() -> None:
    """Of dense models that say their measures: attention, feed-forward and vocabulary add up to all."""
    seen = 0
    for one in shelf.shipped().entries:
        shape = one.shape
        if shape is None or one.kind != GENERATOR or one.active_parameters:
            continue
        gates = 2 if one.family == "Apertus" else 3
        attention = 2 * shape.width * shape.head_size * (shape.heads + shape.kv_heads)
        layer = attention + gates * shape.width * shape.feed_forward
        table = shape.vocabulary * shape.width * (1 if shape.tied else 2)
        assert one.parameters == pytest.approx(shape.layers * layer + table, rel=0.001), one.id
        seen += 1
    assert seen > 50


# -- sizes


def test_the_estimate_meets_files_of_known_size() -> None:
    by_id = {one.id: one for one in shelf.shipped().entries}
    starter = by_id["smollm2-135m-instruct"]
    # measured with llama.cpp's quantizer on this model
    assert size_of(starter, "Q4_K_M").file_bytes == pytest.approx(105_500_000, rel=0.03)
    whole = size_of(starter, "Q4_1")
    assert whole.exact
    assert whole.file_bytes == 98_362_432
    assert sum(size for _, size in whole.weights) == pytest.approx(98_362_432, rel=0.03)


def test_narrow_models_are_larger_than_the_name_of_their_quantization() -> None:
    wide = size_of(entry(), "Q4_K_M")
    shape = {**model("one", "One")["shape"], "width": 896, "heads": 14, "kv_heads": 2, "head_size": 64}
    narrow = size_of(entry(shape=shape), "Q4_K_M")
    assert 4.8 < wide.bits_per_weight < 4.95
    assert narrow.bits_per_weight > 5.5
    assert {name for name, _ in narrow.weights} & {"Q5_0", "Q8_0"}


def test_coarser_is_smaller() -> None:
    one = entry()
    sizes = [
        size_of(one, name).file_bytes
        for name in ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert set(LADDER) >= set(one.quantizations)
    assert all(bits > 2 for bits in BITS.values())


# -- fit


@pytest.mark.parametrize(
    ("free", "verdict", "best"),
    [(30, FITS, "Q8_0"), (9, FITS, "Q4_K_M"), (7, TIGHT, "Q4_K_M"), (3, LARGE, "Q4_K_M")],
)
def test_the_finest_quantization_that_fits_is_proposed(free: int, verdict: str, best: str) -> None:
    plain = Forecaster(repacks=frozenset())
    found = fit(entry(), Place(free * GB, 64 * GB), plain, 4096)
    assert (found.verdict, found.best.quantization) == (verdict, best)
    assert found.whole
    assert [one.quantization for one in found.quantizations] == ["Q8_0", "Q4_K_M"]


def test_below_four_bits_is_proposed_only_where_nothing_finer_runs() -> None:
    one = entry(quantizations=["Q8_0", "Q4_K_M", "Q2_K"])
    plain = Forecaster(repacks=frozenset())
    assert fit(one, Place(7 * GB, 8 * GB), plain, 4096).best.quantization == "Q4_K_M"
    assert fit(one, Place(5 * GB, 8 * GB), plain, 4096).best.quantization == "Q2_K"


def test_the_forecast_is_the_librarys_with_what_was_learned_here() -> None:
    plain = Forecaster(repacks=frozenset())
    learned = Forecaster(Load(1).repacks, {"gguf": Correction({"weights": 0.1}, 5e7, 9)})
    one = entry()
    before, after = fit(one, OFFICE, plain, 4096), fit(one, OFFICE, learned, 4096)
    # the finer one: no type of it is repacked on this machine
    assert after.quantizations[0].need_bytes > 1.08 * before.quantizations[0].need_bytes
    # keys and values of 32 layers, 8 heads of 128, 4,096 tokens, two bytes each
    wider = fit(one, OFFICE, plain, 8192).quantizations[0].need_bytes
    grown = wider - before.quantizations[0].need_bytes
    assert grown == pytest.approx(4096 * 32 * 8 * 256 * 2, rel=0.05)


def test_a_context_beyond_the_models_own_is_not_counted() -> None:
    plain = Forecaster()
    assert fit(entry(context=2048), OFFICE, plain, 8192).context == 2048


def test_without_measures_the_need_is_at_least_the_size() -> None:
    found = fit(entry(shape=None), OFFICE, Forecaster(repacks=frozenset()), 4096)
    assert not found.whole
    assert found.best.need_bytes > found.best.file_bytes


def test_a_graphics_processor_is_weighed_where_there_is_one() -> None:
    plain = Forecaster(repacks=frozenset())
    found = fit(entry(), Place(64 * GB, 64 * GB, "RTX", 8 * GB), plain, 4096)
    fine, coarse = found.quantizations
    assert fine.gpu_bytes > 8 * GB
    assert not fine.on_gpu
    assert coarse.on_gpu
    assert not fit(entry(), OFFICE, plain, 4096).best.on_gpu


# -- searching


def found_all(*entries: dict[str, Any]) -> tuple[Any, list[Found]]:
    catalogue = parse(packed({**document(), "models": list(entries)}))
    return catalogue, [Found(one, fit(one, OFFICE, Forecaster(), 4096)) for one in catalogue.entries]


def test_words_find_whatever_their_accents_and_case() -> None:
    catalogue, every = found_all(
        model("one", "Ação 7B"),
        model("two", "Plain", family="Other"),
        model("three", "Another", family="Other"),
    )
    assert fold("AÇÃO é") == "acao e"
    for text in ("acao", "AÇÃO", "7b ACAO", "familia"):
        assert [one.entry.id for one in search(catalogue, every, Query(text))] == ["one"], text
    assert not search(catalogue, every, Query("acao plain"))
    assert len(search(catalogue, every, Query("  "))) == 3


def test_facets_narrow_and_count() -> None:
    small = model("small", "Small", parameters=900_000_000, shape=None, tools=False, languages=["it"])
    catalogue, every = found_all(model("one", "One"), small)
    assert facet_counts(catalogue, every, "size") == [("tiny", 1), ("medium", 1)]
    assert dict(facet_counts(catalogue, every, "language")) == {"en": 1, "pt": 1, "it": 1}
    query = Query("", {"language": "it", "tools": "no", "kind": "generator", "licence": "open"})
    assert [one.entry.id for one in search(catalogue, every, query)] == ["small"]
    assert not search(catalogue, every, Query("", {"language": "it", "tools": "yes"}))


def test_orders() -> None:
    catalogue, every = found_all(
        model("big", "Big", parameters=70_000_000_000, shape=None, family="Zeta"),
        model("small", "Small", parameters=900_000_000, shape=None, family="Alpha", context=512),
    )
    ids = {
        sort: [one.entry.id for one in search(catalogue, every, Query(), sort)]
        for sort in ("name", "size", "context", "fit", "family")
    }
    assert ids["name"] == ids["size"] == ids["fit"] == ids["family"] == ["small", "big"]
    assert ids["context"] == ["big", "small"]
    named = [one.entry.id for one in search(catalogue, every, Query("big"), "relevance")]
    assert named == ["big"]


# -- what is refused


def _change(path: str, value: Any) -> Change:
    def change(data: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        target: Any = data
        for step in steps:
            target = target[int(step)] if step.isdigit() else target[step]
        target[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _change("edition", 0),
        _change("edition", True),
        _change("date", "soon"),
        _change("title", ""),
        _change("extra", 1),
        _change("models", []),
        _change("licences", []),
        _change("licences.0.terms", "perhaps"),
        _change("licences.0.url", "javascript:alert(1)"),
        _change("licences.0.obligations", []),
        _change("models.0.id", "../one"),
        _change("models.0.id", "two"),
        _change("models.0.name", "TWO"),
        _change("models.0.name", "One\u202egpj"),
        _change("models.0.name", "One\x1b[31m"),
        _change("models.0.summary", "a\nb"),
        _change("models.0.summary", "x" * 601),
        _change("models.0.kind", "oracle"),
        _change("models.0.parameters", -1),
        _change("models.0.parameters", True),
        _change("models.0.parameters", 1.5),
        _change("models.0.parameters", 1 << 70),
        _change("models.0.active_parameters", 1 << 40),
        _change("models.0.context", 0),
        _change("models.0.shape.layers", 100_000),
        _change("models.0.shape.kv_heads", 5),
        _change("models.0.shape.vocabulary", 2_000_000),
        _change("models.0.licence", "unknown"),
        _change("models.0.languages", ["english"]),
        _change("models.0.languages", ["en", "en"]),
        _change("models.0.quantizations", []),
        _change("models.0.quantizations", ["Q9_Z"]),
        _change("models.0.repo", "a/b/c"),
        _change("models.0.repo", "../b"),
        _change("models.0.revision", "main"),
        _change("models.0.gguf_repo", ""),
        _change("models.0.files.0.path", "../one.gguf"),
        _change("models.0.files.0.path", "one.exe"),
        _change("models.0.files.0.sha256", "abc"),
        _change("models.0.files.0.size_bytes", 0),
        _change("models.0.files.0.quantization", "F16"),
        _change("models.0.evidence", []),
        _change("models.0.evidence.0.url", "http://example.org"),
        _change("models.0.evidence.0.facts", ["taste"]),
        _change("models.0.unknown", 1),
        _change("models.1.tools", True),
        _change("models.0", "text"),
    ],
)
def test_what_is_not_right_is_refused_naming_the_entry(change: Change) -> None:
    data = document()
    change(data)
    with pytest.raises(BancadaError) as caught:
        parse(packed(data))
    assert caught.value.code == "catalogue.malformed"
    assert caught.value.params["entry"]
    assert "\x1b" not in str(caught.value)
    assert "\u202e" not in str(caught.value)


def test_a_bad_entry_is_named() -> None:
    data = document()
    data["models"][1]["context"] = 0
    with pytest.raises(BancadaError) as caught:
        parse(packed(data))
    assert caught.value.params == {"entry": "two", "detail": "its context is not between 1 and 134,217,728"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"format": NaN}',
        packed(document())[:-1] + b', "edition": 2}',
        packed({**document(), "format": "other"}),
    ],
)
def test_what_is_no_catalogue_is_refused(content: bytes) -> None:
    with pytest.raises(BancadaError) as caught:
        parse(content)
    assert caught.value.code == "catalogue.malformed"


def test_a_huge_file_and_a_newer_format_are_refused_by_name() -> None:
    with pytest.raises(BancadaError) as caught:
        parse(b" " * (MAX_BYTES + 1))
    assert caught.value.code == "catalogue.too_large"
    with pytest.raises(BancadaError) as caught:
        parse(packed({**document(), "version": 2, "more": 1}))
    assert caught.value.code == "catalogue.newer"


# -- editions


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A workspace beside a program that was shipped with edition 3."""
    shipped = tmp_path / "shipped.json"
    shipped.write_bytes(packed(document(3)))
    monkeypatch.setattr(shelf, "shipped_file", lambda: shipped)
    return Home(tmp_path / "home")


def test_a_newer_edition_takes_over_and_an_older_never(home: Home) -> None:
    assert shelf.current(home).catalogue.edition == 3
    newer = packed({**document(4), "title": "Newer"})
    assert shelf.install(home, newer).title == "Newer"
    now = shelf.current(home)
    assert (now.catalogue.edition, now.brought, now.problem) == (4, True, None)
    assert shelf.install(home, newer).edition == 4  # the same again
    for edition in (2, 3, 4):
        with pytest.raises(BancadaError) as caught:
            shelf.install(home, packed({**document(edition), "title": "Older"}))
        assert caught.value.code == "catalogue.older"
    shelf.install(home, packed(document(5)))
    assert [one.suffix for one in home.catalogue.iterdir()] == [".json"]
    assert shelf.current(home).catalogue.edition == 5


def test_a_bad_file_changes_nothing(home: Home) -> None:
    bad = document(9)
    bad["models"][0]["context"] = -1
    with pytest.raises(BancadaError):
        shelf.install(home, packed(bad))
    assert not home.catalogue.exists()
    assert shelf.current(home).catalogue.edition == 3


def test_a_damaged_installed_edition_leaves_the_shipped_one(home: Home) -> None:
    shelf.install(home, packed(document(4)))
    (path,) = home.catalogue.iterdir()
    path.write_bytes(path.read_bytes().replace(b"Somebody", b"Anybody_"))
    now = shelf.current(home)
    assert now.catalogue.edition == 3
    assert not now.brought
    assert now.problem is not None
    assert now.problem.code == "catalogue.damaged"
    shelf.install(home, packed(document(4)))  # brought once more
    assert shelf.current(home).catalogue.edition == 4


def test_a_program_with_a_newer_edition_uses_its_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.install(home, packed(document(4)))
    updated = home.root / "updated.json"
    updated.write_bytes(packed(document(7)))
    monkeypatch.setattr(shelf, "shipped_file", lambda: updated)
    now = shelf.current(home)
    assert (now.catalogue.edition, now.brought) == (7, False)
