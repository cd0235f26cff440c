"""Fails containers over by themselves, once their nodes are unheard of and it is safe.

A container with data goes to a standby by an attempt of the fencing protocol (`model.fencing`): its
own node has stopped it by then. One without data starts on another of its nodes at once, since two
of it for a moment do no harm; the one that comes back finds out that it is configured elsewhere.
Each container that fails over has one timer; the others cost nothing. A node is pinged once for all
containers that ask at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.failover_news import FailoverNews
from flocker_lite.control.fences import Fences
from flocker_lite.control.promotions import ALIVE_SECONDS_MAX, Promotions
from flocker_lite.errors import Conflict, StoreError
from flocker_lite.model import edits
from flocker_lite.model.completion import is_idle
from flocker_lite.model.editing import EDIT_ERRORS
from flocker_lite.model.failover_rules import is_fenced
from flocker_lite.model.fenced_units import fenced_unit, ownership
from flocker_lite.model.records import Change, Configuration, Container, Edit, NodeId
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.renewals import NoRenewal

RETRY_SECONDS = 1.0
"""How long until a failover that was not possible is considered again."""

NOT_TO_RUN = "It is not to run."
CLOCK_SECONDS = 0.01


class Control(Protocol):
    """What is needed of the control service."""

    change_feed: ChangeFeed
    fences: Fences
    promotions: Promotions

    @property
    def configuration(self) -> Configuration: ...

    async def edit(self, function: Callable[[Configuration], Edit]) -> Edit: ...


class FailoverKeeper:
    """Watches the containers that fail over by themselves; `reasons` says why one does not.

    `link_of` is the connection of a node's agent.
    """

    log = Logger()

    def __init__(
        self,
        service: Control,
        clock: IReactorTime,
        link_of: Callable[[NodeId], Link | None],
    ) -> None:
        self._service = service
        self._fences = service.fences
        self._promotions = service.promotions
        self._clock = clock
        self._link_of = link_of
        self._timers: dict[str, IDelayedCall | None] = {}
        self._waiting: dict[str, Deferred[None]] = {}
        self._silent_since: dict[NodeId, float] = {}
        self.reasons: dict[str, str] = {}
        self._news = FailoverNews(
            lambda: service.configuration, self.shown, service.change_feed, clock
        )
        for container in service.configuration.containers.values():
            self._watch(container.name, container)

    def configured(self, changes: Iterable[Change]) -> None:
        """An edit has made these changes."""
        changes = tuple(changes)
        self._news.configured(changes)
        for change in changes:
            if change.kind == "containers":
                record = change.record
                self._watch(change.identity, record if isinstance(record, Container) else None)

    def shown(self, name: str) -> dict[str, object] | None:
        """Whether the container would fail over by itself, and why not; None if it never does."""
        container = self._service.configuration.containers.get(name)
        if container is None or container.failover is None or not container.failover.is_automatic:
            return None
        reason = self.reasons.get(name) or self._why_not(container)
        return {"armed": True} if reason is None else {"armed": False, "reason": reason}

    def _why_not(self, container: Container) -> str | None:
        """Why it would not fail over if its node died now."""
        configuration = self._service.configuration
        link = self._link_of(container.node)
        if is_idle(container):
            return NOT_TO_RUN
        if link is not None and link.is_local:
            return "The control service is on the same machine, and would die together with it."
        if not is_fenced(container):
            return None
        unit = fenced_unit(configuration, container.name)
        owned = ownership(configuration, container.name)
        if unit is None or owned is None or container.name not in configuration.fencings:
            return "Its datasets belong to several nodes."
        try:
            self._promotions.chosen(configuration, unit, owned)
        except EDIT_ERRORS as error:
            return str(error)
        return None

    def stop(self) -> None:
        """Cancel all timers."""
        self._news.stop()
        for name in list(self._timers):
            self._forget(name)

    def _watch(self, name: str, container: Container | None) -> None:
        failover = container.failover if container is not None else None
        is_automatic = failover is not None and failover.is_automatic
        if is_automatic or name in self._timers:
            self._news.look_at([name])
        if failover is None or not failover.is_automatic:
            self._forget(name)
            self._fences.forget([name])
        elif name not in self._timers:
            self._later(name, failover.after_seconds)

    def _forget(self, name: str) -> None:
        timer, waiting = self._timers.pop(name, None), self._waiting.pop(name, None)
        self.reasons.pop(name, None)
        if waiting is not None:
            waiting.cancel()
        if timer is not None and timer.active():
            timer.cancel()

    def _later(self, name: str, seconds: float) -> None:
        self._timers[name] = self._clock.callLater(seconds, self._look, name)

    def _look(self, name: str) -> None:
        self._timers[name] = None  # it is being considered
        considering = Deferred.fromCoroutine(self._consider(name))

        def considered(seconds: float | None) -> None:
            if name in self._timers:
                self._news.look_at([name])
                self._later(name, RETRY_SECONDS if seconds is None else seconds)

        considering.addErrback(
            lambda failure: self.log.failure("failing {name} over failed", failure, name=name)
        ).addCallback(considered)

    async def _consider(self, name: str) -> float:
        """Fail over if it is time; returns after how many seconds to look again."""
        configuration = self._service.configuration
        container = configuration.containers.get(name)
        if container is None or container.failover is None:
            return RETRY_SECONDS
        try:
            if is_fenced(container):
                wait = await self._consider_fenced(container)
            else:
                wait = await self._consider_plain(configuration, container)
        except (Conflict, NoRenewal, StoreError, *EDIT_ERRORS) as error:
            if self.reasons.get(name) != str(error):
                self.log.warn("{name} does not fail over: {why}", name=name, why=error)
            self.reasons[name] = str(error)
            return RETRY_SECONDS
        except CancelledError:
            return RETRY_SECONDS  # nobody wants to know any more
        self.reasons.pop(name, None)
        return wait

    async def _consider_fenced(self, container: Container) -> float:
        """Which nodes answer is asked just before the promise is over, since the dead ones do not.

        A renewal that comes meanwhile puts the end of the promise off.
        """
        left = self._promotions.left(container.name)
        if left is None:
            return RETRY_SECONDS
        if left > ALIVE_SECONDS_MAX:
            return left - ALIVE_SECONDS_MAX
        self._require_wanted(container)
        await self._promotions.require_one_death()
        left = self._promotions.left(container.name)
        if left is not None and 0 <= left <= ALIVE_SECONDS_MAX:
            await self._wait(container.name, left)
            left = self._promotions.left(container.name)
        if left is None or left >= 0:
            return max(RETRY_SECONDS if left is None else left - ALIVE_SECONDS_MAX, 0.0)
        configuration = self._service.configuration
        container = configuration.containers[container.name]
        self._require_wanted(container)
        unit = fenced_unit(configuration, container.name)
        owned = ownership(configuration, container.name)
        assert unit is not None
        assert owned is not None  # as it was found by `left` just now
        standby = self._promotions.chosen(configuration, unit, owned)
        await self._promotions.promote(container.name, standby)
        return RETRY_SECONDS

    async def _wait(self, name: str, seconds: float) -> None:
        """Wait for so long, and a little longer: the clock may stand exactly there."""
        self._waiting[name] = deferLater(self._clock, seconds + CLOCK_SECONDS)
        try:
            await self._waiting[name]
        finally:
            self._waiting.pop(name, None)

    def _require_wanted(self, container: Container) -> None:
        if is_idle(container):
            raise Conflict(NOT_TO_RUN)

    async def _consider_plain(self, configuration: Configuration, container: Container) -> float:
        """A container without data starts on the first of its nodes that is there."""
        failover = container.failover
        assert failover is not None
        wait = failover.after_seconds / 3
        if is_idle(container) or not await self._is_dead(container.node, failover.after_seconds):
            return wait
        await self._promotions.require_one_death()
        for node_id in failover.nodes:
            node = configuration.nodes.get(node_id)
            if node_id == container.node or node is None or not node.schedulable:
                continue
            if await self._promotions.answers_ping(node_id):
                move = partial(edits.move_container, name=container.name, where=node_id)
                await self._service.edit(move)
                self.log.warn(
                    "{name} failed over to node {node}", name=container.name, node=node_id
                )
                return wait
        raise Conflict("None of the other nodes where it may start is there.")

    async def _is_dead(self, node_id: NodeId, after_seconds: float) -> bool:
        """Whether nothing was heard of the node for so long, and it does not answer now."""
        link, now = self._link_of(node_id), self._clock.seconds()
        is_there = link is not None and (
            now - link.heard_at < after_seconds / 3 or await self._promotions.answers_ping(node_id)
        )
        if is_there:
            self._silent_since.pop(node_id, None)
            return False
        return now - self._silent_since.setdefault(node_id, now) >= after_seconds
