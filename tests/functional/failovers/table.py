"""The table of outages, as text for docs/failover-table.rst and back; pure."""

from __future__ import annotations

from collections.abc import Mapping

from tests.functional.csv_table import csv_table
from tests.functional.failovers.faults import ROWS, Row
from tests.functional.failovers.outcome import Outcome

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""By the name of a row, and by that of a database."""

DATABASES = ("redis", "postgres")
COLUMNS = (
    *("outage", "database", "what comes of it", "stopped", "started", "answers", "silent"),
    *("lost", "of the last"),
)

HEAD = """\
============================
Outages that were played
============================

.. Made by "admin/test failovers" from what happened; not to be edited.

Two databases, redis and PostgreSQL, run on one node of a lab, with a second node that stands by for
them (``rpo_seconds`` 5) and the control service on a third one: real ZFS, Docker and ssh. They fail
over by themselves (``after_seconds`` {after_seconds}). Clients write numbered records all the time,
from outside by the addresses of both nodes, and on the primary's node itself, so that they go on
after its cable was pulled. Each record is on disk before it is acknowledged, and its bytes are
known. Something breaks; after what has to come of it everything is mended, and the service goes
home (``flockerctl failback``). In every row it was then seen that

* at no instant did a database run at two nodes, which were looked at from outside, by one clock,
  some twenty times a second; the old primary's processes were gone before the standby's began;
* every record that was acknowledged before the standby's snapshots were taken is there, and where
  nothing failed over, every record;
* each one that is lost to the service is in the copy that the old node set aside, byte for byte,
  and none of them was acknowledged after the standby had begun;
* the node that comes back starts nothing, stands by again, and the way home loses nothing.

"stopped" is when the old primary's last process was seen, "started" when the standby's first one
was, and "answers" when a client outside got the first answer from it: in seconds after the last of
the faults. Where the control service is dead, nothing starts for two and a half times
``after_seconds``; then it is started again while the rest stays broken. "silent" is the longest
time that no client got an answer. "lost" counts the records, of those "of the last" seconds before
the old primary ended. A Docker or a pool that hangs is no death of the node: its agent answers.
What hangs waits, or another node takes over by your word (``docs/failover.rst``).

"""


def render(outcomes: Outcomes, after_seconds: int) -> str:
    """The whole document."""
    lines = (
        (row.name, database, comes_of(row), *_cells(outcomes[row.name][database]))
        for row in ROWS
        for database in DATABASES
    )
    head = HEAD.format(after_seconds=after_seconds)
    return f"{head}{len(ROWS)} outages:\n\n{csv_table(COLUMNS, lines)}"


def comes_of(row: Row) -> str:
    """What comes of an outage, in words."""
    words = row.expected.value
    if row.mended_first is None or row.then is None:
        return words
    return f"{words}; once the {_mended(row)} is back: {row.then.value}"


def _mended(row: Row) -> str:
    assert row.mended_first is not None
    return row.mended_first.name.removesuffix(" dead").removesuffix(" pulled")


def _cells(outcome: Outcome) -> tuple[str, ...]:
    times = (outcome.stopped, outcome.started, outcome.answered, outcome.silent)
    lost = "" if outcome.lag is None else str(outcome.lost)
    return (*map(_seconds, times), lost, _seconds(outcome.lag))


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{max(seconds, 0.0):.1f} s"
