"""Conversations: trees, branches, pages, search with hostile words."""

from __future__ import annotations

import json

import pytest

from bancada.core.errors import BancadaError
from bancada.storage import conversations
from bancada.storage.connection import Database


def _talk(db: Database) -> tuple[str, list[str]]:
    """A question with two answers, the second one shown; returns the ids."""
    talk = conversations.create(db, "A talk", system_prompt="Be brief.", parameters={"seed": 7})
    asked = conversations.add_message(db, talk.id, None, "user", "asked")
    first = conversations.add_message(db, talk.id, asked.id, "assistant", "first")
    more = conversations.add_message(db, talk.id, first.id, "user", "more")
    second = conversations.add_message(db, talk.id, asked.id, "assistant", "second")
    return talk.id, [asked.id, first.id, more.id, second.id]


def _shown(db: Database, talk: str) -> list[str]:
    return [one.content for one in conversations.branch(db, talk)]


def _titles(db: Database, *, search: str = "", trashed: bool = False) -> list[str]:
    return [one.title for one in conversations.list_page(db, search=search, trashed=trashed)]


def test_the_newest_version_is_shown_and_others_can_be(db: Database) -> None:
    talk, (asked, first, _, second) = _talk(db)
    assert _shown(db, talk) == ["asked", "second"]
    assert [one.id for one in conversations.siblings(db, second)] == [first, second]
    conversations.set_leaf(db, talk, first)
    assert _shown(db, talk) == ["asked", "first", "more"]
    conversations.set_leaf(db, talk, asked)
    assert _shown(db, talk) == ["asked", "second"]
    conversations.set_leaf(db, talk, None)
    assert _shown(db, talk) == []


def test_an_edited_first_question_is_a_sibling(db: Database) -> None:
    talk, (asked, *_) = _talk(db)
    edited = conversations.add_message(db, talk, None, "user", "edited")
    assert _shown(db, talk) == ["edited"]
    assert [one.id for one in conversations.siblings(db, edited.id)] == [asked, edited.id]


def test_a_parent_or_leaf_of_another_conversation_is_refused(db: Database) -> None:
    talk, (asked, *_) = _talk(db)
    other = conversations.create(db)
    for action in (
        lambda: conversations.add_message(db, other.id, asked, "user", "x"),
        lambda: conversations.set_leaf(db, other.id, asked),
        lambda: conversations.get_message(db, "absent"),
        lambda: conversations.update_message(db, "absent"),
        lambda: conversations.update_message(db, "absent", content="x"),
        lambda: conversations.rate(db, "absent", 1),
    ):
        with pytest.raises(BancadaError) as caught:
            action()
        assert caught.value.code == "message.not_found"
    with pytest.raises(BancadaError) as caught:
        conversations.add_message(db, "absent", None, "user", "x")
    assert caught.value.code == "conversation.not_found"
    assert _shown(db, other.id) == []
    assert _shown(db, talk) == ["asked", "second"]


def test_an_answer_grows_ends_and_is_rated(db: Database) -> None:
    talk, (asked, *_) = _talk(db)
    answer = conversations.add_message(db, talk, asked, "assistant", "", "streaming")
    conversations.update_message(db, answer.id, content="half", tokens=[{"id": 1, "logprob": -0.5}])
    assert conversations.recover_streaming(db) == 1
    error = BancadaError("disk.full", need="1 MB").to_json()
    conversations.update_message(db, answer.id, status="failed", error=error, request_id="r1")
    conversations.rate(db, answer.id, -1)
    found = conversations.get_message(db, answer.id)
    assert (found.content, found.status, found.error) == ("half", "failed", error)
    assert (found.tokens, found.request_id, found.rating) == ([{"id": 1, "logprob": -0.5}], "r1", -1)
    conversations.rate(db, answer.id, None)
    assert conversations.get_message(db, answer.id).rating is None
    assert conversations.recover_streaming(db) == 0


