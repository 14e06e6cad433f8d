"""JSON schemas to GBNF: what cannot be enforced is refused, never silently weakened.

The converter of llama-cpp-python ignores keywords that it does not know, confuses a definition named
like one of its own rules with that rule, and lets control characters into strings. So the schema is
rewritten first into the part that it converts faithfully, and its strings are narrowed afterwards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from bancada.core.errors import BancadaError
from bancada.engines.llama_package import submodule

#: repeated items are written out one by one by the converter
REPEAT_LIMIT: Final = 500
DEPTH_LIMIT: Final = 60
LENGTH_LIMIT: Final = 200_000

_TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
#: words about a schema that demand nothing of the value
_NOTES: Final = frozenset(
    {"$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "examples"}
    | {"deprecated", "readOnly", "writeOnly", "format"}
)
_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "pattern"}),
}
_FORMATS: Final = re.compile(r"date|time|date-time|uuid[1-5]?")
_CHAR_RULE: Final = r'char ::= [^"\\] |'
_NARROW_CHAR_RULE: Final = r'char ::= [^"\\\x7F\x00-\x1F] |'


def schema_to_gbnf(schema: str) -> str:
    """The grammar of all JSON texts that fit ``schema`` (JSON text).

    Raises:
        BancadaError: ``schema.invalid`` with the place and the reason.
    """
    if len(schema) > LENGTH_LIMIT:
        raise _invalid("#", f"it has {len(schema):,} characters")
    try:
        root = json.loads(schema)
    except (ValueError, RecursionError) as error:
        raise BancadaError("schema.invalid", detail=f"it is no JSON: {error}") from None
    rewriter = _Rewriter(root)
    try:
        rewritten = rewriter.rewrite(root, "#", 0)
        # beside a reference the converter reads nothing, so the root must not be one
        root = {"anyOf": [rewritten]} if "$ref" in rewritten else rewritten
        text: str = submodule("llama_grammar").json_schema_to_gbnf(
            json.dumps({**root, "refs": rewriter.finish()})
        )
    except (AssertionError, ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise BancadaError("schema.invalid", detail=str(error)[:300] or type(error).__name__) from None
    return text.replace(_CHAR_RULE, _NARROW_CHAR_RULE)


class _Rewriter:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []

    def finish(self) -> dict[str, Any]:
        """The rewritten targets of all references, under names that mean nothing to the converter."""
        targets: dict[str, Any] = {}
        while self._waiting:
            reference = self._waiting.pop()
            target = self._target(reference)
            targets[self._names[reference]] = self.rewrite(target, reference, 0)
        return targets

    def rewrite(self, node: Any, place: str, depth: int) -> dict[str, Any]:
        if depth > DEPTH_LIMIT:
            raise _invalid(place, "it is nested too deeply")
        if node is True or node == {}:
            return {"anyOf": [_plain(one) for one in _TYPES]}
        if not isinstance(node, dict):
            raise _invalid(place, "a schema must be an object, and not forbid everything")
        kinds = [key for key in ("$ref", "anyOf", "oneOf", "allOf", "const", "enum") if key in node]
        if len(kinds) > 1:
            raise _invalid(place, f"{kinds[0]} and {kinds[1]} together are not supported")
        if kinds:
            return self._rewrite_choice(node, kinds[0], place, depth)
        return self._rewrite_typed(node, place, depth)

    def _rewrite_choice(self, node: dict[str, Any], kind: str, place: str, depth: int) -> dict[str, Any]:
        value = node[kind]
        allowed = _NOTES | {kind} | ({"type"} if kind in ("const", "enum") else set())
        self._only(node, allowed, place)
        if kind == "$ref":
            return {"$ref": self._reference(value, place)}
        if kind == "const":
            return {"const": value}
        if not isinstance(value, list) or not value:
            raise _invalid(place, f"{kind} must be a list with members")
        if kind == "enum":
            return {"enum": value}
        branches = [self.rewrite(one, f"{place}/{kind}/{at}", depth + 1) for at, one in enumerate(value)]
        if len(branches) == 1:
            return branches[0]
        if kind == "allOf":
            raise _invalid(place, "allOf with several members is not supported")
        return {"anyOf": branches}

    def _rewrite_typed(self, node: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        kind = node.get("type", _implied_type(node))
        if isinstance(kind, list):
            branches = []
            for one in kind:
                own = _BY_TYPE.get(one, frozenset()) if isinstance(one, str) else frozenset()
                kept = {key: value for key, value in node.items() if key in own or key in _NOTES}
                branches.append(self.rewrite({**kept, "type": one}, place, depth + 1))
            return {"anyOf": branches}
        if kind is None:
            self._only(node, _NOTES, place)
            return self.rewrite({}, place, depth)
        if kind not in _TYPES:
            raise _invalid(place, f"{kind!r} is no type")
        self._only(node, _NOTES | {"type"} | _BY_TYPE.get(kind, frozenset()), place)
        if kind == "object":
            return self._rewrite_object(node, place, depth)
        if kind == "array":
            return self._rewrite_array(node, place, depth)
        if kind == "string":
            return _rewrite_string(node, place)
        return {"type": kind}

    def _rewrite_object(self, node: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        properties = node.get("properties", {})
        required = node.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list):
            raise _invalid(place, "properties must be an object and required a list")
        unknown = [one for one in required if one not in properties]
        if unknown:
            raise _invalid(place, f"{unknown[0]!r} is required but not among the properties")
        more = node.get("additionalProperties", not properties)
        result: dict[str, Any] = {"type": "object"}
        if not properties and more is True:
            return result
        result["properties"] = {
            key: self.rewrite(value, f"{place}/properties/{key}", depth + 1)
            for key, value in properties.items()
        }
        result["required"] = required
        if more is not False:
            result["additionalProperties"] = self.rewrite(more, f"{place}/additionalProperties", depth + 1)
        return result

    def _rewrite_array(self, node: dict[str, Any], place: str, depth: int) -> dict[str, Any]:
        least, most = _bounds(node, "minItems", "maxItems", place)
        if "prefixItems" in node:
            items = node["prefixItems"]
            if not isinstance(items, list) or not items or set(node) & {"items", "minItems", "maxItems"}:
                raise _invalid(place, "prefixItems must be a list, without items, minItems and maxItems")
            return {
                "type": "array",
                "prefixItems": [
                    self.rewrite(one, f"{place}/prefixItems/{at}", depth + 1) for at, one in enumerate(items)
                ],
            }
        result: dict[str, Any] = {"type": "array", "minItems": least}
        result["items"] = self.rewrite(node.get("items", {}), f"{place}/items", depth + 1)
        if most is not None:
            if most == 0:
                raise _invalid(place, "an array without items is not supported")
            result["maxItems"] = most
        return result

    def _reference(self, value: Any, place: str) -> str:
        if not isinstance(value, str) or not re.match(r"#(/|$)", value):
            raise _invalid(place, f"the reference {value!r} does not point into the schema itself")
        if value not in self._names:
            self._names[value] = f"ref-{len(self._names)}-target"
            self._target(value)
            self._waiting.append(value)
        return f"#/refs/{self._names[value]}"

    def _target(self, reference: str) -> Any:
        target = self._root
        for part in reference.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and name.isdecimal() and int(name) < len(target):
                target = target[int(name)]
            elif isinstance(target, dict) and name in target:
                target = target[name]
            else:
                raise _invalid(reference, "nothing is there")
        return target

    @staticmethod
    def _only(node: dict[str, Any], allowed: frozenset[str] | set[str], place: str) -> None:
        unknown = sorted(set(node) - allowed)
        if unknown:
            raise _invalid(place, f"{unknown[0]!r} cannot be enforced here")


def _rewrite_string(node: dict[str, Any], place: str) -> dict[str, Any]:
    least, most = _bounds(node, "minLength", "maxLength", place)
    if "pattern" in node:
        if set(node) & {"minLength", "maxLength"}:
            raise _invalid(place, "pattern and a length together are not supported")
        return {"type": "string", "pattern": _pattern(node["pattern"], place)}
    if "minLength" in node or "maxLength" in node:
        return {"type": "string", "minLength": least} | ({} if most is None else {"maxLength": most})
    form = node.get("format")
    # other formats are notes, which JSON Schema itself does not enforce
    return {"type": "string"} | (
        {"format": form} if isinstance(form, str) and _FORMATS.fullmatch(form) else {}
    )


def _pattern(pattern: Any, place: str) -> str:
    if not isinstance(pattern, str) or not (pattern.startswith("^") and pattern.endswith("$")):
        raise _invalid(place, "a pattern must begin with ^ and end with $")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise _invalid(place, f"the pattern {pattern[:80]!r} is wrong: {error}") from None
    if re.search(r"\\[^-\[\]()|{}*+?.\\/\"nrt^$]", pattern):
        raise _invalid(place, f"the pattern {pattern!r} uses a class such as \\d; write [0-9] instead")
    return pattern


def _bounds(node: dict[str, Any], low: str, high: str, place: str) -> tuple[int, int | None]:
    least, most = node.get(low, 0), node.get(high)
    for name, value in ((low, least), (high, most)):
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= REPEAT_LIMIT
        if not fits and not (name == high and value is None):
            raise _invalid(place, f"{name} must be a number from 0 to {REPEAT_LIMIT}")
    if most is not None and most < least:
        raise _invalid(place, f"{low} is greater than {high}")
    return least, most


def _implied_type(node: dict[str, Any]) -> str | None:
    return next((kind for kind, keys in _BY_TYPE.items() if keys & set(node)), None)


def _plain(kind: str) -> dict[str, Any]:
    return {"type": kind}


def _invalid(place: str, reason: str) -> BancadaError:
    return BancadaError("schema.invalid", detail=f"at {place[:120]}: {reason}")
