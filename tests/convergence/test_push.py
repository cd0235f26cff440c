"""A push as an agent runs it: its account, its limits, its misses, and how it is cut off."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from flocker_lite.errors import Busy
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import MoveOptions
from flocker_lite.planner.switch_policy import PACE_SECONDS
from tests.convergence.pushes import CONTENT, DATASETS, PRIMARY, D, Pushes

SLOW = 100
"""Bytes per second: a round takes about 12 s."""

ROUND_SECONDS = 12.0


def test_moves() -> None:
    """Without any wishes it is pushed until rounds do not shrink, and handed over."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination)
    pushes.run(5 * ROUND_SECONDS)
    assert pushes.lease(pushes.destination) == Lease(Role.PRIMARY, 2)
    assert pushes.lease(pushes.source) == Lease(Role.REPLICA, 2)
    progress = pushes.progress()
    assert progress.phase == "done"
    assert len(progress.rounds) == 3
    assert progress.rounds[0].since_seconds == 0
    assert progress.rounds[1].since_seconds == pytest.approx(progress.rounds[0].seconds, abs=1.0)
    assert progress.sent_bytes == sum(done.sent_bytes for done in progress.rounds)


def test_tells_how_far_it_is() -> None:
    """While a round goes on, and never more than what is expected."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination, MoveOptions())
    seen = []
    for _ in range(20):
        pushes.run(1.0)
        progress = pushes.progress()
        seen.append(progress.sent_bytes or 0)
        assert progress.expected_bytes is None or seen[-1] <= progress.expected_bytes
    assert seen == sorted(seen)
    assert len(set(seen)) > 15
    assert pushes.progress().move_id == "move"
    assert pushes.progress().predicted_pause_seconds is None
    pushes.run(5.0)
    predicted = pushes.progress().predicted_pause_seconds
    assert predicted is not None
    assert predicted == pytest.approx(ROUND_SECONDS, abs=2.0)
    pushes.run(ROUND_SECONDS)
    assert pushes.progress().phase == "done"
    assert pushes.progress().predicted_pause_seconds == predicted


def test_last_snapshot() -> None:
    """The account names the one that was handed over."""
    pushes = Pushes()
    pushes.want(pushes.destination)
    pushes.run(1.0)
    last = pushes.destination.storage.copies[D].local.snapshots[-1]
    assert pushes.progress().last_guid == last.guid


def test_several_datasets_take_turns() -> None:
    """Each lap has a round of every dataset, so that none is stale at the switch."""
    order: list[str] = []
    pushes = Pushes(DATASETS)

    async def before(method: str, dataset_id: str) -> None:
        if method == "send":
            order.append(dataset_id)

    pushes.source.storage.before = before
    pushes.want(pushes.destination)
    pushes.run(1.0)
    first, second = order[:2]
    assert {first, second} == set(DATASETS)
    assert order[:4] == [first, second] * 2
    for dataset_id in DATASETS:
        assert pushes.lease(pushes.destination, dataset_id) == Lease(Role.PRIMARY, 2)


def test_limit_changes_while_it_runs_and_is_lifted_for_the_last_send() -> None:
    """A user may give way to other traffic, and take that back."""
    pushes = Pushes()
    pushes.want(pushes.destination, MoveOptions(bandwidth_limit=10))
    pushes.run(10.0)
    assert pushes.progress().sent_bytes == pytest.approx(100, abs=20)
    pushes.want(pushes.destination, MoveOptions(bandwidth_limit=SLOW))
    pushes.run(10.0)
    assert pushes.progress().sent_bytes == pytest.approx(1000, abs=200)
    pushes.run(5 * ROUND_SECONDS)
    progress = pushes.progress()
    assert progress.phase == "done"
    assert progress.rounds[-2].seconds > ROUND_SECONDS / 2
    assert progress.rounds[-1].seconds == 0


def test_a_forced_miss() -> None:
    """What cannot be kept is switched all the same, when its user says so."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination, MoveOptions(0.5, None, "force"))
    pushes.run(5 * ROUND_SECONDS)
    assert pushes.progress().phase == "done"


def test_an_aborted_miss() -> None:
    """It stays where it is, the account has the figures, and it is not tried again."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination, MoveOptions(0.5, None, "abort"))
    pushes.run(3 * ROUND_SECONDS)
    progress = pushes.progress()
    assert progress.phase == "rolled back"
    assert progress.error is not None
    assert "smallest reachable pause" in progress.error
    assert pushes.lease(pushes.source) == PRIMARY
    assert pushes.source.storage.copies[D].local.mounted
    pushes.run(120.0)
    assert pushes.progress() == progress


def test_an_aborted_move_is_tried_again_when_asked_for_in_another_way() -> None:
    """Other options are another wish."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination, MoveOptions(0.5, None, "abort"))
    pushes.run(3 * ROUND_SECONDS)
    pushes.want(pushes.destination, MoveOptions(), move_id="another")
    pushes.run(120.0)
    assert pushes.progress().phase == "done"
    assert pushes.progress().move_id == "another"


