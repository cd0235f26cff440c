"""The table of every step and every fault, as text for docs/crash-table.rst and back; pure."""

from __future__ import annotations

from collections.abc import Mapping

from tests.functional.crashes.outcome import Outcome
from tests.functional.crashes.steps import CELLS, STEPS, Fault, Step, applies
from tests.functional.csv_table import csv_table

Outcomes = Mapping[tuple[Step, Fault], Outcome]

NOT_APPLICABLE = "-"
NOT_PLAYED = "not played"

HEAD = """\
================
Crash anywhere
================

.. Made by "admin/test crashes" from what happened; not to be edited.

What becomes of a move that is struck while it stands at a step. A database (redis, each record on
disk before it is acknowledged) moves from one node of a lab to another one, on real ZFS, Docker
and ssh, while a client appends numbered records. In some of the moves the container has two or
three datasets, and beside the database a program in it writes numbers to all of them in turn, each
on disk before the next: "2 of 3" is a step with the second of three, of which the first
coordinates. The move is halted before, in the middle of, or
after the command that makes up the step; the fault strikes; the command goes on; a second later
the service that was killed is started again, or after three seconds the network comes back.

In every cell it was then seen that

* the container runs at the target, once, and nowhere else ("stays": at the source);
* no record that was acknowledged is lost, twice there, or out of order;
* wherever the container started, its datasets were of one instant;
* at no instant did the container run, or have its dataset mounted writable, at both nodes, which
  were looked at some thirty times a second;
* while the move stood still, the lease of one node alone let it write;
* in the end one node is the primary and the other a replica, and what is deleted then is gone.

"on" means that the move went on from where it was, "back" that the container ran at the source
again and was moved anew. Of a container with a health check, whose data are lent until its copy is
healthy, "stays" means that it was given back to the source for good. The figure is the longest
time that the client, which gives up after a second and tries the other node, went without an
acknowledgement: what the fault itself lasts is in it, and so is what else the machine did.

What strikes:

"""

WORDS = {
    Fault.SOURCE_AGENT: "the source's agent is killed (SIGKILL), and started again",
    Fault.TARGET_AGENT: "the target's agent is killed, and started again",
    Fault.CONTROL: "the control service is killed, and started again",
    Fault.SSH: "every ssh with which the source speaks to the target is killed",
    Fault.ZFS: "the ``zfs`` process that the step consists of is killed",
    Fault.NETWORK: "all that the two nodes send to each other is lost for a while",
    Fault.LATE: "the agent is killed and started again, and what it had begun goes on only then",
}


def render(outcomes: Outcomes) -> str:
    """The whole document."""
    words = "".join(f"{fault.value}\n    {WORDS[fault]}\n" for fault in Fault)
    columns = ("step", "node", *(fault.value for fault in Fault))
    lines = (
        (step.name, step.where.value, *(_cell(step, fault, outcomes) for fault in Fault))
        for step in STEPS
    )
    counted = f"{len(STEPS)} steps, {len(CELLS)} cells"
    return f"{HEAD}{words}\n{counted}:\n\n{csv_table(columns, lines)}"


def _cell(step: Step, fault: Fault, outcomes: Outcomes) -> str:
    if not applies(step, fault):
        return NOT_APPLICABLE
    outcome = outcomes.get((step, fault))
    return str(outcome) if outcome is not None else NOT_PLAYED
