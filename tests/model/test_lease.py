"""The lease: its text, and that it only ever changes as its table says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.errors import LeaseError
from flocker_lite.model import lease
from flocker_lite.model.lease import Lease, Role
from flocker_lite.testing.strategies import EPOCHS, LEASES

B = "node-b"
STEPS: dict[str, Callable[[Lease], Lease]] = {
    "begin_release": lambda held: lease.begin_release(held, B),
    "lend": lambda held: lease.grant_trial(held, 45),
    "borrow": lambda held: lease.start_trial(held, held.epoch + 1),
    "give_back": lease.give_back,
    "reclaim": lease.reclaim,
    "commit": lease.commit,
    "settle": lease.settle,
    "acquire": lambda held: lease.acquire(held, held.epoch + 1),
    "demote": lambda held: lease.demote(held, held.epoch + 1),
    "promote": lambda held: lease.promote(held, held.epoch + 2),
    "rejoin": lease.rejoin,
    "replicate": lambda held: lease.replicate(held, held.epoch + 1),
}
TABLE = {
    (Role.PRIMARY, "begin_release"): Lease(Role.RELEASING, 7, B),
    (Role.PRIMARY, "demote"): Lease(Role.DEPOSED, 8),
    (Role.RELEASING, "reclaim"): Lease(Role.PRIMARY, 7),
    (Role.RELEASING, "commit"): Lease(Role.RELEASED, 8, B),
    (Role.RELEASING, "demote"): Lease(Role.DEPOSED, 8),
    (Role.RELEASING, "lend"): Lease(Role.LENT, 8, B, 45),
    (Role.LENT, "demote"): Lease(Role.DEPOSED, 8),
    (Role.LENT, "reclaim"): Lease(Role.PRIMARY, 6),
    (Role.LENT, "commit"): Lease(Role.RELEASED, 7, B),
    (Role.REPLICA, "borrow"): Lease(Role.PROBATION, 8),
    (Role.PROBATION, "give_back"): Lease(Role.REPLICA, 6),
    (Role.RELEASED, "settle"): Lease(Role.REPLICA, 7),
    (Role.REPLICA, "acquire"): Lease(Role.PRIMARY, 8),
    (Role.REPLICA, "promote"): Lease(Role.PRIMARY, 9),
    (Role.PRIMARY, "promote"): Lease(Role.PRIMARY, 9),
    (Role.DEPOSED, "rejoin"): Lease(Role.REPLICA, 7),
    (Role.REPLICA, "replicate"): Lease(Role.REPLICA, 8),
}


@given(LEASES)
def test_text(held: Lease) -> None:
    """A lease is what its text says."""
    assert lease.parse(str(held)) == held


@given(st.text(max_size=20))
def test_any_other_text_is_refused(text: str) -> None:
    """What is not exactly the text of a lease is none."""
    try:
        held = lease.parse(text)
    except LeaseError:
        return
    assert str(held) == text


@pytest.mark.parametrize(
    "text",
    ["", "-", "primary", "primary:-1", "primary:1:node-b", "releasing:1", "replica:01", "owner:1"],
)
def test_no_lease(text: str) -> None:
    """A role, an epoch and a peer where there is one, and nothing else."""
    with pytest.raises(LeaseError):
        lease.parse(text)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("role", Role)
def test_only_the_steps_of_the_table(role: Role, step: str) -> None:
    """Each role and each step: what the table says, or LeaseError."""
    going = role in (Role.RELEASING, Role.LENT, Role.RELEASED)
    held = Lease(role, 7, B if going else None, 45 if role is Role.LENT else None)
    if (role, step) in TABLE:
        assert STEPS[step](held) == TABLE[role, step]
    else:
        with pytest.raises(LeaseError):
            STEPS[step](held)


def test_what_was_on_trial_is_acquired_in_the_same_epoch() -> None:
    """The epoch of a trial is the one that is released in the end."""
    assert lease.acquire(Lease(Role.PROBATION, 8), 8) == Lease(Role.PRIMARY, 8)
    for epoch in (7, 9):
        with pytest.raises(LeaseError):
            lease.acquire(Lease(Role.PROBATION, 8), epoch)


@given(LEASES, st.sampled_from(sorted(STEPS.keys() - {"give_back", "reclaim"})))
def test_epochs_never_go_back(held: Lease, step: str) -> None:
    """No step leads to an earlier epoch."""
    try:
        after = STEPS[step](held)
    except LeaseError:
        return
    assert after.epoch >= held.epoch


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(sorted(STEPS))), max_size=40))
def test_two_nodes_are_never_both_primary(history: list[tuple[int, str]]) -> None:
    """In any order of steps, where a node acquires only what the other has released to it."""
    names = ("node-a", "node-b")
    held = [lease.create(), lease.replicate(None, 1)]
    for who, step in history:
        other = held[1 - who]
        released = Lease(Role.RELEASED, other.epoch, names[who])
        try:
            if step == "begin_release":
                held[who] = lease.begin_release(held[who], names[1 - who])
            elif step == "acquire" and other == released:
                held[who] = lease.acquire(held[who], other.epoch)
            elif step == "settle" and other.epoch >= held[who].epoch:
                held[who] = lease.settle(held[who]) if other.role is Role.PRIMARY else held[who]
            elif step in ("reclaim", "commit"):
                held[who] = STEPS[step](held[who])
        except LeaseError:
            continue
        writers = [item for item in held if item.role in (Role.PRIMARY, Role.RELEASING)]
        assert len(writers) <= 1


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(sorted(STEPS))), max_size=60))
def test_failovers_with_proof_never_make_two_writers(history: list[tuple[int, str]]) -> None:
    """In any order of steps, where the grant goes to a node while the other one is deposed."""
    names = ("node-a", "node-b")
    held, grant = [lease.create(), lease.replicate(None, 1)], (0, 1)
    for who, step in history:
        other = held[1 - who]
        try:
            if step == "begin_release":
                held[who] = lease.begin_release(held[who], names[1 - who])
            elif step == "acquire" and other == Lease(Role.RELEASED, other.epoch, names[who]):
                held[who] = lease.acquire(held[who], other.epoch)
                grant = (who, other.epoch)
            elif step == "promote" and grant[0] == 1 - who and other.role is Role.DEPOSED:
                grant = (who, grant[1] + 2)
                held[who] = lease.promote(held[who], grant[1])
            elif step == "demote":
                # The proof comes first: the other node may not know the grant yet.
                held[who] = lease.demote(held[who], grant[1] + 1)
            elif step in ("reclaim", "commit", "rejoin"):
                held[who] = STEPS[step](held[who])
        except LeaseError:
            continue
        assert len([item for item in held if item.role in (Role.PRIMARY, Role.RELEASING)]) <= 1


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["force", *sorted(STEPS)]))))
def test_forced_failovers_never_make_two_writers_of_an_epoch(
    history: list[tuple[int, str]],
) -> None:
    """By a person's word there may be two for a moment; the earlier one never writes again."""
    names = ("node-a", "node-b", "node-c")
    held = [lease.create(), lease.replicate(None, 1), lease.replicate(None, 1)]
    grants = [(0, 1)]
    for who, step in history:
        owner, epoch = grants[-1]
        other = held[(who + 1) % 3]
        try:
            if step == "force" and who != owner and held[who].role is Role.REPLICA:
                grants.append((who, epoch + 2))
            elif step == "promote" and who == owner and len(grants) > 1:
                held[who] = lease.promote(held[who], epoch)
            elif step == "demote" and who != owner:
                held[who] = lease.demote(held[who], epoch)
            elif step == "begin_release" and held[who].epoch >= epoch:
                held[who] = lease.begin_release(held[who], names[(who + 2) % 3])
            elif step == "acquire" and other == Lease(Role.RELEASED, other.epoch, names[who]):
                held[who] = lease.acquire(held[who], other.epoch)
                if other.epoch > epoch:
                    grants.append((who, other.epoch))
            elif step in ("reclaim", "commit", "rejoin"):
                held[who] = STEPS[step](held[who])
        except LeaseError:
            continue
        epochs = [item.epoch for item in held if item.role in (Role.PRIMARY, Role.RELEASING)]
        assert len(set(epochs)) == len(epochs)


@given(EPOCHS, EPOCHS)
def test_acquire_needs_a_later_epoch(held: int, epoch: int) -> None:
    """What was acquired once is not acquired again by a late message."""
    if epoch > held:
        assert lease.acquire(Lease(Role.REPLICA, held), epoch) == Lease(Role.PRIMARY, epoch)
    else:
        with pytest.raises(LeaseError):
            lease.acquire(Lease(Role.REPLICA, held), epoch)


def test_acquire_needs_a_copy() -> None:
    """A node without a copy becomes primary of nothing."""
    with pytest.raises(LeaseError, match="no copy"):
        lease.acquire(None, 2)
