from __future__ import annotations

import threading

import pytest

from bancada.core.errors import BancadaError
from bancada.engines import chat_template
from bancada.engines.chat_template import ChatTemplate
from bancada.inference.types import Message

HELLO = (Message("user", "Hello"),)


def refusal(source: str) -> str:
    with pytest.raises(BancadaError) as caught:
        ChatTemplate(source, bos="<s>", eos="</s>")
    assert caught.value.code == "model.template_refused"
    return str(caught.value.params["reason"])


def test_a_template_renders_its_messages_and_special_tokens() -> None:
    source = (
        "{{ bos_token }}{% for message in messages %}[{{ message.role }}]{{ message['content'] | trim }}"
        "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
    )
    template = ChatTemplate(source, bos="<s>", eos="</s>")
    assert template.render((Message("user", " Hi "),)) == "<s>[user]Hi</s>[assistant]"


def test_what_real_templates_use_is_there() -> None:
    source = (
        "{%- if tools is not none %}tools{% endif %}{{ strftime_now('%Y') | length }}"
        "{% generation %}{{ messages | tojson }}{% endgeneration %}"
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ m.content * 2 }}{% endfor %}"
    )
    text = ChatTemplate(source, bos="", eos="").render((Message("user", "<é>"), Message("user", "b")))
    assert text == '4[{"role": "user", "content": "<é>"}, {"role": "user", "content": "b"}]<é><é>'


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ messages.append(1) }}",
    ],
)
def test_reaching_out_of_the_sandbox_is_refused(source: str) -> None:
    assert refusal(source)


def test_a_template_that_loops_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template, "TIME_LIMIT_S", 0.2)
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    assert "seconds" in refusal(loops + "{% endfor %}{% endfor %}{% endfor %}")
    assert ChatTemplate("{{ 'fine' }}", bos="", eos="").render(HELLO) == "fine"
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 99999999 * 20 }}",
        "{% set n = namespace(x='aaaa') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{{ 'a' | center(100000000000) }}",
    ],
)
def test_a_template_that_asks_for_all_memory_is_stopped(source: str) -> None:
    assert "memory" in refusal(source)


@pytest.mark.parametrize(
    "source", ["{{ 9 ** 9 ** 9 ** 9 }}", "{{ 2 ** 100000000 }}", "{{ 10**70 * 10**70 }}"]
)
def test_a_number_without_bounds_is_stopped(source: str) -> None:
    assert "OverflowError" in refusal(source)


def test_mistakes_are_named_with_their_place() -> None:
    assert "line 2" in refusal("a\n{% if %}")
    assert "characters" in refusal("a" * (chat_template.LENGTH_LIMIT + 1))
    assert refusal("{{ nothing.of.this }}")
    assert refusal("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}")


def test_a_template_may_object_to_a_conversation() -> None:
    source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system prompt') }}{% endif %}ok"
    template = ChatTemplate(source, bos="", eos="")
    assert template.render(HELLO) == "ok"
    with pytest.raises(BancadaError) as caught:
        template.render((Message("system", "x"), *HELLO))
    assert caught.value.code == "prompt.refused_by_template"
    assert caught.value.params == {"detail": "no system prompt"}


def test_a_template_that_objects_to_the_trial_is_kept() -> None:
    source = "{% if messages | length < 2 %}{{ raise_exception('two at least') }}{% endif %}ok"
    template = ChatTemplate(source, bos="", eos="")
    assert template.render((*HELLO, *HELLO)) == "ok"
