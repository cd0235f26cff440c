"""Converts records to JSON values and back, by their types, for the wire, the store and labels.

Decoding is strict about types. It ignores unknown keys and gives missing ones their default, so
that neighbouring releases understand each other.
"""

from __future__ import annotations

import json
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from cattrs import BaseValidationError, Converter
from pyrsistent import PMap, pmap

from flocker_lite.errors import FlockerError, LeaseError
from flocker_lite.model import lease
from flocker_lite.model.records import Change

NUMBER_MAX = 2**64
"""The largest number that we accept: Python's int has no limit, but a float that it becomes has."""

Record = TypeVar("Record")


class CodecError(FlockerError):
    """A JSON text does not describe the record that we expected; the message says where."""


def _strict(kind: type) -> Any:
    def structure(value: object, _: type) -> object:
        # Python takes a bool for an int; a protocol must not.
        exact = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            exact, value = True, float(_bounded(value))
        if not exact:
            raise TypeError(f"{value!r} is not of type {kind.__name__}")
        return _bounded(value) if kind in (int, float) else value

    return structure


def _bounded(value: Any) -> Any:
    # Written with `not`, so that NaN, which compares as False, is refused too.
    if not abs(value) <= NUMBER_MAX:
        raise ValueError("not a number of at most 64 bits")
    return value


def _make_converter() -> Converter:
    converter = Converter(detailed_validation=True, omit_if_default=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", None) is PMap,
        lambda value, kind: pmap(
            {
                _text(key): converter.structure(item, get_args(kind)[1])
                for key, item in value.items()
            }
        ),
    )
    converter.register_unstructure_hook_func(
        lambda kind: kind is PMap or getattr(kind, "__origin__", None) is PMap or _is_pmap(kind),
        lambda value: {key: converter.unstructure(item) for key, item in value.items()},
    )
    converter.register_unstructure_hook(lease.Lease, str)
    converter.register_structure_hook(lease.Lease, lambda value, _: lease.parse(_text(value)))
    converter.register_unstructure_hook(Enum, lambda value: value.value)
    return converter


def _is_pmap(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, PMap)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not of type str")
    return value


_converter = _make_converter()
_NO_RECORD = (
    *(BaseValidationError, LeaseError, RecursionError),
    *(TypeError, ValueError, KeyError, AttributeError),
)
__all__ = [
    "CodecError",
    "change_from_json",
    "change_to_json",
    "dumps",
    "from_json",
    "loads",
    "to_json",
]


def to_json(record: object) -> Any:
    """The record as JSON values; keys with their default are left out."""
    return _converter.unstructure(record)


def from_json(kind: type[Record], value: object) -> Record:
    """The record that `to_json` turned into this value; CodecError when the value fits none."""
    try:
        return _converter.structure(value, kind)
    except _NO_RECORD as e:
        raise CodecError(f"not a {kind.__name__}: {_reason(e)}") from None


def dumps(record: object) -> str:
    """The record as JSON text, the same for equal records."""
    return json.dumps(to_json(record), sort_keys=True, separators=(",", ":"))


def loads(kind: type[Record], text: str) -> Record:
    """The record that `dumps` turned into this text; CodecError when the text fits none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise CodecError(f"not JSON: {e}") from None
    return from_json(kind, value)


def change_to_json(change: Change) -> list[Any]:
    """A change as a list of kind, identity and record."""
    return [change.kind, change.identity, to_json(change.record)]


def change_from_json(maps: type, value: object) -> Change:
    """The change that `change_to_json` wrote; CodecError for anything else."""
    match value:
        case [str(kind), str(identity), record]:
            record_type = record_types(maps).get(kind)
            if record_type is None:
                raise CodecError(f"{maps.__name__} has no {kind!r}")
            decoded = None if record is None else from_json(record_type, record)
            return Change(kind, identity, decoded)
    raise CodecError("not a change: expected a list of kind, identity and record")


@cache
def record_types(maps: type) -> dict[str, type]:
    """For each map in a record of maps, by the map's name: the type of its values."""
    return {kind: get_args(held)[1] for kind, held in get_type_hints(maps).items()}


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"missing {error}" if isinstance(error, KeyError) else str(error)
