"""Sizes and times as requests may write them: numbers, or what Docker and Compose take; pure.

Records and answers have only numbers. A schema that has UNIT takes texts too, and its limits hold
for what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from flocker_lite.model.fields import Schema

UNIT = "x-unit"
"""The keyword of a schema that says what its numbers are: "bytes" or "seconds"."""

LIMITS = ("minimum", "exclusiveMinimum", "maximum")
BYTES_MAX = 2**63 - 1

_PREFIXES = "kmgtp"
_SIZE = re.compile(rf"([0-9]{{1,20}}(?:\.[0-9]{{1,20}})?) ?([{_PREFIXES}])?i?b?", re.IGNORECASE)
_UNITS_SECONDS = {
    "d": Fraction(86400),
    "h": Fraction(3600),
    "m": Fraction(60),
    "s": Fraction(1),
    "ms": Fraction(1, 1000),
    "us": Fraction(1, 1_000_000),
}
_TIME = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)(d|h|ms|m|us|s)")
_PLAIN = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?")


def size_bytes(value: float | str) -> int:
    """The bytes of 1000, "1000", "512m" or "1.5GiB"; k is 1024, as for Docker. ValueError else."""
    if not isinstance(value, str):
        return int(value)
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError(f"{value!r} is no size")
    power = _PREFIXES.index(found[2].lower()) + 1 if found[2] else 0
    return int(Fraction(found[1]) * 1024**power)


def duration_seconds(value: float | str) -> float:
    """The seconds of 1.5, "1.5", "90s", "1m30s" or "500ms". ValueError for anything else."""
    if not isinstance(value, str):
        return float(value)
    if _PLAIN.fullmatch(value):
        return float(value)
    parts = _TIME.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError(f"{value!r} is no time")
    return float(sum(Fraction(number) * _UNITS_SECONDS[unit] for number, unit in parts))


PARSERS: Mapping[str, Callable[[Any], float]] = {"bytes": size_bytes, "seconds": duration_seconds}
"""The value of a text or a number, by its unit."""


def size(minimum: int, maximum: int = BYTES_MAX, doc: str = "", words: str = "") -> Schema:
    """The schema of a size; parse it with `size_bytes`, and show it as a `whole` number."""
    return _quantity("bytes", "integer", {"minimum": minimum, "maximum": maximum}, doc, words)


def duration(maximum: float, doc: str = "", words: str = "", **lowest: float) -> Schema:
    """The schema of a time; `lowest` is a `minimum` or an `exclusiveMinimum`, over 0 unless given.

    Parse it with `duration_seconds`, and show it as a number.
    """
    limits = {**(lowest or {"exclusiveMinimum": 0}), "maximum": maximum}
    return _quantity("seconds", "number", limits, doc, words)


def as_number(schema: Schema) -> Schema:
    """The schema of an answer, of that of a request for a quantity."""
    kind = next(each for each in schema["type"] if each != "string")
    left_out = (UNIT, "x-words")
    return {**{k: v for k, v in schema.items() if k not in left_out}, "type": kind}


def _quantity(unit: str, kind: str, limits: Mapping[str, float], doc: str, words: str) -> Schema:
    schema: dict[str, Any] = {"type": [kind, "string"], UNIT: unit, **limits}
    if doc:
        schema["description"] = doc
    if words:
        schema["x-words"] = words
    return schema
