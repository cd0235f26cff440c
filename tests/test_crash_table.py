"""docs/crash-table.rst is about the steps and faults that `admin/test crashes` plays."""

from __future__ import annotations

from pathlib import Path

from tests.functional.crashes import journal, table
from tests.functional.crashes.outcome import Outcome
from tests.functional.crashes.steps import ANNOUNCED, CELLS, SHORT, STEPS, Fault, applies
from tests.functional.crashes.watcher import writable_mounts
from tests.functional.csv_table import rows

DOCUMENT = Path(__file__).parent.parent / "docs" / "crash-table.rst"


def test_the_document_is_about_these_steps_and_faults() -> None:
    """Whoever adds a step, or a fault, plays all and makes the table anew."""
    found = rows(DOCUMENT.read_text())
    assert [(row["step"], row["node"]) for row in found] == [
        (step.name, step.where.value) for step in STEPS
    ]
    assert all(list(row)[2:] == [fault.value for fault in Fault] for row in found)


def test_each_cell_of_the_document_says_what_it_should() -> None:
    """An outcome, or that it was not played yet, wherever the fault applies to the step."""
    found = {row["step"]: row for row in rows(DOCUMENT.read_text())}
    for step in STEPS:
        for fault in Fault:
            cell = found[step.name][fault.value]
            says = cell.startswith(("on, ", "back, ", "stays, ")) or cell == table.NOT_PLAYED
            assert says == applies(step, fault), (step.name, fault.value, cell)
            assert says != (cell == table.NOT_APPLICABLE)


def test_outcomes_are_seen_in_the_table() -> None:
    """What a cell says is found in its row and its column."""
    cell = (ANNOUNCED, Fault.SSH)
    (row,) = [
        row
        for row in rows(table.render({cell: Outcome(True, 1.25, 3.0)}))
        if row["step"] == ANNOUNCED.name
    ]
    assert row[Fault.SSH.value] == "back, 1.2 s"
    assert row[Fault.ZFS.value] == table.NOT_PLAYED


def test_names_are_unique() -> None:
    """A step is known by its name."""
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_the_short_part_has_every_fault() -> None:
    """What runs with each check is a part of the whole, and leaves out no fault."""
    assert set(SHORT) <= set(CELLS)
    assert {fault for _, fault in SHORT} == set(Fault)


def test_what_a_journal_complains_of() -> None:
    """A lost record, one that is there twice, and one that came after a later one."""
    assert journal.complaints([1, 2, 4], [1, 2, 3, 4]) == []
    assert journal.complaints([1, 2, 4], [1, 2, 4, 3]) == []
    assert journal.complaints([1, 2], [1]) == ["acknowledged and lost: [2]"]
    assert journal.complaints([1, 2], [1, 2, 2]) == ["more than once there: [2]"]
    assert journal.complaints([1, 2], [2, 1]) == ["after records that were acknowledged later: [1]"]


def test_which_mounts_are_writable() -> None:
    """Those below the mount root that are not read-only."""
    line = "{} 29 0:50 / {} {},relatime shared:1 - fuse.zfs pool/x rw"
    text = "\n".join(
        (
            line.format(81, "/flocker/one", "rw"),
            line.format(82, "/flocker/two", "ro"),
            line.format(83, "/other", "rw"),
        )
    )
    assert writable_mounts(text) == {"81 /flocker/one"}