def test_a_deadline_cuts_a_round_that_goes_on() -> None:
    """Who wants it over by then is not kept waiting for the end of a long round."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = 1
    pushes.want(pushes.destination, MoveOptions(0.5, 30.0, "abort"))
    pushes.run(29.0)
    assert pushes.progress().phase == "pushing"
    pushes.run(3.0)
    progress = pushes.progress()
    assert (progress.phase, progress.error) == ("rolled back", "not switched within 30 s")
    assert pushes.lease(pushes.destination) is None


def test_a_deadline_cuts_a_preparation_that_goes_on() -> None:
    """Its image may never come."""
    pushes = Pushes(DATASETS)
    waiting: Deferred[None] = Deferred()

    async def before(source: str, target: str, method: str) -> None:
        if method == "prepared":
            await waiting

    pushes.cluster.network.before = before
    pushes.want(pushes.destination, MoveOptions(None, 30.0, "abort"))
    pushes.run(29.0)
    assert pushes.progress().phase == "pushing"
    pushes.run(2.0)
    assert pushes.progress().phase == "rolled back"
    assert waiting.called


def test_goes_on_until_it_fits() -> None:
    """Slowly, saying why, until the link is better; then the pause is as it was asked for."""
    pushes = Pushes()
    network = pushes.cluster.network
    network.bytes_per_second = SLOW
    pushes.want(pushes.destination, MoveOptions(0.5, None, "continue"))
    pushes.run(150.0)
    progress = pushes.progress()
    assert progress.phase == "pushing"
    assert "smallest reachable pause" in (progress.error or "")
    assert 5 <= len(progress.rounds) <= 150 / (ROUND_SECONDS + PACE_SECONDS) + 2
    network.bytes_per_second = None
    pushes.run(60.0)
    assert pushes.progress().phase == "done"
    assert pushes.progress().error is None


# Cut off


@pytest.mark.parametrize("deleted", [False, True])
def test_withdrawn(deleted: bool) -> None:
    """A push that is not wanted any more ends at once, and leaves nothing behind."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = 1
    pushes.want(pushes.destination)
    pushes.run(10.0)
    assert pushes.progress().phase == "pushing"
    pushes.want(pushes.source, deleted=deleted)
    pushes.run(0.5)
    assert pushes.progress().phase == "rolled back"
    assert pushes.destination.storage.copies == {}
    if deleted:
        assert pushes.source.storage.copies == {}
    else:
        assert pushes.source.storage.read(D) == CONTENT
        assert pushes.lease(pushes.source) == PRIMARY
        assert pushes.source.storage.copies[D].local.mounted


def test_redirected() -> None:
    """Another destination is gone for at once, and the first one gets no more."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = 1
    pushes.want(pushes.destination, MoveOptions())
    pushes.run(10.0)
    pushes.cluster.network.bytes_per_second = None
    pushes.want(pushes.other, MoveOptions(), move_id="another")
    pushes.run(1.0)
    assert pushes.lease(pushes.other) == Lease(Role.PRIMARY, 2)
    assert pushes.destination.storage.copies == {}
    progress = pushes.progress()
    assert (progress.destination, progress.move_id) == (pushes.other.node_id, "another")


def test_redirected_from_a_node_that_is_away() -> None:
    """That one was not reached says nothing of the other: it does not wait for that."""
    pushes = Pushes()
    pushes.cluster.network.cut.add(frozenset({pushes.source.node_id, pushes.destination.node_id}))
    pushes.want(pushes.destination)
    pushes.run(60.0)
    assert "does not answer" in (pushes.progress().error or "")
    pushes.want(pushes.other)
    pushes.run(1.0)
    assert pushes.lease(pushes.other) == Lease(Role.PRIMARY, 2)


def test_the_same_wish_again_cuts_nothing() -> None:
    """What else changes in the view is no reason to begin anew."""
    pushes = Pushes()
    pushes.cluster.network.bytes_per_second = SLOW
    pushes.want(pushes.destination)
    pushes.run(5.0)
    pushes.want(pushes.destination, MoveOptions())
    pushes.run(5.0)
    assert (pushes.progress().sent_bytes or 0) > 900


def test_a_prune_that_fails_stops_no_push() -> None:
    """What could not be destroyed is destroyed later."""
    pushes = Pushes()
    failed: list[str] = []

    async def before(method: str, dataset_id: str) -> None:
        if method == "destroy_snapshot":
            failed.append(dataset_id)
            raise Busy("a user holds it")

    pushes.source.storage.before = before
    pushes.want(pushes.destination)
    pushes.run(1.0)
    assert failed
    assert (pushes.progress().phase, pushes.progress().error) == ("done", None)
