"""Fencing by the link to the control service: asks it for renewals, and agrees to promotions."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from flocker_lite.convergence.renewals import Renewals
from flocker_lite.convergence.witnessing import Witnessing
from flocker_lite.errors import FlockerError
from flocker_lite.model.fencing.claims import Proposal, Renewal
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.renewals import AGREEMENT_SECONDS_MAX, Asked, NoRenewal, ask

TELL_SECONDS = 5.0
"""How often a node that agreed to a promotion asks what came of that."""

WAIT_SECONDS_MAX = AGREEMENT_SECONDS_MAX / 2
"""Who may agree within this time waits for that; the control service waits for the answer."""

CLOCK_SECONDS = 0.01
"""So much longer, as the clock may stand exactly there."""


class ControlFencing:
    """What this agent and the control service say to each other about fencing deadlines."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, renewals: Renewals, witnessing: Witnessing) -> None:
        self._clock = clock
        self._witnessing = witnessing
        self._link: Link | None = None
        self._telling: IDelayedCall | None = None
        self._told: Deferred[None] | None = None
        renewals.ask_control = self.ask

    def connected(self, link: Link) -> None:
        """This link leads to the control service from now on."""
        self._link = link
        self._tell_soon()

    def lost(self) -> None:
        """No link leads there."""
        self._link = None

    def stop(self) -> None:
        """Say nothing more."""
        self.lost()
        if self._telling is not None and self._telling.active():
            self._telling.cancel()
        if self._told is not None:
            self._told.cancel()

    async def ask(self, renewals: tuple[Renewal, ...]) -> Mapping[str, str]:
        """Ask for renewals; returns why not, for each container that is not renewed."""
        if self._link is None:
            raise NoRenewal("it cannot be reached")
        asked = Asked(renewals, self._witnessing.agreements)
        answered = await ask(self._link, self._clock, asked)
        await self._witnessing.called_off(answered.called_off)
        granted = frozenset(answered.granted)
        return {
            renewal.container: answered.refused.get(renewal.container, "it does not renew this")
            for renewal in renewals
            if renewal.container not in granted
        }

    async def agree(self, proposal: Proposal) -> None:
        """Agree to be promoted; NoRenewal with the reason when that cannot be.

        The promise of this node may be over a moment after that of the control service.
        """
        try:
            soon = self._witnessing.free_in_seconds(proposal)
            if 0 <= soon <= WAIT_SECONDS_MAX:
                await deferLater(self._clock, soon + CLOCK_SECONDS)
            await self._witnessing.agree(proposal)
        except FlockerError as error:
            raise NoRenewal(str(error)) from None
        self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None or not self._telling.active():
            self._telling = self._clock.callLater(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        """Ask what came of the agreements, though no container here needs a renewal."""
        if self._link is None or not self._witnessing.agreements:
            return
        self._tell_soon()
        if self._told is None:
            self._told = Deferred.fromCoroutine(self._ask_what_came_of_them())
            self._told.addBoth(self._is_told)

    async def _ask_what_came_of_them(self) -> None:
        await self.ask(())

    def _is_told(self, result: Failure | None) -> None:
        self._told = None
        if isinstance(result, Failure) and not result.check(FlockerError, CancelledError):
            self._log.failure("cannot ask what came of agreements", result)
