"""A group has one commit record: the text beside the lease, and the table of what becomes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.errors import LeaseError
from flocker_lite.model import lease, membership
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.membership import Fate, Membership
from flocker_lite.testing.strategies import EPOCHS, LEASES

B, C = "node-b", "node-c"
FIRST, SECOND = "d1", "d2"
MEMBER = Membership(4, B, FIRST, 8)
"""A dataset at epoch 3 that goes to B, whose coordinator is at epoch 7."""

GOING = (Lease(Role.RELEASING, 3, B), Lease(Role.LENT, 4, B, 45))
PROBATION, REPLICA = Lease(Role.PROBATION, 4), Lease(Role.REPLICA, 3)


@given(EPOCHS.filter(bool), st.sampled_from([B, C]), EPOCHS.filter(bool))
def test_text(epoch: int, peer: str, coordinator_epoch: int) -> None:
    """What is written is read back; what a later release adds at the end is skipped."""
    one = Membership(epoch, peer, FIRST, coordinator_epoch)
    assert membership.parse(str(one)) == one
    assert membership.parse(f"{one}:and:more") == one


@pytest.mark.parametrize(
    "text",
    [
        *("", "4", "4:b:d1", "4:b:d1:", "x:b:d1:8", "4:b:d1:x", "0:b:d1:8", "4:b:d1:0", "4::d1:8"),
        *("4:b::8", "-4:b:d1:8", " 4:b:d1:8", "4:b:d1:08", "04:b:d1:8", "4:b:d1:8 "),
    ],
)
def test_not_a_text(text: str) -> None:
    """Anything else is refused, and named."""
    with pytest.raises(LeaseError, match="not a membership in a handoff"):
        membership.parse(text)


def test_memberships() -> None:
    """All of a group name the same coordinator; a dataset that moves alone is a part of nothing."""
    leases = {SECOND: Lease(Role.PRIMARY, 3), FIRST: Lease(Role.PRIMARY, 7)}
    assert membership.memberships(leases, B) == {
        FIRST: Membership(8, B, FIRST, 8),
        SECOND: MEMBER,
    }
    assert membership.memberships({FIRST: Lease(Role.PRIMARY, 7)}, B) == {}


@pytest.mark.parametrize("held", GOING)
@pytest.mark.parametrize(
    ("coordinator", "expected"),
    [
        (Lease(Role.PRIMARY, 7), Fate.BACK),
        (Lease(Role.RELEASING, 7, B), Fate.BACK),
        (Lease(Role.LENT, 8, B, 45), Fate.BACK),
        (Lease(Role.PROBATION, 8), Fate.BACK),
        (Lease(Role.RELEASED, 8, B), Fate.FORWARD),
        (Lease(Role.REPLICA, 8), Fate.FORWARD),
        (Lease(Role.DEPOSED, 9), Fate.FORWARD),
        (Lease(Role.PROBATION, 9), Fate.FORWARD),
        (Lease(Role.PRIMARY, 9), Fate.FORWARD),
        (None, Fate.UNKNOWN),
    ],
)
def test_at_the_source(held: Lease, coordinator: Lease | None, expected: Fate) -> None:
    """What is not released follows its coordinator: forward once that is, back before."""
    assert membership.fate(MEMBER, held, coordinator) is expected


@given(LEASES | st.none())
def test_released(coordinator: Lease | None) -> None:
    """What is released is never taken back, whatever the coordinator."""
    assert membership.fate(MEMBER, Lease(Role.RELEASED, 4, B), coordinator) is Fate.FORWARD


@pytest.mark.parametrize("held", [PROBATION, REPLICA, Lease(Role.REPLICA, 1)])
@pytest.mark.parametrize(
    ("coordinator", "expected"),
    [
        (Lease(Role.PRIMARY, 8), Fate.FORWARD),
        (Lease(Role.PRIMARY, 7), Fate.OWN),
        (Lease(Role.PRIMARY, 9), Fate.OWN),
        (Lease(Role.PROBATION, 8), Fate.OWN),
        (Lease(Role.REPLICA, 7), Fate.OWN),
        (Lease(Role.REPLICA, 8), Fate.OWN),
        (None, Fate.OWN),
    ],
)
def test_at_the_destination(held: Lease, coordinator: Lease | None, expected: Fate) -> None:
    """Once the coordinator is primary there the others are, too, and are not given back."""
    assert membership.fate(MEMBER, held, coordinator) is expected


@pytest.mark.parametrize(
    "held",
    [
        None,
        Lease(Role.PRIMARY, 3),
        Lease(Role.PRIMARY, 4),
        Lease(Role.RELEASING, 3, C),
        Lease(Role.RELEASING, 4, B),
        Lease(Role.LENT, 4, C, 45),
        Lease(Role.LENT, 5, B, 45),
        Lease(Role.RELEASED, 5, B),
        Lease(Role.PROBATION, 5),
        Lease(Role.REPLICA, 4),
        Lease(Role.DEPOSED, 4),
    ],
)
def test_of_another_handoff(held: Lease | None) -> None:
    """What was written for another handoff does not count, and neither does nothing."""
    decided = Lease(Role.RELEASED, 8, B)
    assert membership.fate(MEMBER, held, decided) is Fate.OWN
    assert not membership.counts(MEMBER, held)
    assert membership.fate(None, GOING[0], decided) is Fate.OWN


@given(EPOCHS.filter(bool), EPOCHS.filter(bool), st.booleans(), st.integers(0, 5))
def test_cut_off_anywhere(epoch: int, other: int, trial: bool, steps: int) -> None:
    """After any number of steps, in the order of a handoff, both go in one direction."""
    held = {FIRST: Lease(Role.PRIMARY, epoch), SECOND: Lease(Role.PRIMARY, other)}
    parts = membership.memberships(held, B)
    order: list[Callable[[Lease], Lease]] = [
        lambda held: lease.begin_release(held, B),
        *([lambda held: lease.grant_trial(held, 45)] if trial else []),
        lease.commit,
    ]
    for step, each in list(itertools.product(order, (FIRST, SECOND)))[:steps]:
        held[each] = step(held[each])
    fates = {membership.fate(parts[each], held[each], held[FIRST]) for each in held}
    fates -= {Fate.OWN} if held[FIRST].role in lease.HOLDERS else set()
    assert fates <= ({Fate.BACK} if held[FIRST].role in lease.HOLDERS else {Fate.FORWARD})
