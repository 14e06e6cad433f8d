from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bancada.core.errors import BancadaError
from bancada.engines.llama_backend import LlamaBackend
from bancada.engines.llama_native import NativeContext, NativeModel
from bancada.inference.types import (
    GenerationRequest,
    GenerationResult,
    LoadSpec,
    Message,
    Sampling,
    StopReason,
    Token,
)
from tiny_gguf import CONTROL_TOKENS, TinyModel, write_tiny_gguf

HELLO = (Message("user", "Hello"),)
CAPITAL = (Message("system", "Answer in English."), Message("user", "What is the capital of France?"))


def never() -> bool:
    return False


def generate(
    backend: LlamaBackend, should_stop: Callable[[], bool] = never, **request: Any
) -> tuple[GenerationResult, list[Token]]:
    tokens: list[Token] = []
    result = backend.generate(GenerationRequest(**request), tokens.append, should_stop)
    return result, tokens


def code_of(work: Callable[[], object]) -> str:
    with pytest.raises(BancadaError) as caught:
        work()
    return caught.value.code


# -- loading


def test_the_report_says_what_is_really_used(tiny: Path) -> None:
    backend = LlamaBackend()
    report = backend.load(LoadSpec(str(tiny), "gguf", context=4096, threads=1, flash_attention=False))
    backend.close()
    assert report.engine == "llama.cpp"
    assert report.device == "CPU"
    assert report.device_reason.startswith("engine.gpu_")
    assert report.layers == 2
    assert report.gpu_layers == 0
    assert report.context == TinyModel().context, "no more than the model was trained for"
    assert (report.threads, report.threads_batch, report.flash_attention) == (1, 1, False)
    assert report.has_chat_template
    assert report.vocabulary == len(CONTROL_TOKENS) + 256 + 6
    assert report.cpu_features
    assert report.rss_bytes > 0


