"""The table in docs/api.rst of what Flocker 0.4 answers otherwise, made of the rows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.conformance.rows import Row
from tests.conformance.test_conformance import ROWS

PATH = Path(__file__).resolve().parents[2] / "docs" / "api.rst"
MARK = ".. differences\n"


def table(rows: Iterable[Row]) -> str:
    """The table as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += ["   * - what", "     - here", "     - Flocker 0.4"]
    for row in rows:
        if row.differs is not None:
            subject = row.table.partition(" ")[2]
            what = f"{subject}: {row.name}" if subject else row.name
            statuses = dict.fromkeys(str(step.status) for step in row.steps)
            lines += [f"   * - {what}", f"     - {', '.join(statuses)}", f"     - {row.differs}"]
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The document with the table of now at its end."""
    before, mark, _ = text.partition(MARK)
    return f"{before}{mark}\n{table(ROWS)}"


if __name__ == "__main__":
    PATH.write_text(with_table(PATH.read_text("utf-8")), "utf-8")
