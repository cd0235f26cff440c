"""What one container's fencing deadline is at this node: what was renewed, and what is armed."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from pyrsistent import pmap

from flocker_lite.interfaces.fencing import FencingRecord
from flocker_lite.model.fencing import primary
from flocker_lite.model.fencing.claims import Renewal
from flocker_lite.model.fencing.primary import CONTROL, NEVER, Counting, Primary
from flocker_lite.model.records import NodeId
from flocker_lite.planner.deadlines import UnderDeadline

START_SHARE = 0.5
"""A container starts only if so much of the time of a renewal is left."""

PASSED = "its fencing deadline passed, so this node ended it: "
WAITS = "it starts here once its fencing deadline is renewed by the control service{witnesses}"


class AskForRenewals(Protocol):
    """Asks one side for renewals; returns why not, by each container that it does not renew."""

    def __call__(self, renewals: tuple[Renewal, ...]) -> Awaitable[Mapping[str, str]]: ...


class Witnesses(Protocol):
    """The agents of the standbys, as this node reaches them."""

    def ask(
        self, node_id: NodeId, renewals: tuple[Renewal, ...]
    ) -> Awaitable[Mapping[str, str]]: ...  # pragma: no cover

    def keep(self, witnesses: frozenset[NodeId]) -> None:
        """No others are asked from now on."""


@dataclass
class Kept:
    """A container under a deadline. `armed` is the deadline that the fence has, as far as we know.

    `has_asked` says that a renewal may have been asked for, in this life of the agent or an earlier
    one: from then on the container may run only as long as the fence is armed. `is_renewed` says
    that one was granted in this life. `troubles` is what went wrong last, by who said it.
    """

    wanted: UnderDeadline
    primary: Primary
    has_asked: bool
    armed: float = NEVER
    has_passed: bool = False
    is_renewed: bool = False
    is_arming: bool = False
    next_ask_at: float = 0.0
    troubles: dict[str, str] = field(default_factory=dict)
    guarded: set[str] = field(default_factory=set)

    def may_start(self, now: float) -> bool:
        """Whether a renewal is in hand, the fence armed with it, and the deadline well ahead."""
        share = START_SHARE * self.primary.counting.after_seconds
        return self.is_renewed and not self.has_passed and self.armed > now + share

    def must_stop(self, now: float, is_running: bool) -> bool:
        """Whether it runs though nothing would end it at its deadline."""
        return is_running and self.has_asked and now >= self.armed

    def granted(self, by: str, asked: Renewal, asked_at: float) -> bool:
        """Somebody granted a renewal; returns whether the fence has to be armed anew."""
        self.primary = primary.granted(self.primary, by, asked, asked_at)
        until, witnesses = self.primary.until, self.primary.counting.witnesses
        by_all = bool(witnesses) and all(witness in until for witness in witnesses)
        self.is_renewed = self.is_renewed or by_all or CONTROL in until
        return self.is_renewed and self.primary.deadline > self.armed

    def ended(self) -> None:
        """The fence ends the container: it starts again with a new renewal."""
        self.armed, self.has_passed, self.is_renewed = NEVER, True, False
        self.primary = replace(self.primary, until=pmap())
        self.guarded.clear()

    def why_not(self) -> str:
        """Why it does not start, in words."""
        witnesses = ", or by all of its standbys" if self.primary.counting.witnesses else ""
        said = (PASSED if self.has_passed else "") + WAITS.format(witnesses=witnesses)
        return f"{said} ({'; '.join(self.troubles.values())})" if self.troubles else said

    def told(self, wanted: UnderDeadline, me: NodeId, now: float) -> None:
        """The control service, or a lease here, says something else now."""
        self.wanted = wanted
        before = self.primary
        if before.epochs != wanted.epochs:
            armed = None if self.has_passed else self.armed
            self.primary = primary.begun(
                wanted.container, me, wanted.epochs, before.counting, armed
            )
            self.is_renewed, self.next_ask_at = False, now
        self.primary = primary.told(self.primary, wanted.counting, wanted.is_owner, now)
        if self.primary.counting != before.counting:
            self.next_ask_at = now


def begun(
    wanted: UnderDeadline,
    me: NodeId,
    recorded: Counting | None,
    armed: float | None,
    is_running: bool,
    now: float,
) -> Kept:
    """A container of which this agent just heard; `armed` is the deadline that its fence has.

    `recorded` is what it was counted by last, in this life of the agent or an earlier one.
    """
    counting = recorded or wanted.counting
    first = primary.begun(wanted.container, me, wanted.epochs, counting, armed)
    first = primary.told(first, wanted.counting, wanted.is_owner, now)
    if is_running and recorded is None:
        # It ran without a deadline so far, so nobody counts on its end.
        first = primary.armed_first(first, now)
    return Kept(wanted, first, recorded is not None, NEVER if armed is None else armed)


def with_countings(record: FencingRecord, counted: Mapping[str, Counting]) -> FencingRecord:
    return replace(record, countings=record.countings.update(counted))


def without_counting(record: FencingRecord, name: str) -> FencingRecord:
    return replace(record, countings=record.countings.discard(name))


def witnesses_of(several: Iterable[UnderDeadline]) -> frozenset[NodeId]:
    """All witnesses that count for these."""
    return frozenset(
        witness for each in several if each.is_owner for witness in each.counting.witnesses
    )