def test_a_closed_backend_says_so(tiny: Path) -> None:
    backend = LlamaBackend()
    backend.load(LoadSpec(str(tiny), "gguf"))
    backend.close()
    assert code_of(lambda: generate(backend, messages=HELLO)) == "engine.not_loaded"
    backend.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: b"", "model.load_failed"),
        (lambda data: data[: len(data) // 2], "model.load_failed"),
        (lambda data: b"PK\x03\x04" + data[4:], "model.load_failed"),
        (
            lambda data: data.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0ilama", 1),
            "model.unsupported_architecture",
        ),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_with_its_cause(
    tiny: Path, tmp_path: Path, change: Callable[[bytes], bytes], code: str
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(change(tiny.read_bytes()))
    with pytest.raises(BancadaError) as caught:
        LlamaBackend().load(LoadSpec(str(broken), "gguf"))
    assert caught.value.code == code
    assert all(str(value).strip() for value in caught.value.params.values())


def test_a_missing_file_is_a_typed_error(tmp_path: Path) -> None:
    spec = LoadSpec(str(tmp_path / "none.gguf"), "gguf")
    assert code_of(lambda: LlamaBackend().load(spec)) == "model.load_failed"


def test_an_unknown_cache_type_is_refused(tiny: Path) -> None:
    spec = LoadSpec(str(tiny), "gguf", cache_type="q3_k")
    assert code_of(lambda: LlamaBackend().load(spec)) == "engine.cache_type"


def test_a_path_of_any_characters_loads(tmp_path: Path, tiny: Path) -> None:
    strange = tmp_path / "ma ñ'\" \n☕.gguf"
    strange.write_bytes(tiny.read_bytes())
    backend = LlamaBackend()
    assert backend.load(LoadSpec(str(strange), "gguf")).layers == 2
    backend.close()


@pytest.mark.parametrize("cache_type", ["f16", "q8_0"])
def test_each_cache_type_answers(tmp_path: Path, cache_type: str) -> None:
    path = write_tiny_gguf(tmp_path / "wide.gguf", TinyModel(width=128))
    backend = LlamaBackend()
    backend.load(LoadSpec(str(path), "gguf", cache_type=cache_type))
    assert generate(backend, messages=HELLO, max_tokens=4)[0].timings.completion_tokens == 4
    backend.close()


# -- prompts


def test_without_a_template_there_is_raw_completion_and_no_chat(tiny_without_template: Path) -> None:
    backend = LlamaBackend()
    assert not backend.load(LoadSpec(str(tiny_without_template), "gguf")).has_chat_template
    assert code_of(lambda: generate(backend, messages=HELLO)) == "model.no_chat_template"
    assert code_of(lambda: backend.count(HELLO)) == "model.no_chat_template"
    assert generate(backend, prompt="Once", max_tokens=3)[0].timings.prompt_tokens == 4
    backend.close()


def test_a_hostile_template_is_set_aside_and_its_cause_kept(tmp_path: Path) -> None:
    source = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    path = write_tiny_gguf(tmp_path / "hostile.gguf", TinyModel(chat_template=source))
    backend = LlamaBackend()
    assert not backend.load(LoadSpec(str(path), "gguf")).has_chat_template
    assert code_of(lambda: generate(backend, messages=HELLO)) == "model.template_refused"
    assert generate(backend, prompt="Once", max_tokens=3)[0].stop_reason is StopReason.LENGTH
    backend.close()


def test_control_tokens_in_a_message_stay_text(tiny_backend: LlamaBackend) -> None:
    plain = tiny_backend.count((Message("user", "abcdefghij"),)).tokens
    written = tiny_backend.count((Message("user", "<|im_end|>"),)).tokens
    assert written == plain, "ten characters are ten tokens, not one that ends the turn"
    assert tiny_backend.tokenize("<|im_end|>") == tiny_backend.tokenize("<|im_") + tiny_backend.tokenize(
        "end|>"
    )
    raw, _ = generate(tiny_backend, prompt="<|im_end|>", max_tokens=1)
    assert raw.timings.prompt_tokens == 1, "in a raw prompt it is written by hand, and meant"


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\u202eabc", "", "  ", "\ufffe", "🇵🇹" * 3])
def test_any_text_is_a_prompt(tiny_backend: LlamaBackend, text: str) -> None:
    assert generate(tiny_backend, messages=(Message("user", text),), max_tokens=2)[0].token_ids
    assert generate(tiny_backend, prompt=text, max_tokens=2)[0].token_ids


def test_a_prompt_that_does_not_fit_is_refused_with_its_size(tiny_backend: LlamaBackend) -> None:
    with pytest.raises(BancadaError) as caught:
        generate(tiny_backend, prompt="x" * 300)
    assert caught.value.code == "prompt.too_long"
    assert caught.value.params == {"tokens": 300, "context": 256}


def test_ten_million_characters_are_estimated_and_refused(tiny_backend: LlamaBackend) -> None:
    text = "hello world, " * 800_000
    with pytest.raises(BancadaError) as caught:
        generate(tiny_backend, messages=(Message("user", text),))
    assert caught.value.code == "prompt.too_long"
    exact = len(tiny_backend.tokenize(text[:130_000])) * 80
    assert caught.value.params["tokens"] == pytest.approx(exact, rel=0.01)
    check = tiny_backend.count((Message("user", text), Message("assistant", "x"), *HELLO))
    assert check.tokens == pytest.approx(exact, rel=0.01)
    assert check.dropped_messages == 2


def test_counting_says_how_many_of_the_oldest_turns_must_go(tiny_backend: LlamaBackend) -> None:
    system = Message("system", "Be brief.")
    turns = [Message("user" if at % 2 == 0 else "assistant", "x" * 30) for at in range(9)]
    assert tiny_backend.count((system, *turns[-1:])).dropped_messages == 0
    check = tiny_backend.count((system, *turns))
    assert check.context == 256
    assert check.tokens > 256
    assert check.dropped_messages % 2 == 0, "a question goes with its answer"
    kept = (system, *turns[check.dropped_messages :])
    assert tiny_backend.count(kept).dropped_messages == 0
    fewer = (system, *turns[check.dropped_messages - 2 :])
    assert tiny_backend.count(fewer).dropped_messages == 2


# -- answers


def test_the_same_seed_gives_the_same_tokens(tiny_backend: LlamaBackend) -> None:
    sampling = Sampling(temperature=1.0, seed=7)
    ask = partial(generate, tiny_backend, messages=HELLO, max_tokens=20)
    answers = {ask(sampling=sampling)[0].token_ids for _ in range(5)}
    assert len(answers) == 1
    other = Sampling(temperature=1.0, seed=8)
    assert ask(sampling=other)[0].token_ids not in answers


def test_a_drawn_seed_is_reported_and_repeats_the_answer(tiny_backend: LlamaBackend) -> None:
    first, _ = generate(tiny_backend, messages=HELLO, sampling=Sampling(temperature=1.0), max_tokens=20)
    again = Sampling(temperature=1.0, seed=first.seed)
    assert (
        generate(tiny_backend, messages=HELLO, sampling=again, max_tokens=20)[0].token_ids == first.token_ids
    )


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0.8, top_k=0, top_p=1.0, min_p=0.0, seed=1),
        Sampling(temperature=0.8, top_k=5, top_p=0.5, min_p=0.1, repeat_penalty=1.3, seed=2**40),
        Sampling(temperature=0.0, repeat_penalty=1.3, seed=0xFFFFFFFF),
        Sampling(temperature=1.0, seed=-1),
    ],
)
def test_every_sampling_option_is_repeatable(tiny_backend: LlamaBackend, sampling: Sampling) -> None:
    one, _ = generate(tiny_backend, messages=HELLO, sampling=sampling, max_tokens=12)
    two, _ = generate(tiny_backend, messages=HELLO, sampling=sampling, max_tokens=12)
    assert one.token_ids == two.token_ids
    assert one.seed == sampling.seed


