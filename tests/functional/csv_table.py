"""One csv-table of a document in reStructuredText: as its text, and back; pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

INDENT = "   "


def csv_table(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """The table with these columns and lines."""
    header = ", ".join(f'"{name}"' for name in columns)
    body = io.StringIO()
    csv.writer(body, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(lines)
    indented = "".join(f"{INDENT}{line}\n" for line in body.getvalue().splitlines())
    return f".. csv-table::\n{INDENT}:header: {header}\n\n{indented}"


def rows(document: str) -> list[dict[str, str]]:
    """The lines of the only table in a document, each by the names of its columns."""
    _, _, table = document.partition(".. csv-table::")
    head, _, body = table.strip().partition("\n\n")
    names = next(csv.reader([head.partition(":header:")[2].strip()], skipinitialspace=True))
    return list(csv.DictReader((line.strip() for line in body.splitlines()), fieldnames=names))
