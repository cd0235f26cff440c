"""Answers agents that ask for renewals of fencing deadlines; `model.fencing` has the protocol.

What a primary counts is written down before its renewal is granted. What was granted is in memory:
a control service that starts counts as having promised everything at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

from twisted.internet.interfaces import IReactorTime

from flocker_lite.errors import StoreError
from flocker_lite.model.editing import EDIT_ERRORS, edited
from flocker_lite.model.fenced_units import common_standbys, fenced_unit, ownership
from flocker_lite.model.fencing import control
from flocker_lite.model.fencing.acknowledged import Fencing, acknowledged
from flocker_lite.model.fencing.claims import Agreement, Renewal
from flocker_lite.model.records import Change, Configuration, Edit, NodeId
from flocker_lite.protocol.renewals import Answered, Asked


class Control(Protocol):
    """What is needed of the control service."""

    @property
    def configuration(self) -> Configuration: ...

    async def edit(self, function: Callable[[Configuration], Edit]) -> Edit: ...


class Fences:
    """What this run of the control service has promised; `clock` must be monotonic.

    `heard_at` is when the last renewal of each container was granted.
    """

    def __init__(self, service: Control, clock: IReactorTime) -> None:
        self._service = service
        self._clock = clock
        self.state = control.Control(uuid4().hex, clock.seconds())
        self.heard_at: dict[str, float] = {}

    async def answer(self, node_id: NodeId, asked: Asked) -> Answered:
        """What a node is granted, with why not, and which of its agreements are called off."""
        refused: dict[str, str] = {}
        left: list[Renewal] = []
        for renewal in asked.renewals:
            stored = self._written(self._service.configuration, renewal)
            if isinstance(stored, str) or renewal.primary != node_id:
                refused[renewal.container] = str(stored)
            else:
                left.append(renewal)
        await self._write_down(left)
        granted = []
        for renewal in left:
            configuration = self._service.configuration
            stored = self._written(configuration, renewal)
            if stored == configuration.fencings.get(renewal.container):
                now = self._clock.seconds()
                self.state = control.granted(self.state, renewal, now)
                self.heard_at[renewal.container] = now
                granted.append(renewal.container)
            else:
                why = stored if isinstance(stored, str) else "it could not be written down"
                refused[renewal.container] = why
        off = tuple(each.attempt for each in asked.agreements if self._is_called_off(each))
        return Answered(tuple(granted), Answered().refused.update(refused), off)

    def forget(self, containers: Iterable[str]) -> None:
        """These containers are deleted; the promises stay."""
        for name in containers:
            self.heard_at.pop(name, None)

    async def _write_down(self, renewals: list[Renewal]) -> None:
        """Write down what these primaries count, if anything of it is new."""
        if not self._noted(self._service.configuration, renewals).changes:
            return
        try:
            await self._service.edit(lambda before: self._noted(before, renewals))
        except (StoreError, *EDIT_ERRORS):
            return  # what was not written down is not granted

    def _noted(self, before: Configuration, renewals: list[Renewal]) -> Edit:
        changes = []
        for renewal in renewals:
            stored = self._written(before, renewal)
            if isinstance(stored, Fencing):
                changes.append(Change("fencings", renewal.container, stored))
        return edited(before, changes)

    def _written(self, configuration: Configuration, asked: Renewal) -> Fencing | str:
        """What has to be written down before this renewal is granted; or why it is not granted."""
        fencing = configuration.fencings.get(asked.container)
        unit = fenced_unit(configuration, asked.container)
        owned = ownership(configuration, asked.container)
        if fencing is None or unit is None or owned is None:
            return "it is not configured to fail over by itself"
        why = control.rejection(self.state, asked, owned)
        if why is not None:
            return why
        if asked.primary != owned.owner:
            longest = max(fencing.longest_seconds, asked.after_seconds)
            return replace(fencing, longest_seconds=longest)
        standbys = common_standbys(configuration, unit.subject.dataset_ids)
        return acknowledged(fencing, asked, standbys, unit.after_seconds)

    def _is_called_off(self, agreement: Agreement) -> bool:
        grants = self._service.configuration.grants
        known = {each: grants[each].epoch for each in agreement.epochs if each in grants}
        return control.is_called_off(self.state, agreement, known)
