"""The loans of this node: what it may run on trial and until when, and what it lent itself.

The borrower counts from when it asks, the lender from when it grants, which is later; both by a
clock that never jumps. So the borrower's loan ends first. Nothing of it is remembered by a new
process: one that finds itself on probation has no loan any more, and one that finds something lent
waits for as long as it could have been lent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock

from flocker_lite.interfaces import IFence
from flocker_lite.model.lease import Lease
from flocker_lite.model.records import DatasetId, HealthCheck

LOAN_EXTRA_SECONDS = 15
"""What mounting, starting and the first answer may take, beside the start period."""

GIVE_BACK_SECONDS = 3.0
"""An agent that lives ends a loan so much earlier than its fence would."""

MARGIN_SECONDS = 10.0
"""How much longer than the loan the lender waits for who does not say that it gave it back."""

TICK_SECONDS = 0.5

NO_LOAN = "there is no loan of it"
FENCE_ENDS = "its fence has ended it, or was killed itself"


def loan_seconds(check: HealthCheck) -> int:
    """How long a loan a container with this health check needs."""
    return int(check.start_period_seconds + check.timeout_seconds) + LOAN_EXTRA_SECONDS


@dataclass
class _Loan:
    """What was offered for one container; `over` says in words why it has ended."""

    dataset_ids: frozenset[DatasetId]
    ends_at: float
    over: str | None = None
    acquired: set[DatasetId] = field(default_factory=set)


class Loans:
    """`clock` provides IReactorTime, `now` seconds that never jump (its zero means nothing).

    `changed` is called when a loan has ended, `kept` with the name of a container whose datasets
    are its own from now on, `lost` with that of one whose datasets were given back.
    """

    def __init__(self, clock: Any, now: Callable[[], float], fence: IFence) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.kept: Callable[[str], None] = lambda _: None
        self.lost: Callable[[str], Awaitable[None]] = _nothing
        self._clock = clock
        self._now = now
        self._fence = fence
        fence.lost = self._fence_ends
        self._began = now()
        self._loans: dict[str, _Loan] = {}
        self._lent_until: dict[DatasetId, float] = {}
        self._turns: WeakValueDictionary[DatasetId, DeferredLock] = WeakValueDictionary()
        self._tick: Any = None

    @asynccontextmanager
    async def turn(self, dataset_id: DatasetId) -> AsyncIterator[None]:
        """Between a look at a copy and the change of its lease, nobody else may change it."""
        turn = self._turns.get(dataset_id)
        if turn is None:
            turn = self._turns[dataset_id] = DeferredLock()
        await turn.acquire()
        try:
            yield
        finally:
            turn.release()

    # As borrower

    async def ask(self, container: str, dataset_ids: Iterable[DatasetId], seconds: float) -> None:
        """Count from now on; anew, when it was asked for before and is not on trial yet."""
        ids = frozenset(dataset_ids)
        self._loans[container] = _Loan(ids, self._now() + seconds)
        await self._fence.arm(container, ids, seconds)
        self._watch()

    async def guard(self, container: str, instance: str) -> None:
        """Have its fence know what it is that will run on trial, before it may write."""
        await self._fence.guard(container, instance)

    def is_offered(self, container: str, dataset_id: DatasetId) -> bool:
        """Whether the loan of it was asked for, and goes on."""
        loan = self._loans.get(container)
        return loan is not None and dataset_id in loan.dataset_ids and self._goes_on(loan)

    @property
    def on_trial(self) -> frozenset[DatasetId]:
        """What may be run here for now."""
        return frozenset().union(
            *(loan.dataset_ids for loan in self._loans.values() if self._goes_on(loan))
        )

    def over(self, container: str) -> str | None:
        """Why the loan of a container has ended, in words; None while it goes on."""
        loan = self._loans.get(container)
        if loan is None:
            return NO_LOAN
        return loan.over if loan.over is not None or self._goes_on(loan) else "the loan is over"

    def end(self, container: str, why: str) -> None:
        """It is not to be run here any more."""
        loan = self._loans.get(container)
        if loan is not None and loan.over is None:
            loan.over = why
            self.changed()

    def end_those_of(self, dataset_ids: Iterable[DatasetId], why: str) -> None:
        """The lender wants these back."""
        ids = frozenset(dataset_ids)
        for container, loan in list(self._loans.items()):
            if ids & loan.dataset_ids:
                self.end(container, why)

    async def acquired(self, dataset_id: DatasetId) -> None:
        """One of them is this node's own now."""
        for container, loan in list(self._loans.items()):
            if dataset_id in loan.dataset_ids:
                loan.acquired.add(dataset_id)
                if loan.acquired == loan.dataset_ids:
                    del self._loans[container]
                    self.kept(container)
                    await self._fence.disarm(container)

    async def given_back(self, container: str) -> None:
        """It was stopped, and its datasets are replicas again."""
        if self._loans.pop(container, None) is not None:
            await self._fence.disarm(container)
            await self.lost(container)

    async def settle(self, dataset_ids: Iterable[DatasetId]) -> None:
        """None of these is on trial here: what is over of them is given back, whoever did it."""
        ids = frozenset(dataset_ids)
        for container, loan in list(self._loans.items()):
            if loan.dataset_ids <= ids and not self._goes_on(loan):
                await self.given_back(container)

    def stop(self) -> None:
        """The process ends; the fence stays."""
        if self._tick is not None and self._tick.active():
            self._tick.cancel()

    # As lender

    def lent(self, dataset_id: DatasetId, seconds: float) -> None:
        """It was granted just now."""
        self._lent_until[dataset_id] = self._now() + seconds + MARGIN_SECONDS

    def still_lent_seconds(self, dataset_id: DatasetId, lease: Lease) -> float:
        """How long a borrower that says nothing may still use it; 0 when it does not for sure."""
        unknown = self._began + (lease.seconds or 0) + MARGIN_SECONDS
        return max(0.0, self._lent_until.get(dataset_id, unknown) - self._now())

    def _fence_ends(self, container: str) -> None:
        """What was kept that very moment is no loan any more, and is started again."""
        self.end(container, FENCE_ENDS)

    def _goes_on(self, loan: _Loan) -> bool:
        return loan.over is None and self._now() < loan.ends_at - GIVE_BACK_SECONDS

    def _watch(self) -> None:
        if self._tick is None or not self._tick.active():
            self._tick = self._clock.callLater(TICK_SECONDS, self._look)

    def _look(self) -> None:
        """Delayed calls follow a clock that may jump: so the other one is looked at often."""
        if self._loans:
            self._watch()
        for container, loan in list(self._loans.items()):
            if loan.over is None and not self._goes_on(loan):
                self.end(container, "the loan is over")


async def _nothing(_: str) -> None:
    """Nobody wants to know."""
