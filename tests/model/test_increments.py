"""Which snapshot a send starts from, and which are needed no more."""

from __future__ import annotations

import re
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flocker_lite.model.increments import (
    EPOCHS_KEPT_MAX,
    TOLD_MAX,
    USERS_SENT_MAX,
    Diverged,
    Full,
    Increment,
    Parted,
    kept,
    last_pushed,
    next_name,
    next_send,
    prunable,
    told,
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
    ours = [item for item in reversed(snapshots) if OURS.fullmatch(item.name)]
    last = {item.name.split("-")[2]: item for item in reversed(ours)}
    recent = sorted(last.values(), key=ours.index)[:EPOCHS_KEPT_MAX]
    assert set(recent) <= set(left)


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


@given(SNAPSHOTS, SNAPSHOTS)
def test_next_send_finds_the_newest_common(source: Snapshots, target: Snapshots) -> None:
    """It is looked for among all snapshots of both; what the target has after it is told."""
    newest = target[-1] if target else None
    here = {snapshot.guid for snapshot in source}
    match next_send(source, True, newest, target):
        case Increment(base, steps):
            assert newest is not None
            assert base.guid == newest.guid
            assert all(source.index(step) > source.index(base) for step in steps)
            assert not {step.name for step in steps} & {item.name for item in target}
        case Parted(base, after):
            assert base.guid in {snapshot.guid for snapshot in target}
            assert after == target[-len(after) :]
            assert not {snapshot.guid for snapshot in after} & here
        case Diverged(there, evidence):
            assert (there, evidence) == (source, newest)
            assert not {snapshot.guid for snapshot in target} & here
        case other:
            raise AssertionError(other)


@given(SNAPSHOTS)
def test_nothing_there_needs_all(source: Snapshots) -> None:
    """Without a copy all is sent: what is kept first, and with it the users' snapshots."""
    assert next_send((), False, None) == Full()
    sent = next_send(source, False, None)
    assert isinstance(sent, Full)
    needless = prunable(source, frozenset())
    assert sent.steps == tuple(item for item in source if item not in needless)


def test_users_snapshots_travel() -> None:
    """The newest ones, in their order, and none that an older peer or another name forbids."""
    base, last = Snapshot("flocker-lite-1-1", "a"), Snapshot("flocker-lite-1-2", "z")
    users = tuple(Snapshot(f"cron-{number}", str(number)) for number in range(USERS_SENT_MAX + 5))
    source = (base, *users, last)
    assert next_send(source, True, base, (base,)) == Increment(base, (*users[5:], last))
    assert next_send(source, True, base) == Increment(base, (last,))
    there = (Snapshot("cron-7", "other"), base)
    without = tuple(user for user in users[5:] if user.name != "cron-7")
    assert next_send(source, True, base, there) == Increment(base, (*without, last))


@given(st.integers(0, 3 * TOLD_MAX), st.integers(1, 9))
def test_told(number: int, each: int) -> None:
    """So many, in their order; the newest is among them, and of ours the latest."""
    snapshots = tuple(
        Snapshot(f"flocker-lite-1-{place}" if place % each == 1 else f"cron-{place}", str(place))
        for place in range(1, number + 1)
    )
    some = told(snapshots)
    assert len(some) == min(number, TOLD_MAX)
    assert some == tuple(item for item in snapshots if item in some)
    assert some[-1:] == snapshots[-1:]
    assert last_pushed(some) == last_pushed(snapshots)


class Ring:
    """Nodes that hand a dataset on to one another, as far as snapshots are concerned."""

    def __init__(self, nodes: int, hears: bool) -> None:
        self.copies: list[Snapshots] = [()] * nodes
        self.owner, self.epoch, self.guids = 0, 1, count(1)
        self.hears = hears
        self.full = 0

    def bases(self, *but: int) -> frozenset[str]:
        """What is known, from reports, of what the copies of the other nodes end with."""
        ends = [last_pushed(copy) for node, copy in enumerate(self.copies) if node not in but]
        return frozenset(end.guid for end in ends if end is not None) if self.hears else frozenset()

    def push(self, target: int) -> None:
        """One round: what is kept, then a new snapshot, and what is needed no more goes."""
        source, there = self.copies[self.owner], self.copies[target]
        bases = self.bases(self.owner)
        match next_send(source, bool(there), there[-1] if there else None, there, bases):
            case Full(steps):
                self.full += 1
            case Increment(base, steps):
                assert base == there[-1]
            case other:
                raise AssertionError(other)
        new = Snapshot(next_name(self.epoch, source), f"guid-{next(self.guids)}")
        self.copies[self.owner], self.copies[target] = (*source, new), (*there, *steps, new)
        self.prune(self.owner, bases | {new.guid})
        self.prune(target, kept(self.copies[self.owner], bases | {new.guid}))

    def prune(self, node: int, keep: frozenset[str]) -> None:
        needless = prunable(self.copies[node], keep)
        self.copies[node] = tuple(item for item in self.copies[node] if item not in needless)

    def move(self, target: int, rounds: int) -> None:
        for _ in range(rounds):
            self.push(target)
        self.owner, self.epoch = target, self.epoch + 1


@given(st.integers(2, 5), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=80))
def test_random_walks(nodes: int, walk: list[tuple[int, int]]) -> None:
    """Each node gets all once; then every round is an increment, and few snapshots stay.

    Some pushes end before anything is handed over.
    """
    ring = Ring(nodes, hears=True)
    for target, rounds in walk:
        if target >= nodes or target == ring.owner:
            continue
        if rounds == 0:
            ring.push(target)
        else:
            ring.move(target, rounds)
    assert ring.full == sum(bool(copy) for copy in ring.copies) - bool(ring.copies[0])
    assert all(len(copy) <= EPOCHS_KEPT_MAX + nodes for copy in ring.copies)


@pytest.mark.parametrize("nodes", [2, 3, 4])
def test_rings_without_reports(nodes: int) -> None:
    """In a ring of up to four the latest epochs suffice, whatever is heard of the others."""
    ring = Ring(nodes, hears=False)
    for _ in range(200):
        ring.move((ring.owner + 1) % nodes, 2)
    assert ring.full == nodes - 1
    assert all(len(copy) <= EPOCHS_KEPT_MAX for copy in ring.copies)


def test_diverged_says_what_was_found() -> None:
    """The evidence can be read."""
    parted = Parted(Snapshot("flocker-lite-1-1", "1"), (Snapshot("stash-2", "2"),))
    assert "stash-2" in str(parted)
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


def test_a_user_took_the_last_of_our_names() -> None:
    """There is another name for the next push, which is then the last, and which is kept."""
    highest = "9" * 16
    taken = Snapshot(f"flocker-lite-2-{highest}", "a")
    fakes = (taken, *(Snapshot(f"flocker-lite-{highest[:-1]}{end}-1", end) for end in "123"))
    snapshots = fakes
    for guid in ("b", "c"):
        snapshots = (*snapshots, Snapshot(next_name(2, snapshots), guid))
        assert last_pushed(snapshots) == snapshots[-1]
        assert len({each.name for each in snapshots}) == len(snapshots)
        assert snapshots[-1] not in prunable(snapshots, frozenset())


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
