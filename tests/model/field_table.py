"""The tables in docs/containers.rst of the fields of a container, made of their declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flocker_lite.model import compose
from flocker_lite.model.container import Container
from flocker_lite.model.fields import Row, rows

PATH = Path(__file__).resolve().parents[2] / "docs" / "containers.rst"
COLUMNS_MAX = 99


def table() -> list[tuple[str, str]]:
    """Each field of a container, and what it says."""
    return [
        ("field", "what it says"),
        *((f"``{row.name}``", _words(row)) for row in rows(Container)),
    ]


def compose_table() -> list[tuple[str, str]]:
    """Each key of a service in a Compose file, and what becomes of it."""
    return [("key", "here"), *((f"``{key}``", _here(key)) for key in compose.KEYS)]


TABLES = {
    "fields": table,
    "compose keys": compose_table,
}


def with_tables(text: str, tables: Mapping[str, Callable[[], list[tuple[str, str]]]]) -> str:
    """The document with the tables of now, by their names, between their marks."""
    for name, lines in tables.items():
        begin = f".. {name}\n"
        end = f"\n.. end of the {name}\n"
        before, found, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        assert found, begin
        assert found_end, end
        text = f"{before}{begin}\n{list_table(lines())}{end}{after}"
    return text


def list_table(lines: Sequence[tuple[str, ...]]) -> str:
    """As reStructuredText; the first line is the heading."""
    text = [".. list-table::", "   :header-rows: 1", ""]
    for first, *others in lines:
        text.append(f"   * - {first}")
        for each in others:
            text += _cell(each)
    return "\n".join(text) + "\n"


def _cell(words: str) -> list[str]:
    """The lines of a cell."""
    return textwrap.wrap(
        words,
        COLUMNS_MAX,
        initial_indent="     - ",
        subsequent_indent="       ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _here(key: str) -> str:
    row = compose.field_of(key)
    if row is None:
        return f"refused: {compose.advice(key)}"
    name = "supported" if row.name == key else f"supported, as ``{row.name}``"
    return f"{name}; needs ``allow``" if "``allow``" in row.about.doc else name


def _words(row: Row) -> str:
    notes = ["Required."] if row.about.required else []
    if row.about.protocol > 1:
        notes.append(f"Agents know it from protocol {row.about.protocol} on.")
    return " ".join([row.about.doc, *notes])


if __name__ == "__main__":
    PATH.write_text(with_tables(PATH.read_text("utf-8"), TABLES), "utf-8")
