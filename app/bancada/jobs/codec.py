"""Frozen dataclasses to JSON values and back, checked by their annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from bancada.core.errors import BancadaError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """Return ``value`` as JSON values: dataclasses become objects, tuples lists, enums their value."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _hints(type(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [encode(one) for one in value]
    return value


def decode(kind: type[T], data: Any) -> T:
    """Build the dataclass ``kind`` from JSON values.

    Raises:
        BancadaError: ``message.malformed`` when a field is unknown, missing or of the wrong type.
    """
    return typing.cast("T", _decode(kind, data, kind.__name__))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {one.name: hints[one.name] for one in dataclasses.fields(kind)}


def _decode(kind: Any, data: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if origin in (types.UnionType, typing.Union):
        return _decode_union(arguments, data, where)
    if origin in (tuple, list, dict):
        return _decode_collection(origin, arguments, data, where)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise _malformed(where, data) from None
    return _decode_scalar(kind, data, where)


def _decode_collection(origin: type[Any], arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    """``list[X]``, ``tuple[X, ...]`` and ``dict[str, X]``."""
    if origin is dict and isinstance(data, dict):
        return {key: _decode(arguments[1], one, f"{where}.{key}") for key, one in data.items()}
    if origin is not dict and isinstance(data, list | tuple):
        return origin(_decode(arguments[0], one, f"{where}[]") for one in data)
    raise _malformed(where, data)


def _decode_union(arguments: tuple[Any, ...], data: Any, where: str) -> Any:
    if data is None and types.NoneType in arguments:
        return None
    for one in arguments:
        if one is not types.NoneType:
            try:
                return _decode(one, data, where)
            except BancadaError:
                continue
    raise _malformed(where, data)


def _decode_dataclass(kind: Any, data: Any, where: str) -> Any:
    hints = _hints(kind)
    if not isinstance(data, dict) or not set(data) <= set(hints):
        raise _malformed(where, data)
    values = {key: _decode(hints[key], one, f"{where}.{key}") for key, one in data.items()}
    try:
        return kind(**values)
    except TypeError:
        raise _malformed(where, data) from None


def _decode_scalar(kind: Any, data: Any, where: str) -> Any:
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    if kind is int and isinstance(data, bool):
        raise _malformed(where, data)
    if isinstance(kind, type) and isinstance(data, kind):
        return data
    raise _malformed(where, data)


def _malformed(where: str, data: Any) -> BancadaError:
    return BancadaError("message.malformed", field=where, value=repr(data)[:200])
