"""The rules of the fencing protocol, each left out: the simulation has to find what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.model.fencing import acknowledged, claims, control, primary, witness
from flocker_lite.model.fencing.acknowledged import Fencing
from flocker_lite.model.fencing.claims import Agreement, Renewal
from flocker_lite.model.fencing.control import Control
from flocker_lite.model.fencing.primary import CONTROL, NEVER, Primary
from flocker_lite.model.fencing.witness import Witness
from tests.simulation.fencing_world import World

Plant = Callable[[pytest.MonkeyPatch], None]


def witnesses(patch: pytest.MonkeyPatch) -> None:
    """A standby may be promoted although the primary has not said that it counts it."""
    hindrance = control.hindrance

    def believes(
        here: Control, name: str, standby: str, fencing: Fencing, *rest: Any
    ) -> str | None:
        return hindrance(here, name, standby, replace(fencing, witnesses=(standby,)), *rest)

    patch.setattr(control, "hindrance", believes)


def generation(patch: pytest.MonkeyPatch) -> None:
    """What the primary says that it counts is believed of any generation."""
    written = acknowledged.acknowledged

    def believes(fencing: Fencing, asked: Renewal, *rest: Any) -> Fencing:
        return written(fencing, replace(asked, generation=fencing.generation), *rest)

    patch.setattr(acknowledged, "acknowledged", believes)


def removed(patch: pytest.MonkeyPatch) -> None:
    """A standby that was removed and added again counts as a witness as before."""
    edit = acknowledged.reconfigured

    def keeps(fencing: Fencing | None, *rest: Any) -> Fencing:
        after = edit(fencing, *rest)
        return after if fencing is None else replace(after, witnesses=fencing.witnesses)

    patch.setattr(acknowledged, "reconfigured", keeps)


def restart_of_control(patch: pytest.MonkeyPatch) -> None:
    """The control service forgets its promises when it restarts."""
    patch.setattr(
        control,
        "promised_until",
        lambda here, name, fencing: control.watch_of(here, name).until,
    )


def restart_of_witness(patch: pytest.MonkeyPatch) -> None:
    """A standby's agent forgets its promises when it restarts."""
    patch.setattr(
        witness, "free_at", lambda here, proposal: here.promised.get(proposal.container, NEVER)
    )


def restart_of_primary(patch: pytest.MonkeyPatch) -> None:
    """A primary runs at once after a restart, before a renewal is in hand."""
    begun = primary.begun

    def rash(name: str, node: str, epochs: Any, counting: Any, armed: float | None) -> Primary:
        return replace(begun(name, node, epochs, counting, armed), deadline=float("inf"))

    patch.setattr(primary, "begun", rash)


def asked(patch: pytest.MonkeyPatch) -> None:
    """The primary counts from when it was granted a renewal."""
    run = World.granted

    def granted(self: World, node: Any, by: str, asked: Renewal, asked_at: float) -> None:
        run(self, node, by, asked, node.clock(self.now))

    patch.setattr(World, "granted", granted)


def every(patch: pytest.MonkeyPatch) -> None:
    """The primary goes on while any of its witnesses renews, instead of all."""

    def limit(here: Primary, until: Mapping[str, float]) -> float:
        granted = [until.get(each, NEVER) for each in here.counting.witnesses]
        return max(until.get(CONTROL, NEVER), max(granted, default=NEVER))

    patch.setattr(primary, "_limit", limit)


def agreed(patch: pytest.MonkeyPatch) -> None:
    """A standby that agreed goes on renewing."""
    renewed = witness.renewed

    def generous(here: Witness, *rest: Any) -> Witness | str:
        after = renewed(replace(here, agreements=pmap()), *rest)
        return after if isinstance(after, str) else replace(after, agreements=here.agreements)

    patch.setattr(witness, "renewed", generous)


def old(patch: pytest.MonkeyPatch) -> None:
    """Someone who knows a later epoch renews for an older one."""
    patch.setattr(witness, "is_older", lambda epochs, known: False)


def margin(patch: pytest.MonkeyPatch) -> None:
    """A promise lasts as long as the deadline, by clocks that differ and without a kill's time."""
    patch.setattr(claims, "margin_seconds", lambda after_seconds: 0.0)


def attempt(patch: pytest.MonkeyPatch) -> None:
    """An agreement to an attempt that was called off still counts."""
    refusal = control.refusal

    def any_attempt(here: Control, attempt: Any, standby: str, name: str, *rest: Any) -> str | None:
        watch = control.watch_of(here, name)
        if watch.proposal is None:
            fencing, owned, now = rest
            return control.hindrance(here, name, standby, fencing, owned, now)
        return refusal(here, watch.proposal.attempt, watch.standby or "", name, *rest)

    patch.setattr(control, "refusal", any_attempt)


def called_off(patch: pytest.MonkeyPatch) -> None:
    """A standby is told that its attempt was called off although it was promoted by it."""

    def soon(here: Control, agreement: Agreement, granted: Mapping[str, int]) -> bool:
        proposal = control.watch_of(here, agreement.container).proposal
        return proposal is None or proposal.attempt != agreement.attempt

    patch.setattr(control, "is_called_off", soon)


def promoting(patch: pytest.MonkeyPatch) -> None:
    """A renewal is granted while the edit that promotes a standby is on its way."""
    patch.setattr(control, "promoting", lambda here, name: here)


def destination(patch: pytest.MonkeyPatch) -> None:
    """The destination of a move counts witnesses before the control service knows it as owner."""
    told = primary.told
    patch.setattr(
        primary, "told", lambda here, counting, is_owner, now: told(here, counting, True, now)
    )


def written(patch: pytest.MonkeyPatch) -> None:
    """An agreement is in memory only."""
    start = World.start_agent

    def forgetful(self: World, node: Any) -> None:
        node.agreements = pmap()
        start(self, node)

    patch.setattr(World, "start_agent", forgetful)


def longest(patch: pytest.MonkeyPatch) -> None:
    """A shorter time counts at once, whatever deadline is left of before."""
    edit = acknowledged.reconfigured

    def forgets(fencing: Fencing | None, generation: str, standbys: Any, after: float) -> Fencing:
        edited = edit(fencing, generation, standbys, after)
        return replace(edited, longest_seconds=after)

    patch.setattr(acknowledged, "reconfigured", forgets)


def unfenced(patch: pytest.MonkeyPatch) -> None:
    """A container that ran under no deadline gets none before its first renewal."""
    patch.setattr(primary, "armed_first", lambda here, now: here)


MUTANTS: tuple[Plant, ...] = (
    witnesses,
    generation,
    removed,
    restart_of_control,
    restart_of_witness,
    restart_of_primary,
    asked,
    every,
    agreed,
    old,
    margin,
    attempt,
    called_off,
    promoting,
    destination,
    written,
    longest,
    unfenced,
)
