"""What a node does about an adoption, by what it is told and by what it has written down; pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap

from flocker_lite.model.adoption import (
    ADOPTED,
    COPIED,
    COPYING,
    RETURNED,
    STOPPED,
    STOPPING,
    Adopting,
    AdoptionNote,
)
from flocker_lite.model.lease import create
from flocker_lite.model.records import Container, Dataset, Grant, Move, Volume
from flocker_lite.model.state import DesiredDataset, LocalContainer, LocalDataset, NodeView
from flocker_lite.planner.adoption_changes import (
    CopyForeign,
    ForgetAdoption,
    ReturnForeign,
    TakeOver,
)
from flocker_lite.planner.changes import (
    CreateDataset,
    IStateChange,
    MountDataset,
    RemoveContainer,
    ResizeDataset,
    StartContainer,
    steps_of,
)
from flocker_lite.planner.groups import Local
from flocker_lite.planner.plan import plan

ME, OTHER = "me", "other"
D = "dddddddd-0000-4000-8000-00000000000d"
PG = Container("pg", ME, "pg:1", volumes=(Volume(D, "/data"),))
ADOPTING = Adopting("c0ffee", pmap({D: "/old"}))
MOVE = Move("m1", ME, ME, 0.0, "pg", (D,), adoption=ADOPTING)
STEPS = (COPYING, STOPPING, STOPPED, COPIED, ADOPTED, RETURNED)


def view(move: Move | None = MOVE, wanted: Container | None = PG) -> NodeView:
    """What the node is told."""
    dataset = DesiredDataset(Dataset(D, ME, deleted=wanted is None), Grant(ME))
    return NodeView(
        pmap({D: dataset}),
        pmap({} if wanted is None else {"pg": wanted}),
        adoptions=pmap({} if move is None else {"pg": move}),
    )


def local(note: AdoptionNote | None = None, have: str | None = None) -> Local:
    """What the node has: a mounted dataset, and our container in that status."""
    copy = LocalDataset(D, create(), mounted=True, path="/flocker/d")
    made = pmap({} if have is None else {"pg": LocalContainer(PG, have, "1")})
    notes = pmap({} if note is None else {"pg": note})
    return Local(pmap({D: copy}), made, adoptions=notes)


def planned(told: NodeView, here: Local) -> list[IStateChange]:
    """The steps of what the node does."""
    return [step for change in plan(ME, told, here) for step in steps_of(change)]


def kinds(told: NodeView, here: Local) -> list[type]:
    """Of which kinds they are."""
    return [type(step) for step in planned(told, here)]


def note(step: str, move_id: str = "m1", why: str | None = None) -> AdoptionNote:
    """What is written down."""
    return AdoptionNote(move_id, "c0ffee", step, why=why)


CANCELLED = replace(MOVE, adoption=replace(ADOPTING, cancelled=True))
ANOTHER = replace(MOVE, move_id="m2")


def test_begins() -> None:
    """First the dataset, then its mount and the copy, then the pause."""
    assert kinds(view(), Local()) == [CreateDataset]
    here = local()
    unmounted = replace(here.datasets[D], mounted=False)
    there = replace(here, datasets=pmap({D: unmounted}))
    assert kinds(view(), there) == [MountDataset, CopyForeign, TakeOver]
    assert kinds(view(), here) == [CopyForeign, TakeOver]


def test_size() -> None:
    """A dataset that was too small is made larger first."""
    here = local(note(COPYING))
    small = replace(here.datasets[D], maximum_size=5)
    there = replace(here, datasets=pmap({D: small}))
    assert kinds(view(), there) == [ResizeDataset, CopyForeign, TakeOver]


@pytest.mark.parametrize(
    ("told", "step", "wanted"),
    [
        (view(), COPYING, [CopyForeign, TakeOver]),
        (view(), STOPPING, [ReturnForeign]),
        (view(), STOPPED, [ReturnForeign]),
        (view(), COPIED, [ReturnForeign]),
        (view(), RETURNED, []),
        (view(CANCELLED), COPYING, [ReturnForeign]),
        (view(CANCELLED), COPIED, [ReturnForeign]),
        (view(CANCELLED), RETURNED, []),
        (view(None, None), COPYING, [ReturnForeign]),
        (view(None, None), COPIED, [ReturnForeign]),
        (view(None, None), RETURNED, [ForgetAdoption]),
        (view(None, None), ADOPTED, [ForgetAdoption]),
        (view(None), COPYING, [ReturnForeign]),
        (view(None), STOPPED, [ReturnForeign]),
        (view(None), RETURNED, []),
        (view(None), ADOPTED, [ForgetAdoption]),
        (view(ANOTHER), COPIED, [ReturnForeign]),
        (view(ANOTHER), RETURNED, [ForgetAdoption]),
    ],
)
def test_goes_on(told: NodeView, step: str, wanted: list[type]) -> None:
    """What is written down decides, and an adoption goes on from "copying" alone."""
    found = kinds(told, local(note(step)))
    assert [kind for kind in found if kind.__module__.endswith("adoption_changes")] == wanted


def test_cancelled_before_it_began() -> None:
    """What was made of it is removed; the other container was never touched."""
    assert kinds(view(CANCELLED), local()) == [ReturnForeign]


def test_why() -> None:
    """What went wrong is said, or else that the agent ended."""
    (change,) = planned(view(), local(note(STOPPED, why="no room")))
    assert isinstance(change, ReturnForeign)
    assert change.why == "no room"
    (change,) = planned(view(), local(note(STOPPED)))
    assert isinstance(change, ReturnForeign)
    assert "the agent ended" in change.why
    (change,) = planned(view(), local(note(COPYING, why="the pause would be 9 s")))
    assert isinstance(change, ReturnForeign)
    assert change.why == "the pause would be 9 s"


def test_ours_is_removed_before_another_adoption() -> None:
    """A container that an adoption left behind is gone before the next one begins."""
    assert kinds(view(ANOTHER), local(note(RETURNED), "created")) == [RemoveContainer]


def test_adopted() -> None:
    """From the commit point on it is a container like any other."""
    assert kinds(view(), local(note(ADOPTED), "exited")) == [StartContainer]
    assert kinds(view(), local(note(ADOPTED), "running")) == []


@given(
    st.sampled_from([None, MOVE, CANCELLED, ANOTHER]),
    st.sampled_from([None, PG]),
    st.sampled_from([None, *STEPS]),
    st.sampled_from([None, "created", "running", "exited"]),
    st.booleans(),
)
def test_never_started_otherwise(
    move: Move | None, wanted: Container | None, step: str | None, have: str | None, fails: bool
) -> None:
    """Only the pause itself starts ours before the commit point, and only after it is known to
    be the first to do so; a container of which nothing is noted is planned as any other."""
    written = None if step is None else note(step, why="it failed" if fails else None)
    found = kinds(view(move, wanted), local(written, have))
    is_adopted = step == ADOPTED
    is_ordinary = step is None and move is None
    if StartContainer in found:
        assert is_adopted or is_ordinary
    if TakeOver in found:
        assert step in (None, COPYING)
        assert not fails or step is None
        assert move is not None
        assert move.adoption is not None
        assert not move.adoption.cancelled
