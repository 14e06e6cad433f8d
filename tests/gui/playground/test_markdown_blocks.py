"""Markdown to blocks: what is shown, what is never done, and that growing text ends the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bancada.gui.widgets.markdown_blocks import (
    DISPLAY_LIMIT,
    MARKDOWN_LIMIT,
    Block,
    Item,
    StreamParser,
    Style,
    TableBlock,
    is_openable,
    normalized,
    parse,
)


def items(text: str) -> list[Item]:
    return [item for section in parse(text) for item in section.items]


def blocks(text: str) -> list[Block]:
    return [item for item in items(text) if isinstance(item, Block)]


def test_headings_lists_and_quotes() -> None:
    made = blocks("# One\n\n3. a\n4. b\n   - c\n\n> said **so**\n")
    assert [(one.kind, one.text, one.indent, one.quote, one.marker) for one in made] == [
        ("heading", "One", 0, 0, ""),
        ("paragraph", "a", 1, 0, "3."),
        ("paragraph", "b", 1, 0, "4."),
        ("paragraph", "c", 2, 0, "\u25e6"),
        ("paragraph", "said so", 0, 1, ""),
    ]
    assert made[-1].runs[1].style == Style.BOLD


def test_an_empty_list_item_keeps_its_marker_and_a_list_may_start_at_zero() -> None:
    assert [(one.marker, one.text) for one in blocks("0. a\n1.\n2. c")] == [
        ("0.", "a"),
        ("1.", ""),
        ("2.", "c"),
    ]


def test_code_is_coloured_line_by_line() -> None:
    made = blocks("```python\ndef f():\n\n    return 'x'\n```")
    assert [one.kind for one in made] == ["code_head", "code", "code", "code"]
    assert "\n".join(one.text for one in made[1:]) == "def f():\n\n    return 'x'"
    assert {run.color for one in made for run in one.runs} >= {"keyword", "name", "string"}
    assert len({one.group for one in made}) == 1


def test_two_fences_are_two_groups_also_in_one_list_item() -> None:
    made = blocks("- a\n  ```\n  x\n  ```\n  ```\n  y\n  ```\n")
    assert len({one.group for one in made if one.group}) == 2


def test_a_table_keeps_its_cells_and_alignment() -> None:
    (table,) = items("| a | b |\n|:--|--:|\n| **1** | 2 |\n")
    assert isinstance(table, TableBlock)
    assert [["".join(run.text for run in cell) for cell in row] for row in table.rows] == [
        ["a", "b"],
        ["1", "2"],
    ]
    assert table.aligns == ("left", "right")


def test_a_giant_table_is_shown_as_text() -> None:
    text = "| a | b |\n|---|---|\n" + "| 1 | 2 |\n" * 2_000
    assert all(isinstance(item, Block) for item in items(text))


def test_raw_html_is_the_text_that_it_is() -> None:
    text = "<img src=http://x/y.png>\n\n<script>alert(1)</script> &lt;b&gt;"
    assert (
        "".join(one.text for one in blocks(text)) == "<img src=http://x/y.png><script>alert(1)</script> <b>"
    )


def test_an_image_is_words() -> None:
    (made,) = blocks("![a cat](http://x/y.png)")
    assert made.text == "[image not loaded: a cat \u2013 http://x/y.png]"
    assert not made.runs[0].href


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "//host/share",
        "smb://x/y",
        "http://",
        "/a",
        "http://[::1",
        "bancada-copy:1",
        "https://a b",
    ],
)
def test_what_is_not_a_web_or_mail_address_is_not_a_link(href: str) -> None:
    assert not is_openable(href)
    assert not any(run.href for one in blocks(f"[label](<{href}>) <{href}>") for run in one.runs)


def test_a_web_address_is_a_link_with_its_target() -> None:
    (made,) = blocks("[label](https://example.org/a?b=1)")
    assert made.runs[0].href == "https://example.org/a?b=1"
    (made,) = blocks("[label](ftp://example.org)")
    assert made.text == "label (ftp://example.org)"


def test_characters_that_would_be_structure_or_reverse_text_are_replaced() -> None:
    assert normalized("a\r\nb\rc\x00\u2029\ufdd0\u202e\ud800\x0b") == "a\nb\nc\ufffd\ufffd\ufffd\ufffd\ufffd "


def test_a_very_long_text_is_plain_and_cut_with_a_word() -> None:
    made = blocks("**a**\n" + "x" * MARKDOWN_LIMIT)
    assert made[0].text == "**a**"
    made = blocks("x" * (DISPLAY_LIMIT + 5))
    assert made[-1].text == "[5 more characters are not drawn]"


WORDS = ["a", "word ", "\n", "\n\n", "- ", "1. ", "2", ". ", "> ", "```", "```py\n", "    ", "  ", "# ", "**"]
MARKS = ["*", "`", "|", "| a | b |\n", "|---|---|\n", "---\n", "===\n", "<b>", "\t", "+ ", "\\"]
LINKS = ["[x](http://a.b)", "[x]: http://a.b\n", "[x]"]
PIECES = st.sampled_from([*WORDS, *MARKS, *LINKS])


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40), st.lists(st.integers(1, 5), max_size=40))
def test_however_the_text_arrives_the_blocks_are_the_same(pieces: list[str], steps: list[int]) -> None:
    text = "".join(pieces)
    parser = StreamParser()
    end = 0
    for step in steps:
        end = min(len(text), end + step)
        parser.feed(text[:end])
    rest = parser.feed(text, finished=True)
    assert [*parser.settled, *rest] == items(text)
