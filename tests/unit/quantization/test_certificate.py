"""Verdicts, answers, variants and the report itself: rules without an engine."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from bancada.core.errors import BancadaError
from bancada.core.paths import resources
from bancada.quantization import texts
from bancada.quantization.certificate import (
    FORMAT,
    VERSION,
    Certificate,
    Divergence,
    Drop,
    FileFacts,
    TaskFindings,
    TensorFault,
    TensorFindings,
    parse,
    to_text,
)
from bancada.quantization.page import render
from bancada.quantization.questions import Question, binomial_p, compare_answers, questions
from bancada.quantization.texts import evaluation_text
from bancada.quantization.variants import Variant, front, mark_efficient
from bancada.quantization.verdict import THRESHOLDS, Threshold, at_least, judge, thresholds

GOOD = Divergence(
    perplexity=10.1, perplexity_error=0.2, source_perplexity=10.0, source_perplexity_error=0.2,
    ratio=1.01, ratio_error=0.001, kl_mean=0.01, kl_error=0.001, kl_median=0.005, kl_p90=0.02, kl_p99=0.1,
    kl_max=0.4, same_top=0.97, same_top_error=0.002, probability_rms=0.02, probability_rms_error=0.001,
)  # fmt: skip
WHOLE = TensorFindings(12, 12, (), (), {"Q8_0": 0.005})
FILE = FileFacts("Tiny", 1, "gguf", "Q8_0", 1_000, 8.5, 1_100, "a" * 64)


def certificate(**parts: Any) -> Certificate:
    plain = Certificate(
        format=FORMAT, version=VERSION, made_at="2026-01-02T03:04:05+00:00", made_by="bancada 1",
        engine="", machine="", subject=FILE, source=replace(FILE, sha256="b" * 64),
        verdict="green", reasons=("It is good.",), thresholds=thresholds(),
    )  # fmt: skip
    return replace(plain, **parts)


def with_value(key: str, value: float) -> Divergence:
    change: dict[str, Any] = {key: value}
    return replace(GOOD, **change)


def lost_answers(lost: int, won: int, kept: int) -> TaskFindings:
    asked = [Question("k", "en", str(number), ("a", "b")) for number in range(lost + won + kept)]
    before = ["a"] * lost + ["b"] * won + ["a"] * kept
    after = ["b"] * lost + ["a"] * won + ["a"] * kept
    return compare_answers(asked, before, after)


def test_a_good_file_is_green() -> None:
    verdict, reasons = judge(WHOLE, GOOD, lost_answers(1, 1, 40), "")
    assert verdict == "green"
    assert len(reasons) == 1


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda one: one.key)
def test_every_threshold_counts(threshold: Threshold) -> None:
    one = threshold
    step = -1e-6 if one.below else 1e-6
    for limit, expected in ((one.amber, "amber"), (one.red, "red")):
        at, beyond = with_value(one.key, limit), with_value(one.key, limit + step)
        assert judge(WHOLE, beyond, None, "")[0] == expected
        assert judge(WHOLE, at, None, "")[0] != expected
        assert one.words in judge(WHOLE, beyond, None, "")[1][0]


@pytest.mark.parametrize("fault", ["not_finite", "zero", "different", "swapped", "missing"])
def test_a_damaged_tensor_is_red_and_named(fault: str) -> None:
    damaged = replace(WHOLE, faults=(TensorFault("blk.3.attn_q.weight", "Q8_0", fault),))
    verdict, reasons = judge(damaged, replace(GOOD, kl_mean=0.2), None, "")
    assert verdict == "red"
    assert "blk.3.attn_q.weight" in reasons[0]
    assert len(reasons) == 2


def test_many_faults_are_counted() -> None:
    faults = tuple(TensorFault(f"t{number}", "F16", "zero") for number in range(9))
    assert "9 tensors" in judge(replace(WHOLE, faults=faults), GOOD, None, "")[1][0]
    assert "4 more" in judge(replace(WHOLE, faults=faults), GOOD, None, "")[1][0]


def test_what_was_not_compared_is_never_green() -> None:
    assert judge(WHOLE, None, None, "Nothing is known.") == ("amber", ("Nothing is known.",))
    assert judge(WHOLE, None, None, "NaN.", broken=True)[0] == "red"
    assert (
        judge(replace(WHOLE, source_faults=(TensorFault("t", "F16", "zero"),)), GOOD, None, "")[0] == "amber"
    )
    assert at_least("red", "amber")
    assert not at_least("amber", "red")


def test_lost_answers_count_only_beyond_chance() -> None:
    assert judge(WHOLE, GOOD, lost_answers(5, 0, 30), "")[0] == "green"
    assert judge(WHOLE, GOOD, lost_answers(0, 12, 30), "")[0] == "green"
    assert judge(WHOLE, GOOD, lost_answers(6, 0, 30), "")[0] == "amber"
    verdict, reasons = judge(WHOLE, GOOD, lost_answers(12, 0, 30), "")
    assert verdict == "red"
    assert "30 of 42" in reasons[0]


@pytest.mark.parametrize(("losses", "wins"), [(0, 0), (3, 3), (5, 0), (1, 9), (20, 8)])
def test_the_paired_test_counts_every_split(losses: int, wins: int) -> None:
    """Beside an enumeration of all outcomes, by their probability."""
    n = losses + wins
    extreme = [k for k in range(n + 1) if min(k, n - k) <= min(losses, wins)]
    assert binomial_p(losses, wins) == pytest.approx(sum(math.comb(n, k) for k in extreme) / 2**n)


def test_answers_are_paired_by_kind() -> None:
    asked = [*questions()[:3], *(one for one in questions() if one.pattern)][:6]
    right = [one.options[0] if one.options else "hello" for one in asked]
    found = compare_answers(asked, right, ["nonsense"] * len(asked))
    assert [one.kind for one in found.groups] == ["knowledge", "instruction", "all"]
    assert found.total.count == len(asked)
    assert found.total.only_source == len(found.lost) >= 4
    assert found.total.source_right - found.total.result_right == found.total.only_source


def test_the_bundled_questions_are_sound() -> None:
    asked = questions()
    assert 60 <= len(asked) <= 100
    assert {one.language for one in asked} == {"en", "pt", "es", "it", "de"}
    assert {one.kind for one in asked} == {"knowledge", "reasoning", "instruction"}
    for one in asked:
        assert bool(one.options) != bool(one.pattern)
        assert len(set(one.options)) == len(one.options) <= 8
        assert one.is_right(one.right) or one.expected == "one word"
    assert len({one.question for one in asked}) == len(asked)


def test_the_bundled_text_is_not_the_prompts() -> None:
    text = evaluation_text("")
    assert text.name == texts.BUNDLED
    assert 20_000 < len(text.content) < 80_000
    neutral = (resources() / "prompts" / "neutral.txt").read_text(encoding="utf-8")
    lines = {line for line in neutral.splitlines() if len(line) > 20}
    assert not lines & set(text.content.splitlines())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a\0b", "NUL"),
        (b"x" * (5 << 20), "4 MB"),
    ],
)
def test_hostile_texts_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a text"
    path.write_bytes(content)
    with pytest.raises(BancadaError) as caught:
        evaluation_text(str(path))
    assert caught.value.code == "certificate.text_unreadable"
    assert words in str(caught.value)


def test_a_text_that_is_not_there_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(BancadaError):
            evaluation_text(str(path))
    marked = tmp_path / "marked.txt"
    marked.write_bytes(b"\xef\xbb\xbfwith a mark")
    assert evaluation_text(str(marked)).content == "with a mark"


def test_the_report_goes_there_and_back() -> None:
    one = certificate(divergence=GOOD, tensors=WHOLE, tasks=lost_answers(1, 0, 3))
    assert parse(to_text(one)) == one
    assert to_text(one).isascii()
    assert "\n" not in to_text(one)


@pytest.mark.parametrize(
    "report",
    ["", "[]", "{}", "[" * 100_000, '{"format":"bancada-certificate","version":2}', "x" * (2 << 20)],
)
def test_a_hostile_report_is_refused(report: str) -> None:
    with pytest.raises(BancadaError) as caught:
        parse(report)
    assert caught.value.code == "certificate.malformed"


def test_a_report_with_a_wrong_value_is_refused() -> None:
    for key, value in (
        ("verdict", "blue"),
        ("tensors", {"count": "many"}),
        ("further", 1),
        ("tasks", {"groups": [], "lost": []}),
    ):
        with pytest.raises(BancadaError):
            parse(json.dumps({**json.loads(to_text(certificate())), key: value}))


def variant(size: int, kl: float, speed: float | None, verdict: str = "green") -> Variant:
    return Variant(f"v{size}", f"V{size}", "Q", size, 8.0, kl, 1.0, speed, verdict)


def test_the_front_holds_what_none_beats() -> None:
    found = [
        variant(100, 0.5, 50),
        variant(120, 0.6, 50),  # larger and worse
        variant(130, 0.1, 40),
        variant(140, 0.1, 60),  # larger, but much faster
        variant(150, 0.1, 41),  # no faster than noise
        variant(90, 0.4, 90, "red"),
        variant(300, 0.0, 20, "source"),
    ]
    assert [one.size_bytes for one in mark_efficient(found) if one.efficient] == [100, 130, 140, 300]
    assert [one.size_bytes for one in front(found)] == [100, 130, 300]


def test_no_efficient_one_beats_another() -> None:
    found = [variant(size, 1 / (1 + size % 7), size % 5 + 1.0) for size in range(10, 60)]
    good = [one for one in mark_efficient(found) if one.efficient]
    for one, other in combinations(good, 2):
        assert not (
            one.size_bytes < other.size_bytes
            and one.kl_mean <= other.kl_mean
            and (one.tokens_per_s or 0) >= (other.tokens_per_s or 0)
        )


def test_the_page_escapes_and_loads_nothing() -> None:
    evil = '<script src="http://x/"></script>'
    drops = (Drop(evil, evil, 0.9, 0.1),)
    damaged = replace(WHOLE, faults=(TensorFault(evil, "Q8_0", "swapped", error=1.4, holds=evil),))
    one = certificate(
        subject=replace(FILE, name=evil), divergence=replace(GOOD, drops=drops), tensors=damaged,
        verdict="red", reasons=(evil,), tasks=lost_answers(2, 1, 3),
    )  # fmt: skip
    found = mark_efficient([variant(100, 0.5, 50), variant(200, 0.0, None, "source")])
    page = render(one, certificate_id="01abc", signature=evil, found=found)
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "").replace("http://x/", "")
    assert page.count("&lt;script") >= 5
    assert "<svg" in page
    assert "do not use" in page


def test_the_page_of_what_was_not_compared() -> None:
    page = render(certificate(not_compared="Other words."), certificate_id="1", signature="not signed")
    assert "Other words." in page
    assert "<svg" not in page
