from __future__ import annotations

import json
from typing import Any

import pytest

from bancada.core.errors import BancadaError
from bancada.engines.grammar import LENGTH_LIMIT, GrammarChecker
from bancada.engines.llama_native import library_path


@pytest.fixture(scope="module")
def checker() -> GrammarChecker:
    return GrammarChecker(library_path())


def complaint(checker: GrammarChecker, grammar: str | None = None, schema: Any = None) -> str:
    text = None if schema is None else schema if isinstance(schema, str) else json.dumps(schema)
    with pytest.raises(BancadaError) as caught:
        checker.grammar(grammar, text)
    assert caught.value.code == ("schema.invalid" if grammar is None else "grammar.invalid")
    return str(caught.value.params["detail"])


def test_a_valid_grammar_passes_unchanged(checker: GrammarChecker) -> None:
    assert checker.grammar('root ::= "yes" | "no"', None) == 'root ::= "yes" | "no"'
    assert checker.grammar(None, None) is None


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        ("root ::= answer", "Undefined rule identifier 'answer'"),
        ('root ::= "a', "unexpected end"),
        ('answer ::= "a"', "'root'"),
        ('root ::= root "a" | "b"', "left recursion"),
        ('root ::= a\na ::= b "x"\nb ::= a', "left recursion"),
        ("root ::= " + "(" * 20_000 + '"a"' + ")" * 20_000, "broke"),
        ('root ::= "a\0"', "U+0000"),
        ('root ::= "\ud800"', "surrogate"),
        ("  \n", "empty"),
        ("#" * (LENGTH_LIMIT + 1), "characters"),
    ],
)
def test_an_invalid_grammar_is_refused_and_only_a_child_sees_it(
    checker: GrammarChecker, grammar: str, words: str
) -> None:
    assert words in complaint(checker, grammar)
    assert words in complaint(checker, grammar), "remembered"


def test_a_grammar_and_a_schema_exclude_each_other(checker: GrammarChecker) -> None:
    with pytest.raises(BancadaError) as caught:
        checker.grammar('root ::= "a"', "{}")
    assert caught.value.code == "grammar.both"


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": ["integer", "null"]},
        {"enum": ["a", 1, None]},
        {"const": {"a": [1]}},
        {"type": "string", "pattern": "^[A-Z]{2,4}-[0-9]+$"},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "email", "description": "a note, as JSON Schema says"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 4},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
        {"type": "object", "additionalProperties": {"type": "number"}},
        {"allOf": [{"$ref": "#/$defs/value"}], "$defs": {"value": {"type": "boolean"}}},
        {
            "$ref": "#/$defs/tree",
            "$defs": {"tree": {"properties": {"sons": {"items": {"$ref": "#/$defs/tree"}}}}},
        },
        {"oneOf": [{"type": "integer"}, {"properties": {"again": {"$ref": "#"}}}]},
    ],
)
def test_a_schema_becomes_a_valid_grammar(checker: GrammarChecker, schema: Any) -> None:
    assert "root ::=" in str(checker.grammar(None, json.dumps(schema)))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("{", "no JSON"),
        (3, "must be an object"),
        (False, "must be an object"),
        ({"$ref": "#/$defs/missing"}, "nothing is there"),
        ({"$ref": "https://example.org/s.json"}, "does not point into the schema"),
        ({"$ref": "#"}, "left recursion"),
        ({"type": "string", "pattern": "abc"}, "begin with ^"),
        ({"type": "string", "pattern": "^\\d+$"}, "[0-9]"),
        ({"type": "string", "pattern": "^(a$"}, ""),
        ({"type": "integer", "minimum": 3}, "'minimum'"),
        ({"type": "widget"}, "no type"),
        ({"type": "object", "required": ["a"]}, "required"),
        ({"type": "array", "maxItems": 10**9}, "maxItems"),
        ({"type": "string", "minLength": 5, "maxLength": 4}, "greater"),
        ({"not": {"type": "string"}}, "'not'"),
        ({"anyOf": []}, "members"),
        ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "allOf"),
        ({"anyOf": [{}], "enum": [1]}, "together"),
        ({"properties": 3}, "properties"),
    ],
)
def test_what_cannot_be_enforced_is_refused_not_weakened(
    checker: GrammarChecker, schema: Any, words: str
) -> None:
    assert words in complaint(checker, schema=schema)


def test_a_schema_nested_without_end_is_refused(checker: GrammarChecker) -> None:
    assert "deep" in complaint(checker, schema='{"items":' * 100 + "{}" + "}" * 100)
    assert complaint(checker, schema='{"items":' * 100_000)


def test_a_definition_named_like_a_rule_of_the_converter_keeps_its_meaning(checker: GrammarChecker) -> None:
    schema = {
        "$defs": {"value": {"enum": ["x"]}},
        "properties": {"free": {}, "fixed": {"$ref": "#/$defs/value"}},
        "required": ["free", "fixed"],
    }
    grammar = str(checker.grammar(None, json.dumps(schema)))
    rule = next(line for line in grammar.splitlines() if line.startswith("fixed-kv "))
    name = rule.split()[-1]
    while not (body := next(one for one in grammar.splitlines() if one.startswith(f"{name} ::="))).endswith(
        '"'
    ):
        name = body.split()[-1]
    assert body == f'{name} ::= "\\"x\\""'