def test_tokens_are_stamped_and_their_texts_make_the_answer(tiny_backend: LlamaBackend) -> None:
    begin = time.perf_counter_ns()
    result, tokens = generate(tiny_backend, messages=HELLO, max_tokens=25, ignore_end=True)
    stamps = [token.t_ns for token in tokens]
    assert stamps == sorted(stamps)
    assert begin < stamps[0] < stamps[-1] < time.perf_counter_ns()
    assert "".join(token.text for token in tokens) == result.text
    assert tuple(token.id for token in tokens) == result.token_ids
    timings = result.timings
    assert timings.completion_tokens == len(tokens) == 25
    assert timings.prompt_tokens == tiny_backend.count(HELLO).tokens
    assert timings.total_ms >= timings.ttft_ms >= timings.prefill_ms > 0
    assert timings.decode_tokens_per_s == pytest.approx(24e9 / (stamps[-1] - stamps[0]))
    assert result.peak_memory_bytes > 1 << 20


def test_the_context_ends_an_answer(tiny_backend: LlamaBackend) -> None:
    result, tokens = generate(tiny_backend, prompt="x" * 250, max_tokens=100, ignore_end=True)
    assert result.stop_reason is StopReason.CONTEXT
    assert len(tokens) == 7, "six more fit into the memory, and one more is known after them"


def test_no_tokens_asked_is_no_tokens_given(tiny_backend: LlamaBackend) -> None:
    result, tokens = generate(tiny_backend, messages=HELLO, max_tokens=0)
    assert (result.stop_reason, result.text, tokens) == (StopReason.LENGTH, "", [])


def test_a_stop_string_ends_the_answer_and_is_not_in_it(tiny_backend: LlamaBackend) -> None:
    whole, _ = generate(tiny_backend, messages=HELLO, max_tokens=60, ignore_end=True)
    stop = whole.text[5:8]
    assert len(stop) == 3
    result, tokens = generate(tiny_backend, messages=HELLO, max_tokens=60, stop=(stop,), ignore_end=True)
    assert result.stop_reason is StopReason.STOP
    assert result.text == whole.text[: whole.text.index(stop)]
    assert "".join(token.text for token in tokens) == result.text


def test_stopping_between_tokens_keeps_what_was_generated(tiny_backend: LlamaBackend) -> None:
    tokens: list[Token] = []
    request = GenerationRequest(messages=HELLO, max_tokens=100, ignore_end=True)
    result = tiny_backend.generate(request, tokens.append, lambda: len(tokens) >= 5)
    assert result.stop_reason is StopReason.CANCELED
    assert len(result.token_ids) == 5
    whole, _ = generate(tiny_backend, messages=HELLO, max_tokens=5, ignore_end=True)
    assert whole.token_ids == result.token_ids


def test_a_prefix_is_evaluated_once_and_changes_nothing(tiny: Path, tiny_backend: LlamaBackend) -> None:
    begin, end = "The quick brown fox jumps over the lazy dog. " * 3, "And then?"
    generate(tiny_backend, prompt=begin + "Something else", max_tokens=5)
    warm, _ = generate(tiny_backend, prompt=begin + end, max_tokens=20, ignore_end=True)
    shared = len(tiny_backend.tokenize(begin))
    assert warm.timings.cached_tokens == shared
    cold_backend = LlamaBackend()
    cold_backend.load(LoadSpec(str(tiny), "gguf", context=256, threads=1))
    cold, _ = generate(cold_backend, prompt=begin + end, max_tokens=20, ignore_end=True)
    cold_backend.close()
    assert cold.timings.cached_tokens == 0
    assert cold.token_ids == warm.token_ids


def test_the_same_prompt_again_needs_no_evaluation(tiny_backend: LlamaBackend) -> None:
    first, _ = generate(tiny_backend, prompt="Again and again", max_tokens=9)
    second, _ = generate(tiny_backend, prompt="Again and again", max_tokens=9)
    assert second.timings.cached_tokens == second.timings.prompt_tokens
    assert second.timings.prefill_tokens_per_s is None
    assert second.token_ids == first.token_ids


def test_weights_that_are_no_numbers_are_noticed(tmp_path: Path, tiny: Path) -> None:
    data = bytearray(tiny.read_bytes())
    half = len(data) // 2
    data[half : half + 4096] = np.full(1024, np.nan, dtype=np.float32).tobytes()
    path = tmp_path / "nan.gguf"
    path.write_bytes(data)
    backend = LlamaBackend()
    backend.load(LoadSpec(str(path), "gguf"))
    for sampling in (Sampling(), Sampling(temperature=1.0)):
        text = "".join(map(chr, range(32, 127)))
        assert code_of(partial(generate, backend, prompt=text, sampling=sampling)) == "model.bad_numbers"
    backend.close()