def test_fields_change_and_bring_it_to_the_top(db: Database) -> None:
    talk, _ = _talk(db)
    conversations.create(db, "Newer")
    assert _titles(db) == ["Newer", "A talk"]
    conversations.rename(db, talk, "Renamed")
    conversations.set_system_prompt(db, talk, "New prompt")
    conversations.set_parameters(db, talk, {"temperature": 0.5})
    conversations.set_model(db, talk, None)
    found = conversations.get(db, talk)
    assert (found.title, found.system_prompt, found.parameters) == (
        "Renamed",
        "New prompt",
        {"temperature": 0.5},
    )
    assert _titles(db) == ["Renamed", "Newer"]
    with pytest.raises(BancadaError) as caught:
        conversations.rename(db, "absent", "x")
    assert caught.value.code == "conversation.not_found"


def test_trash_restore_purge(db: Database) -> None:
    talk, (asked, *_) = _talk(db)
    conversations.trash(db, talk)
    assert (_titles(db), _titles(db, trashed=True)) == ([], ["A talk"])
    conversations.restore(db, talk)
    assert _titles(db, search="asked") == ["A talk"]
    conversations.purge(db, talk)
    conversations.purge(db, talk)
    with pytest.raises(BancadaError):
        conversations.get_message(db, asked)
    assert (_titles(db), _titles(db, search="asked"), _titles(db, search="talk")) == ([], [], [])


def test_pages_meet_without_gap_or_overlap(db: Database) -> None:
    with db.transaction():
        for number in range(25):
            conversations.create(db, f"talk {number}")
    seen: list[str] = []
    before = None
    while page := conversations.list_page(db, search="talk", before=before, limit=10):
        seen += [one.title for one in page]
        before = page[-1].touched
        conversations.create(db, "talk that came meanwhile")
    assert seen == [f"talk {number}" for number in range(24, -1, -1)]


def test_search_finds_words_beginnings_and_accents(db: Database) -> None:
    talk = conversations.create(db, "S\u00e3o Tom\u00e9")
    conversations.add_message(db, talk.id, None, "user", "the quick brown fox")
    for words in ("sao tome", "SAO", "quick bro", "tom", "fox, quick"):
        assert _titles(db, search=words) == ["S\u00e3o Tom\u00e9"], words
    for words in ("qui brown", "foxes", "quick sao"):
        assert _titles(db, search=words) == [], words


def test_search_forgets_what_was_changed(db: Database) -> None:
    talk = conversations.create(db, "old title")
    asked = conversations.add_message(db, talk.id, None, "user", "old words")
    conversations.update_message(db, asked.id, content="new")
    conversations.rename(db, talk.id, "new title")
    assert _titles(db, search="old") == []
    assert _titles(db, search="new") == ["new title"]


@pytest.mark.parametrize(
    "words",
    [
        '"',
        "' OR 1=1 --",
        "title:x",
        "a AND b NOT",
        "NEAR(a b",
        "*",
        "^zz",
        "()",
        "a\0b",
        "\ud800",
        "-",
        "col : x",
        "\U0001f9a5",
        "x" * 100_000,
        "%",
        "\\",
    ],
    ids=lambda words: ascii(words[:12]),
)
def test_hostile_searches_are_words(db: Database, words: str) -> None:
    _talk(db)
    assert _titles(db, search=words) == []


def test_lone_surrogates_and_zero_bytes_are_stored_as_text(db: Database) -> None:
    talk = conversations.create(db, "a\ud800b")
    asked = conversations.add_message(db, talk.id, None, "user", "x\udfffy\0z")
    assert conversations.get(db, talk.id).title == "a?b"
    assert conversations.get_message(db, asked.id).content == "x?y\0z"


def test_export_holds_the_whole_tree(db: Database) -> None:
    talk, ids = _talk(db)
    made = json.loads(json.dumps(conversations.export(db, talk)))
    assert made["format"] == "bancada.conversation"
    assert (made["title"], made["leaf_message_id"]) == ("A talk", ids[3])
    assert [one["id"] for one in made["messages"]] == ids
    assert [one["parent_id"] for one in made["messages"]] == [None, ids[0], ids[1], ids[0]]
