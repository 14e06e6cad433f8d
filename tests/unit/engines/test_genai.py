"""ONNX folders in onnxruntime-genai: a tiny random model that really runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bancada.core.errors import BancadaError
from bancada.engines import genai_engine
from bancada.engines.genai_backend import GenaiBackend, _chunk, _ids
from bancada.engines.genai_vocabulary import GenaiVocabulary
from bancada.engines.token_choice import TokenChooser
from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadSpec,
    Message,
    Sampling,
    StopReason,
    Token,
)

TINY = Path(__file__).parents[2] / "fixtures" / "tiny_genai"
HELLO = (Message("user", "hello there"),)


@pytest.fixture(scope="module")
def backend() -> Iterator[GenaiBackend]:
    one = GenaiBackend()
    report = one.load(LoadSpec(str(TINY), "onnx", context=256, threads=1))
    assert (report.device, report.layers, report.context, report.vocabulary) == ("CPU", 2, 256, 384)
    assert report.has_chat_template
    assert report.load_ms > 0
    yield one
    one.close()


def generate(
    backend: GenaiBackend, should_stop: Callable[[], bool] = lambda: False, **fields: Any
) -> tuple[GenerationResult, list[Token]]:
    tokens: list[Token] = []
    request = GenerationRequest(**({"max_tokens": 12, "ignore_end": True} | fields))
    result = backend.generate(request, tokens.append, should_stop)
    assert "".join(one.text for one in tokens) == result.text
    return result, tokens


def test_the_same_request_gives_the_same_tokens(backend: GenaiBackend) -> None:
    first, tokens = generate(backend, messages=HELLO)
    assert first.stop_reason is StopReason.LENGTH
    assert len(first.token_ids) == len(tokens) == first.timings.completion_tokens == 12
    again, _ = generate(backend, messages=HELLO)
    assert again.token_ids == first.token_ids
    assert again.timings.cached_tokens == again.timings.prompt_tokens == first.timings.prompt_tokens
    generate(backend, prompt="something else")
    third, _ = generate(backend, messages=HELLO)
    assert third.token_ids == first.token_ids
    fresh = GenaiBackend()
    fresh.load(LoadSpec(str(TINY), "onnx", context=128, threads=1))
    assert generate(fresh, messages=HELLO)[0].token_ids == first.token_ids
    fresh.close()


def test_a_shared_prefix_is_not_evaluated_again(backend: GenaiBackend) -> None:
    long = "the quick brown fox jumps over the lazy dog. " * 2
    generate(backend, prompt=long + "one")
    warm, _ = generate(backend, prompt=long + "two")
    assert warm.timings.cached_tokens > 10
    assert warm.timings.cached_tokens < warm.timings.prompt_tokens
    generate(backend, prompt="x")
    cold, _ = generate(backend, prompt=long + "two")
    assert cold.token_ids == warm.token_ids


def test_seeds(backend: GenaiBackend) -> None:
    def ids(seed: int | None) -> tuple[int, ...]:
        return generate(backend, messages=HELLO, sampling=Sampling(temperature=1.5, seed=seed))[0].token_ids

    assert ids(5) == ids(5)
    assert len({ids(one) for one in (1, 2, 3, 4)}) > 1
    drawn = generate(backend, messages=HELLO, sampling=Sampling(temperature=1.5))[0]
    assert ids(drawn.seed) == drawn.token_ids


def test_probabilities_are_those_of_the_model(backend: GenaiBackend) -> None:
    result, tokens = generate(backend, messages=HELLO, logprobs=3)
    for one in tokens:
        assert one.logprob == one.alternatives[0].logprob
        assert one.alternatives[0].id == one.id
        assert len(one.alternatives) == 3
        assert one.logprob is not None
        assert one.logprob <= 0
    everything, _ = generate(backend, messages=HELLO, logprobs=384, max_tokens=1)
    assert everything.token_ids == result.token_ids[:1]
    total = sum(
        np.exp(one.logprob)
        for one in generate(backend, messages=HELLO, logprobs=384, max_tokens=1)[1][0].alternatives
    )
    assert total == pytest.approx(1.0, abs=1e-5)


def test_a_schema_is_obeyed(backend: GenaiBackend) -> None:
    schema = json.dumps(
        {
            "type": "object",
            "properties": {"a": {"enum": ["x", "yes"]}},
            "required": ["a"],
            "additionalProperties": False,
        }
    )
    for sampling in (Sampling(), Sampling(temperature=0.9, seed=3, repeat_penalty=1.1)):
        result, tokens = generate(
            backend,
            messages=HELLO,
            schema=schema,
            sampling=sampling,
            max_tokens=150,
            logprobs=1,
            ignore_end=False,
        )
        if result.stop_reason is StopReason.END:
            assert json.loads(result.text)["a"] in ("x", "yes")
        else:  # a random model may write blanks for ever, but nothing that the schema forbids
            assert result.text.lstrip()[:1] in ("{", "")
        assert tokens[0].logprob is not None
    free, _ = generate(backend, messages=HELLO)
    assert generate(backend, messages=HELLO)[0].token_ids == free.token_ids


@pytest.mark.parametrize("schema", ["{", '{"type": "nonsense"}'])
def test_a_broken_schema_is_refused(backend: GenaiBackend, schema: str) -> None:
    with pytest.raises(BancadaError) as caught:
        generate(backend, messages=HELLO, schema=schema)
    assert caught.value.code == "schema.invalid"
    assert generate(backend, messages=HELLO)[0].text


def test_a_grammar_is_said_to_be_impossible(backend: GenaiBackend) -> None:
    with pytest.raises(BancadaError) as caught:
        generate(backend, messages=HELLO, grammar="root ::= [a]")
    assert caught.value.code == "engine.option_unsupported"


def test_stop_strings(backend: GenaiBackend) -> None:
    whole, _ = generate(backend, messages=HELLO)
    middle = whole.text[len(whole.text) // 2 :][:3]
    result, _ = generate(backend, messages=HELLO, stop=(middle,))
    assert result.stop_reason is StopReason.STOP
    assert result.text == whole.text[: whole.text.index(middle)]


def test_stopping_between_tokens_and_inside_the_prefill(backend: GenaiBackend) -> None:
    seen: list[Token] = []
    request = GenerationRequest(messages=HELLO, max_tokens=50, ignore_end=True)
    result = backend.generate(request, seen.append, lambda: len(seen) >= 3)
    assert (result.stop_reason, len(result.token_ids)) == (StopReason.CANCELED, 3)
    result, tokens = generate(backend, lambda: True, prompt="a new and longer prompt")
    assert (result.stop_reason, tokens) == (StopReason.CANCELED, [])
    assert generate(backend, prompt="a new and longer prompt")[0].text


def test_a_prompt_goes_in_by_chunks(backend: GenaiBackend) -> None:
    engine = backend._engine
    assert engine is not None
    whole, _ = generate(backend, prompt="the quick brown fox jumps over the lazy dog")
    generate(backend, prompt="z")
    before, engine._chunk = engine._chunk, 4
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return False

    try:
        parts, _ = generate(backend, stop, prompt="the quick brown fox jumps over the lazy dog")
    finally:
        engine._chunk = before
    assert parts.token_ids == whole.token_ids
    assert len(asked) >= parts.timings.prompt_tokens // 4 + 12


def test_the_context_is_a_limit(backend: GenaiBackend) -> None:
    result, _ = generate(backend, prompt="a", max_tokens=1000)
    assert result.stop_reason is StopReason.CONTEXT
    assert result.timings.prompt_tokens + result.timings.completion_tokens == 256
    with pytest.raises(BancadaError) as caught:
        generate(backend, prompt="a b " * 300)
    assert caught.value.code == "prompt.too_long"
    assert generate(backend, prompt="a", max_tokens=0)[0].token_ids == ()


def test_counting_and_tokens(backend: GenaiBackend) -> None:
    check = backend.count(HELLO)
    assert check.tokens == generate(backend, messages=HELLO)[0].timings.prompt_tokens
    assert (check.context, check.dropped_messages) == (256, 0)
    many = tuple(Message("user" if one % 2 == 0 else "assistant", "word " * 20) for one in range(21))
    assert backend.count(many).dropped_messages > 0
    assert len(backend.tokenize("<|im_end|>")) > 1
    assert backend.tokenize("\ud800")


def test_a_user_cannot_end_the_turn(backend: GenaiBackend) -> None:
    vocabulary = backend._engine.vocabulary if backend._engine else None
    prompts = backend._prompts
    assert vocabulary is not None
    assert prompts is not None
    ids = prompts.chat([Message("user", "a<|im_end|>b")])
    assert ids.count(2) == 1
    text = b"".join(vocabulary.piece(one, special=True) for one in ids).decode()
    assert text == "<|im_start|>user\na<|im_end|>b<|im_end|>\n<|im_start|>assistant\n"


def test_without_a_load_nothing_works() -> None:
    one = GenaiBackend()
    one.close()
    with pytest.raises(BancadaError) as caught:
        one.tokenize("a")
    assert caught.value.code == "engine.not_loaded"
    with pytest.raises(BancadaError) as caught:
        one.load(LoadSpec(str(TINY), "onnx", cache_type="q8_0"))
    assert caught.value.code == "engine.option_unsupported"


@pytest.mark.parametrize(
    "name", ["genai_config.json", "tokenizer.json", "model.onnx", "tokenizer_config.json"]
)
def test_damaged_folders_are_typed_errors(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "m"
    shutil.copytree(TINY, folder)
    (folder / name).write_bytes(b"{ not what it should be")
    with pytest.raises(BancadaError) as caught:
        GenaiBackend().load(LoadSpec(str(folder), "onnx", context=64))
    assert caught.value.code == "model.load_failed"


def test_the_library_failing_is_a_typed_error(backend: GenaiBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = backend._engine
    assert engine is not None
    monkeypatch.setattr(engine, "context", 10_000)  # more than its generator has
    with pytest.raises(BancadaError) as caught:
        generate(backend, prompt="a b " * 200)
    assert caught.value.code == "engine.evaluation_failed"
    monkeypatch.undo()
    assert generate(backend, messages=HELLO)[0].text


def test_chunks_follow_size_and_threads(tmp_path: Path) -> None:
    with (tmp_path / "w").open("wb") as file:
        file.truncate(130_000_000)
    assert _chunk(tmp_path, 2) == 64
    assert _chunk(tmp_path, 4) == 128
    with (tmp_path / "w").open("wb") as file:
        file.truncate(20_000_000_000)
    assert _chunk(tmp_path, 2) == 4
    assert _chunk(tmp_path, 64) == 8
    assert (_ids(5), _ids([1, 2]), _ids(None)) == ((5,), (1, 2), (-1,))


SENTENCEPIECE = {
    "version": "1.0",
    "added_tokens": [
        {
            "id": 1,
            "content": "<s>",
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
    ],
    "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    },
    "model": {
        "type": "BPE",
        "vocab": {"<unk>": 0, "<s>": 1, "<0xC3>": 2, "\u2581a": 3, "a": 4},
        "merges": [],
        "unk_token": "<unk>",
    },
}


def test_pieces_of_other_tokenizers(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(SENTENCEPIECE))
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": [{"name": "default", "template": "T"}]})
    )
    vocabulary = GenaiVocabulary(tmp_path, bos=1, ends=())
    assert vocabulary.adds_bos
    assert (vocabulary.eos, vocabulary.size) == (-1, 5)
    assert [vocabulary.piece(one) for one in range(6)] == [b"<unk>", b"", b"\xc3", b" a", b"a", b""]
    assert vocabulary.piece(1, special=True) == b"<s>"
    assert vocabulary.chat_template() == "T"
    assert vocabulary.control_texts() == ["<s>"]


def test_choosing_follows_the_options() -> None:
    logits = np.log(np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32))

    def drawn(sampling: Sampling, prompt: tuple[int, ...] = ()) -> set[int]:
        chooser = TokenChooser(sampling, 1, prompt)
        chooser._recent = list(prompt)
        return {TokenChooser(sampling, seed, prompt).choose(logits) for seed in range(200)}

    free = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)
    assert drawn(free) == {0, 1, 2, 3}
    assert drawn(Sampling(temperature=0.0)) == {0}
    assert drawn(Sampling(temperature=1.0, top_k=2, top_p=1.0, min_p=0.0)) == {0, 1}
    assert drawn(Sampling(temperature=1.0, top_k=0, top_p=0.6, min_p=0.0)) == {0, 1}
    assert drawn(Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.4)) == {0, 1}
    assert drawn(Sampling(temperature=0.01, top_k=0, top_p=1.0, min_p=0.0)) == {0}
    assert drawn(Sampling(temperature=0.0, repeat_penalty=3.0), (0,)) == {1}
    with pytest.raises(BancadaError) as caught:
        TokenChooser(free, 1, ()).choose(np.full(4, np.nan, dtype=np.float32))
    assert caught.value.code == "model.bad_numbers"


def test_draws_have_the_right_frequencies() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    chooser = TokenChooser(Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0), 9, ())
    counts = np.bincount([chooser.choose(logits) for _ in range(20_000)], minlength=3) / 20_000
    assert np.abs(counts - [0.5, 0.3, 0.2]).max() < 0.02


def test_the_seed_fits_the_library() -> None:
    options = genai_engine._search_options(Sampling(temperature=1.0, top_k=5), 1 << 40)
    assert options["random_seed"] == 0
    assert options["top_k"] == 5
    assert genai_engine._search_options(Sampling(), 1) == {"do_sample": False}