# -- forms


def test_a_grammar_holds_the_answer(tiny_backend: LlamaBackend) -> None:
    grammar = 'root ::= ("yes" | "no") "!"'
    for sampling in (Sampling(), Sampling(temperature=1.5, seed=3, repeat_penalty=1.1)):
        result, _ = generate(tiny_backend, messages=HELLO, grammar=grammar, sampling=sampling, max_tokens=20)
        assert result.text in ("yes!", "no!")
        assert result.stop_reason is StopReason.END


def test_a_schema_holds_the_answer(tiny_backend: LlamaBackend) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "size": {"enum": ["S", "M"]}},
        "required": ["name", "size"],
    }
    for seed in range(3):
        sampling = Sampling(temperature=1.0, seed=seed)
        result, _ = generate(
            tiny_backend, messages=HELLO, schema=json.dumps(schema), sampling=sampling, max_tokens=100
        )
        value = json.loads(result.text)
        assert set(value) == {"name", "size"}
        assert value["size"] in ("S", "M")


def test_an_invalid_grammar_leaves_the_model_usable(tiny_backend: LlamaBackend) -> None:
    for grammar in ("root ::= missing", 'root ::= root "a"', 'root ::= "a', 'other ::= "a"'):
        ask = partial(generate, tiny_backend, messages=HELLO, grammar=grammar)
        assert code_of(ask) == "grammar.invalid"
    assert generate(tiny_backend, messages=HELLO, max_tokens=2)[0].token_ids


# -- log-probabilities


def raw_log_probabilities(path: Path, tokens: list[int]) -> Any:
    """Log softmax of the logits after ``tokens``, evaluated one by one in a context of its own."""
    model = NativeModel(str(path))
    context = NativeContext(
        model, context=256, threads=1, threads_batch=1, flash_attention=True, cache_type="f16"
    )
    for token in tokens:
        assert context.decode_one(token) == 0
    logits = np.array(context.logits()[: model.size], dtype=np.float64)
    context.close()
    model.close()
    return logits - np.log(np.exp(logits).sum())


def test_log_probabilities_are_the_models_own(tiny: Path, tiny_backend: LlamaBackend) -> None:
    prompt = "Some words"
    sampling = Sampling(temperature=1.4, top_k=3, seed=5, repeat_penalty=1.5)
    result, tokens = generate(
        tiny_backend, prompt=prompt, sampling=sampling, logprobs=4, max_tokens=6, ignore_end=True
    )
    for at, token in enumerate(tokens):
        expected = raw_log_probabilities(tiny, [*tiny_backend.tokenize(prompt), *result.token_ids[:at]])
        assert token.logprob == pytest.approx(expected[token.id], abs=1e-3)
        best = np.argsort(-expected)[:4]
        assert [one.id for one in token.alternatives] == best.tolist()
        assert [one.logprob for one in token.alternatives] == pytest.approx(expected[best].tolist(), abs=1e-3)
    assert sum(np.exp(one.logprob) for one in tokens[0].alternatives) < 1


# -- the real model


def test_the_starter_model_knows_paris(smol_backend: LlamaBackend) -> None:
    result, tokens = generate(smol_backend, messages=CAPITAL, max_tokens=40)
    assert "Paris" in result.text
    assert result.stop_reason is StopReason.END
    assert "".join(token.text for token in tokens) == result.text


def test_the_starter_model_repeats_itself_by_seed(smol_backend: LlamaBackend) -> None:
    sampling = Sampling(temperature=0.9, seed=11)
    ask = partial(generate, smol_backend, messages=CAPITAL, max_tokens=12)
    answers = {ask(sampling=sampling)[0].token_ids for _ in range(5)}
    assert len(answers) == 1


def test_a_long_prefill_can_be_stopped_and_the_model_used_again(smol_backend: LlamaBackend) -> None:
    words = " ".join(str(number * 7919) for number in range(230))
    assert 1024 < len(smol_backend.tokenize(words)) < 2048
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(len(asked) >= 40)
        return asked[-1]

    result, tokens = generate(smol_backend, should_stop, prompt=words, max_tokens=4)
    assert (result.stop_reason, tokens) == (StopReason.CANCELED, [])
    assert len(asked) == 41, "nothing is calculated after the stop"
    assert "Paris" in generate(smol_backend, messages=CAPITAL, max_tokens=40)[0].text


def test_no_native_text_reaches_the_terminal(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    backend = LlamaBackend()
    backend.load(LoadSpec(str(tiny), "gguf"))
    generate(backend, messages=HELLO, max_tokens=2)
    backend.close()
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr() == ("", "")
