"""docs/failover-table.rst is about the outages that `admin/test failovers` plays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.functional.csv_table import rows
from tests.functional.failovers import table
from tests.functional.failovers.faults import ROWS
from tests.functional.failovers.outcome import Outcome
from tests.functional.failovers.runs import Runs, Span
from tests.functional.failovers.scene import longest_gap

DOCUMENT = Path(__file__).parent.parent / "docs" / "failover-table.rst"


def test_the_document_is_about_these_outages() -> None:
    """Whoever adds an outage plays all and makes the table anew."""
    found = rows(DOCUMENT.read_text())
    assert [(row["outage"], row["database"], row["what comes of it"]) for row in found] == [
        (row.name, database, table.comes_of(row)) for row in ROWS for database in table.DATABASES
    ]


def test_names_are_unique() -> None:
    """An outage is known by its name."""
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_outcomes_are_seen_in_the_table() -> None:
    """What came of an outage is found in its row."""
    found = dict.fromkeys(table.DATABASES, Outcome(1.0, 12.5, 13.0, 13.2, 4.0, 17, 400))
    first, *_ = rows(table.render({row.name: found for row in ROWS}, 10))
    assert (first["started"], first["lost"], first["of the last"]) == ("12.5 s", "17", "4.0 s")


def test_who_runs_twice_is_found() -> None:
    """Seen at one node before and after it was seen at the other; not one after the other."""
    nodes: Any = ()
    runs = Runs(nodes)
    first, second = frozenset({1}), frozenset({2})
    runs.spans["shop"] = [Span("n1", 1.0, 2.0, first, 2.1), Span("n2", 2.2, 3.0, second)]
    assert runs.twice() == []
    runs.spans["shop"] = [Span("n1", 1.0, 2.3, first), Span("n2", 2.2, 3.0, second)]
    assert len(runs.twice()) == 1


def test_the_longest_gap() -> None:
    """Between two answers; without two, there is none."""
    assert longest_gap([1.0, 2.0, 4.5, 5.0]) == 2.5
    assert longest_gap([1.0]) == 0.0
