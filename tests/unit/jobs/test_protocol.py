"""The channel: what is sent comes back as it was; what is no message is refused by name."""

from __future__ import annotations

import io
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bancada.core.errors import BancadaError
from bancada.jobs import protocol
from bancada.jobs.protocol_doc import markdown

MESSAGES = [
    protocol.Start("job", "1", "trial", {"a": [1, None, "é\ud800"]}, "/home", 10**10, "key"),
    protocol.Call("1", "echo", {"deep": [[[1.5]]]}),
    protocol.Cancel(),
    protocol.Close(),
    protocol.Hello(12),
    protocol.Heartbeat(),
    protocol.Acknowledged("x"),
    protocol.Progress("stage\n", 1.0, None, "B"),
    protocol.Ready(None),
    protocol.Part("1", [1, 2]),
    protocol.Result({"a": True}),
    protocol.Failed("a.b", {"c": 1}),
    protocol.Stopped("1"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_messages_cross_unchanged_on_one_ascii_line(message: protocol.Message) -> None:
    line = protocol.encode_line(message, 10_000)
    assert line.count(b"\n") == 1
    assert line.isascii()
    table = {**protocol.TO_WORKER, **protocol.FROM_WORKER}
    assert protocol.decode_line(line, table) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"[1]",
        b"7",
        b"{}",
        b'{"type":"start"}',
        b'{"type":["a"]}',
        b'{"type":"progress","stage":1,"done":0,"total":null,"unit":""}',
        b'{"type":"progress","stage":"","done":NaN,"total":null,"unit":""}',
        b'{"type":"result","value":1,"id":"","more":1}',
        b'{"type":"result","value":Infinity}',
        b"[" * 100_000,
        b'{"type":"result","value":' + b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(BancadaError) as caught:
        protocol.decode_line(line, protocol.FROM_WORKER)
    assert caught.value.code == "message.malformed"
    assert len(json.dumps(caught.value.to_json())) < 2_000


@given(st.binary(max_size=200))
def test_no_bytes_make_anything_else_happen(line: bytes) -> None:
    with suppress(BancadaError):
        protocol.decode_line(line, protocol.FROM_WORKER)


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(BancadaError, match="larger"):
        protocol.encode_line(protocol.Result("x" * 100), 100)
    for value in (float("nan"), object(), {"a": b"bytes"}):
        with pytest.raises(BancadaError) as caught:
            protocol.encode_line(protocol.Result(value), 10_000)
        assert caught.value.code == "message.malformed"


@given(st.lists(st.binary(max_size=40).filter(lambda one: b"\n" not in one)), st.integers(1, 17))
def test_lines_are_whole_however_they_arrive(lines: list[bytes], size: int) -> None:
    stream = io.BytesIO(b"".join(one + b"\n" for one in lines))
    found = list(protocol.read_lines(lambda _: stream.read(size), 20))
    assert found == [one if len(one) <= 20 else None for one in lines]


def test_an_unfinished_line_at_the_end_is_no_line() -> None:
    stream = io.BytesIO(b"one\ntwo")
    assert list(protocol.read_lines(stream.read, 20)) == [b"one"]


def test_the_page_names_every_message_and_field() -> None:
    page = markdown()
    for name in (*protocol.TO_WORKER, *protocol.FROM_WORKER):
        assert f"### `{name}`" in page
    assert "address_space_bytes" in page
