from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from bancada.bench.prompts import PromptMaker, neutral_words
from bancada.core.errors import BancadaError


def words(text: str) -> list[int]:
    return [len(one) for one in re.findall(r"\s*\S+", text)]


def letters(text: str) -> list[int]:
    return list(text.encode())


def pairs(text: str) -> list[int]:
    """Two bytes a token, like a tokenizer that merges."""
    data = text.encode()
    return [*range(0, len(data), 2)]


@pytest.mark.parametrize("tokenize", [words, letters, pairs])
@pytest.mark.parametrize("tokens", [1, 2, 7, 64, 513, 2048])
def test_prompts_have_exactly_the_length_asked_for(tokenize: Callable[[str], list[int]], tokens: int) -> None:
    for variant in (0, 1, 5):
        assert len(tokenize(PromptMaker(tokenize).make(tokens, variant))) == tokens


def test_variants_begin_differently() -> None:
    maker = PromptMaker(words)
    beginnings = [maker.make(40, variant)[0].lower() for variant in range(140)]
    assert all(a != b for a, b in pairwise(beginnings))


def test_a_text_of_one_letter_still_works() -> None:
    assert PromptMaker(words, ("aa", "ab")).make(3, 5).split() in (["aa", "ab", "aa"], ["ab", "aa", "ab"])


def test_a_tokenizer_that_cannot_be_steered_is_an_error() -> None:
    def tens(text: str) -> list[int]:
        return [0] * (10 * len(text.split()))

    with pytest.raises(BancadaError) as caught:
        PromptMaker(tens).make(15, 0)
    assert caught.value.code == "bench.prompt_unreachable"
    assert caught.value.params == {"need": 15, "have": 10}


def test_a_tokenizer_that_stops_counting_does_not_hang() -> None:
    with pytest.raises(BancadaError):
        PromptMaker(lambda text: [0] * min(5, len(text.split()))).make(9, 0)


def test_the_text_is_long_enough_to_be_neutral() -> None:
    assert len(neutral_words()) > 700
