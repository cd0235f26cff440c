"""Prints lists: as a table, as JSON or YAML that programs may rely on, or as bare names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import yaml

Item: TypeAlias = dict[str, Any]
FORMATS = ("table", "wide", "json", "yaml", "name")
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_CONTROL = dict.fromkeys([*range(32), 127, *range(128, 160)], "?")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table; only wide tables have the `wide` columns."""

    title: str
    text: Callable[[Item], object]
    wide: bool = False


def rendered(
    items: Sequence[Item], columns: Sequence[Column], how: str, quiet: bool, nothing: str
) -> str:
    """A list in one of `FORMATS`; a person reads `nothing` in place of an empty list."""
    if how == "json":
        return json.dumps(list(items), indent=2, sort_keys=True)
    if how == "yaml":
        return yaml.safe_dump(list(items), sort_keys=True, allow_unicode=True).rstrip("\n")
    if how == "name" or quiet:
        return "\n".join(clean(columns[0].text(item)) for item in items)
    if not items:
        return nothing
    chosen = [column for column in columns if how == "wide" or not column.wide]
    rows = [[clean(column.text(item)) for column in chosen] for item in items]
    return table([column.title for column in chosen], rows)


def in_order(items: Sequence[Item], column: Column) -> list[Item]:
    """Sort by a column as a person would: 10.0.0.9 before 10.0.0.11, web-2 before web-10."""

    def key(item: Item) -> list[tuple[int, str]]:
        parts = _DIGITS.split(clean(column.text(item)))
        return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]

    return sorted(items, key=key)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, separated by two blanks."""
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    lines = [titles, *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def clean(value: object) -> str:
    """The text without control characters, which could drive the terminal; "-" if it is empty."""
    if value is None or value == "":
        return "-"
    return str(value).translate(_CONTROL)
