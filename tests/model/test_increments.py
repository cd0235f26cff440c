"""Which snapshot a send starts from, and which are needed no more."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.increments import (
    EPOCHS_KEPT_MAX,
    Diverged,
    Full,
    Increment,
    last_pushed,
    next_name,
    next_send,
    prunable,
)
from flocker_lite.model.state import Snapshot
from flocker_lite.testing.strategies import SNAPSHOTS

Snapshots = tuple[Snapshot, ...]
OURS = re.compile(r"flocker-lite-\d+-\d+")


@given(SNAPSHOTS, st.frozensets(st.integers(0, 99).map(str)))
def test_prunable(snapshots: Snapshots, keep: frozenset[str]) -> None:
    """Never what a user made, nor what is to be kept; never the last of a recent epoch."""
    pruned = prunable(snapshots, keep)
    assert all(OURS.fullmatch(snapshot.name) for snapshot in pruned)
    assert not {snapshot.guid for snapshot in pruned} & keep
    left = [item for item in snapshots if item not in pruned and OURS.fullmatch(item.name)]
    epochs = {int(item.name.split("-")[2]) for item in snapshots if OURS.fullmatch(item.name)}
    recent = sorted(epochs)[-EPOCHS_KEPT_MAX:]
    assert set(recent) <= {int(item.name.split("-")[2]) for item in left}


@given(SNAPSHOTS)
def test_pruning_is_done_at_once(snapshots: Snapshots) -> None:
    """What is left needs no more pruning, and without anything to keep few are left."""
    pruned = prunable(snapshots, frozenset())
    left = tuple(snapshot for snapshot in snapshots if snapshot not in pruned)
    assert prunable(left, frozenset()) == ()
    assert len([item for item in left if OURS.fullmatch(item.name)]) <= EPOCHS_KEPT_MAX


@given(SNAPSHOTS, SNAPSHOTS)
def test_next_send_goes_by_guid(source: Snapshots, target: Snapshots) -> None:
    """An increment starts at the target's newest snapshot, by whatever name it goes here."""
    newest = target[-1] if target else None
    match next_send(source, True, newest):
        case Increment(base):
            assert newest is not None
            assert base.guid == newest.guid
            assert base in source
        case Diverged(there, evidence):
            assert (there, evidence) == (source, newest)
            assert newest is None or newest.guid not in {item.guid for item in source}
        case other:
            raise AssertionError(other)


@given(SNAPSHOTS)
def test_nothing_there_needs_all(source: Snapshots) -> None:
    """Without a copy all is sent."""
    assert next_send(source, False, None) == Full()


def test_diverged_says_what_was_found() -> None:
    """The evidence can be read."""
    found = next_send((), True, Snapshot("cron", "17"))
    assert "cron" in str(found)
    assert "17" in str(found)


@given(SNAPSHOTS, st.integers(1, 6))
def test_next_name_is_free(snapshots: Snapshots, epoch: int) -> None:
    """A new name, of the epoch, which sorts after those of the epoch that are there."""
    name = next_name(epoch, snapshots)
    assert name not in {snapshot.name for snapshot in snapshots}
    with_new = (*snapshots, Snapshot(name, "new"))
    of_epoch = tuple(item for item in with_new if item.name.startswith(f"flocker-lite-{epoch}-"))
    assert last_pushed(of_epoch) == Snapshot(name, "new")


def test_last_pushed_is_not_a_users() -> None:
    """A snapshot that cron took since the last push is not the last push."""
    pushed = Snapshot("flocker-lite-2-10", "b")
    snapshots = (Snapshot("flocker-lite-2-9", "a"), pushed, Snapshot("cron", "c"))
    assert last_pushed(snapshots) == pushed
    assert last_pushed((Snapshot("cron", "c"),)) is None


def test_a_user_took_a_name_of_ours() -> None:
    """Whatever the numbers in it, what was pushed after it is the last that was pushed."""
    pushed = Snapshot("flocker-lite-2-1", "b")
    assert last_pushed((Snapshot("flocker-lite-50-1", "a"), pushed)) == pushed


@pytest.mark.parametrize(
    "name",
    [
        "flocker-lite-01-1",
        "flocker-lite-1-01",
        "flocker-lite-0-1",
        "flocker-lite-1-0",
        "flocker-lite-1-1 ",
        "flocker-lite-1-1-1",
        "flocker-lite-\u0661-1",
        f"flocker-lite-{'9' * 17}-1",
    ],
)
def test_what_only_looks_like_ours(name: str) -> None:
    """No push gives such a name, so it is a user's, and stays."""
    likes = tuple(Snapshot(name, str(number)) for number in range(9))
    assert prunable(likes, frozenset()) == ()
    assert last_pushed(likes) is None
    assert next_name(1, likes) == "flocker-lite-1-1"
