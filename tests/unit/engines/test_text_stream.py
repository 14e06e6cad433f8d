from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bancada.engines.text_stream import TextStream


def test_half_a_character_waits_for_its_end() -> None:
    stream = TextStream()
    cup = "☕".encode()
    assert stream.feed(b"a" + cup[:1]) == "a"
    assert stream.feed(cup[1:2]) == ""
    assert stream.feed(cup[2:]) == "☕"


def test_an_unfinished_character_is_dropped_at_the_end() -> None:
    stream = TextStream()
    assert stream.feed(b"ok\xe2\x98") == "ok"
    assert stream.finish() == ""
    assert stream.text == "ok"


def test_damaged_utf8_becomes_a_replacement_character() -> None:
    stream = TextStream()
    assert stream.feed(b"a\xffb") == "a\ufffdb"


def test_what_may_begin_a_stop_string_is_held_back_until_it_is_certain() -> None:
    stream = TextStream(("STOP",))
    assert stream.feed(b"go ST") == "go "
    assert stream.feed(b"ART") == "START"
    assert not stream.stopped


def test_nothing_of_a_stop_string_is_shown() -> None:
    stream = TextStream(("\nUser:", "</s>"))
    assert stream.feed(b"yes\nUs") == "yes"
    assert stream.feed(b"er: no") == ""
    assert stream.stopped
    assert stream.finish() == ""
    assert stream.text == "yes"


def test_held_text_comes_out_at_the_end() -> None:
    stream = TextStream(("###",))
    assert stream.feed(b"a #") == "a "
    assert stream.finish() == "#"
    assert stream.text == "a #"


def test_an_empty_stop_string_stops_nothing() -> None:
    stream = TextStream(("",))
    assert stream.feed(b"abc") == "abc"


@given(st.text(max_size=40), st.lists(st.text("ab", min_size=1, max_size=3), max_size=3), st.integers(1, 5))
def test_text_is_cut_at_the_first_stop_string_however_the_bytes_arrive(
    text: str, stops: list[str], step: int
) -> None:
    stream = TextStream(tuple(stops))
    data = text.encode("utf-8", "replace")
    shown = ""
    for at in range(0, len(data), step):
        shown += stream.feed(data[at : at + step])
        if stream.stopped:
            break
    shown += stream.finish()
    whole = data.decode()
    ends = [whole.find(stop) for stop in stops if stop in whole]
    assert shown == stream.text
    if ends:
        assert shown == whole[: min(ends)] or any(shown == whole[:end] for end in ends)
        assert not any(stop in shown for stop in stops)
    else:
        assert shown == whole
