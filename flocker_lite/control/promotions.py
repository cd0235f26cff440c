"""Promotes a standby once the old primary's deadline has passed, by the rules of `model.fencing`.

What is promoted is a fenced unit: a container with its data, or a volume of Docker's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Protocol

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.control.failovers import Failovers
from flocker_lite.control.fences import Fences
from flocker_lite.errors import Conflict
from flocker_lite.model.failover_edits import fail_over
from flocker_lite.model.failover_prospects import Facts, weigh
from flocker_lite.model.fenced_units import FencedUnit, fenced_unit, ownership
from flocker_lite.model.fencing import control
from flocker_lite.model.fencing.control import Ownership
from flocker_lite.model.moves import Moment
from flocker_lite.model.nodes import is_placeholder
from flocker_lite.model.records import Configuration, Edit, NodeId
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.renewals import propose
from flocker_lite.shared_asking import SharedAsking

ALIVE_SECONDS_MAX = 1.5
"""A node that does not answer a ping in this time counts as away, when another one is."""


class Control(Protocol):
    """What is needed of the control service."""

    failovers: Failovers
    fences: Fences

    @property
    def configuration(self) -> Configuration: ...

    async def edit(self, function: Callable[[Configuration], Edit]) -> Edit: ...


class Promotions:
    """Finds out whether a standby may take over by itself, and has it do so.

    `link_of` is the connection of a node's agent, `moment` what an edit of moves needs to know.
    """

    _log = Logger()

    def __init__(
        self,
        service: Control,
        clock: IReactorTime,
        link_of: Callable[[NodeId], Link | None],
        moment: Callable[[], Moment],
    ) -> None:
        self._service = service
        self._fences = service.fences
        self._clock = clock
        self._link_of = link_of
        self._moment = moment
        self._pings = SharedAsking(self._answers_ping)
        self._rounds = SharedAsking(self._answering)
        self._at_work: set[str] = set()

    async def take_over(self, name: str, standby: NodeId) -> None:
        """Have this standby take over a unit that it wants; raises what speaks against that."""
        left = self.left(name)
        if left is None:
            raise Conflict("Nothing there ends at a deadline what uses it.")
        if left >= 0:
            raise Conflict(
                f"what uses it there ends in {math.ceil(left)} s at the latest, if nobody hears of "
                "that node until then"
            )
        await self.require_one_death()
        configuration = self._service.configuration
        unit, owned = fenced_unit(configuration, name), ownership(configuration, name)
        if unit is None or owned is None:
            raise Conflict("It was configured otherwise meanwhile.")
        await self.promote(name, self.chosen(configuration, unit, owned, (standby,)))

    def left(self, name: str) -> float | None:
        """In how many seconds all promises of the unit are over; None if it has no fencing."""
        configuration = self._service.configuration
        fencing = configuration.fencings.get(name)
        if fencing is None or ownership(configuration, name) is None:
            return None
        return control.promised_until(self._fences.state, name, fencing) - self._clock.seconds()

    async def require_one_death(self) -> None:
        """Conflict if so many nodes are away that the control service is likely cut off itself."""
        nodes = frozenset(
            node.node_id
            for node in self._service.configuration.nodes.values()
            if not is_placeholder(node)
        )
        away = len(nodes) - await self._rounds.answer(nodes)
        if away > 1 and 3 * away > len(nodes):
            raise Conflict(
                f"{away} of {len(nodes)} nodes are away: that looks like a cut at the control "
                "service, so nothing fails over by itself."
            )

    async def answers_ping(self, node_id: NodeId) -> bool:
        """Whether the agent of a node answers now; it is asked once for all who want to know."""
        return await self._pings.answer(node_id)

    def chosen(
        self,
        configuration: Configuration,
        unit: FencedUnit,
        owned: Ownership,
        among: Collection[NodeId] | None = None,
    ) -> NodeId:
        """The standby with the smallest lag, `among` these; Conflict says why there is none."""
        fencing = configuration.fencings[unit.name]
        facts = self._facts(owned)
        heard_at = self._fences.heard_at.get(unit.name, self._clock.seconds())
        whys: list[str] = []
        found: list[tuple[float, NodeId]] = []
        for node_id in fencing.witnesses:
            if among is not None and node_id not in among:
                continue
            prospect = weigh(configuration, unit.subject, node_id, facts, heard_at)
            address = configuration.nodes[node_id].address
            if prospect.why_not is not None or prospect.loses_seconds is None:
                whys.append(prospect.why_not or f"{address} cannot take over.")
            elif prospect.loses_seconds > unit.max_lag_seconds:
                whys.append(
                    f"The data at {address} was {prospect.loses_seconds:.0f} s older, and "
                    f"max_lag_seconds is {unit.max_lag_seconds}."
                )
            else:
                found.append((prospect.loses_seconds, node_id))
        if not found:
            raise Conflict(" ".join(whys) or "Its node has not said yet which standbys it counts.")
        return min(found)[1]

    def _facts(self, owned: Ownership) -> Facts:
        """What is reported, and that the deadline of the owner has passed."""
        return replace(
            self._service.failovers.facts, is_fenced=lambda _, node_id: node_id == owned.owner
        )

    async def promote(self, name: str, standby: NodeId) -> None:
        """Have the standby agree, and make it the owner; raises what speaks against that.

        There is one attempt for a unit at a time: what another one's standby agreed to could be
        called off while the edit of this one is under way.
        """
        if name in self._at_work:
            raise Conflict("A standby is being asked to take over.")
        self._at_work.add(name)
        try:
            await self._attempt(name, standby)
        finally:
            self._at_work.discard(name)

    async def _attempt(self, name: str, standby: NodeId) -> None:
        configuration = self._service.configuration
        fencing, owned = configuration.fencings[name], ownership(configuration, name)
        assert owned is not None
        now = self._clock.seconds()
        why = control.hindrance(self._fences.state, name, standby, fencing, owned, now)
        link = self._link_of(standby)
        if why is not None or link is None:
            raise Conflict(why or "The standby's agent is away.")
        self._fences.state = control.proposed(self._fences.state, name, fencing, owned, standby)
        proposal = control.watch_of(self._fences.state, name).proposal
        assert proposal is not None
        silent = now - self._fences.heard_at.get(name, now)
        self._log.info(
            "{name}: its node is unheard of for {silent:.3f} s; asking {node}",
            name=name,
            node=standby,
            silent=silent,
        )
        promoted_at: float | None = None
        try:
            await propose(link, self._clock, proposal)
            self._require_allowed(self._service.configuration, name, standby)
            self._fences.state = control.promoting(self._fences.state, name)
            await self._service.edit(partial(self._promotion, name=name, standby=standby))
            promoted_at = self._clock.seconds()
            self._log.warn("{name} failed over to node {node}", name=name, node=standby)
        finally:
            watch = control.watch_of(self._fences.state, name)
            if watch.proposal == proposal:
                seconds = fencing.longest_seconds
                self._fences.state = control.ended(self._fences.state, name, promoted_at, seconds)

    def _require_allowed(
        self, configuration: Configuration, name: str, standby: NodeId
    ) -> Ownership:
        """Conflict if nothing comes of the attempt any more."""
        fencing, owned = configuration.fencings.get(name), ownership(configuration, name)
        proposal = control.watch_of(self._fences.state, name).proposal
        if fencing is None or owned is None or proposal is None:
            raise Conflict("The attempt was called off.")
        now, state = self._clock.seconds(), self._fences.state
        why = control.refusal(state, proposal.attempt, standby, name, fencing, owned, now)
        if why is not None:
            raise Conflict(why)
        return owned

    def _promotion(self, before: Configuration, name: str, standby: NodeId) -> Edit:
        owned = self._require_allowed(before, name, standby)
        unit, moment = fenced_unit(before, name), self._moment()
        if unit is None:
            raise Conflict("It was configured otherwise meanwhile.")
        facts = self._facts(owned)
        return fail_over(before, unit.subject, standby, facts, moment, automatic=True)

    async def _answering(self, nodes: frozenset[NodeId]) -> int:
        """How many of the nodes answer."""
        return sum(await gatherResults([self._pings.answer(node_id) for node_id in sorted(nodes)]))

    async def _answers_ping(self, node_id: NodeId) -> bool:
        link = self._link_of(node_id)
        return link is not None and await link.is_alive(ALIVE_SECONDS_MAX)
