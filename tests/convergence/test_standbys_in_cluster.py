"""Standbys, in a whole cluster in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from flocker_lite.errors import CommandFailed
from flocker_lite.model import copy_drops, edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Replicas
from flocker_lite.model.replication import BLOCKED, WAITING
from flocker_lite.planner.pruning_plan import UNNEEDED_SECONDS
from tests.convergence.standbys import RPO, D, StandbyCluster


def started() -> StandbyCluster:
    """A cluster with a container that has a standby, which has its first copy."""
    cluster = StandbyCluster()
    cluster.serve()
    cluster.nodes[0].write("shop", "one")
    cluster.replicate(cluster.nodes[1])
    cluster.run(5.0)
    return cluster


def failing(step: str, reason: str) -> Callable[[str, str], Awaitable[None]]:
    """Has a storage fail at each such step."""

    async def before(at: str, dataset_id: str) -> None:
        if at == step:
            raise CommandFailed(("zfs", step), 1, reason)

    return before


def test_seeded() -> None:
    """A standby that has nothing gets everything, as a replica, and says which set is complete."""
    cluster = started()
    standby = cluster.nodes[1]
    assert standby.storage.copies[D].local.lease == Lease(Role.REPLICA, 1)
    assert standby.storage.copies[D].content == ("one",)
    complete = cluster.complete(standby)
    assert complete is not None
    assert complete.epoch == 1
    newest = standby.storage.copies[D].local.snapshots[-1]
    assert complete.snapshots == {D: newest.guid}
    assert cluster.told(standby).phase == WAITING
    assert cluster.told(standby).taken_at == complete.taken_at


def test_within_the_rpo() -> None:
    """The lag stays below the RPO, with few snapshots."""
    cluster = started()
    standby = cluster.nodes[1]
    cluster.run(60.0)  # the first copy, which took long, is forgotten by then
    taken = set()
    lags = []
    for number in range(120):
        cluster.nodes[0].write("shop", str(number))
        lags += cluster.lags(0.5, standby)
        taken.add(cluster.names(cluster.nodes[0])[-1])
    assert max(lags) <= RPO
    assert len(taken) <= 60 / (RPO * 0.75) + 1
    assert len(cluster.names(cluster.nodes[0])) <= 2
    assert len(cluster.names(standby)) <= 2


def test_two_standbys_share_snapshots() -> None:
    """One set is sent to both, so that either can continue from the other."""
    cluster = started()
    cluster.replicate(*cluster.nodes[1:])
    cluster.run(60.0)
    one, other = (cluster.complete(node) for node in cluster.nodes[1:])
    assert one is not None
    assert one == other
    assert len(cluster.names(cluster.nodes[0])) <= 2


def test_away() -> None:
    """While a standby is cut off, the primary goes on, and keeps one snapshot for it."""
    cluster = started()
    primary, standby = cluster.nodes[:2]
    base = cluster.complete(standby)
    assert base is not None
    cluster.network.cut.add(frozenset({primary.node_id, standby.node_id}))
    for number in range(600):
        primary.write("shop", str(number))
        cluster.run(1.0)
        assert len(cluster.names(primary)) <= 2
    told = cluster.told(standby)
    assert told.phase == BLOCKED
    assert told.last_error is not None
    assert "does not answer" in told.last_error
    assert cluster.lag(standby) > 590
    assert "shop" in primary.containers.processes
    cluster.network.cut.clear()
    cluster.run(70.0)
    assert cluster.lag(standby) <= RPO
    assert standby.storage.aside == {}


def test_known_to_be_away() -> None:
    """Towards a node whose agent is away nothing is even tried; it goes on when that is back."""
    cluster = started()
    primary, standby = cluster.nodes[:2]
    cluster.stop_agent(standby)
    asked: list[str] = []

    async def before(source: str, target: str, step: str) -> None:
        asked.append(step)

    cluster.network.before = before
    cluster.run(300.0)
    assert asked == []
    assert cluster.told(standby).last_error == "its agent is away"
    assert len(cluster.names(primary)) == 1
    cluster.start_agent(standby)
    cluster.run(5.0)
    assert cluster.lag(standby) <= RPO


def test_base_outlives_everything() -> None:
    """Whatever else is sent and restarted, the base of a standby that is away is kept."""
    cluster = started()
    primary, standby, other = cluster.nodes
    cluster.stop_agent(standby)
    cluster.replicate(standby, other)
    for _ in range(3):
        cluster.run(150.0)
        cluster.stop_agent(primary)
        cluster.run(1.0)
        cluster.start_agent(primary)
    assert len(cluster.names(primary)) <= 4
    cluster.start_agent(standby)
    cluster.run(20.0)
    assert cluster.lag(standby) <= RPO
    assert standby.storage.aside == {}


def test_let_go() -> None:
    """A base that holds too much is let go of, which the state says; then all is sent anew."""
    cluster = started()
    primary, standby = cluster.nodes[:2]
    cluster.stop_agent(standby)
    cluster.run(100.0)
    assert len(cluster.names(primary)) == 1
    primary.storage.held_by_snapshots[D] = 2 * 10**11
    cluster.run(100.0)
    assert cluster.names(primary) == []
    said = cluster.told(standby).last_error
    assert said is not None
    assert "let go" in said
    primary.storage.held_by_snapshots.clear()
    cluster.start_agent(standby)
    cluster.run(10.0)
    assert cluster.lag(standby) <= RPO
    assert cluster.told(standby).last_error is None


def test_move_to_the_standby() -> None:
    """A move to it works as ever; then the old primary stands by, if it is named."""
    cluster = started()
    primary, standby = cluster.nodes[:2]
    cluster.replicate(primary, standby)
    cluster.run(20.0)
    cluster.edit(lambda before: edits.move_container(before, "shop", standby.address))
    cluster.run(10.0)
    assert "shop" in standby.containers.processes
    standby.write("shop", "two")
    cluster.run(20.0)
    assert primary.storage.copies[D].content == ("one", "two")
    complete = cluster.complete(primary)
    assert complete is not None
    assert complete.epoch == 2
    assert cluster.clock.seconds() - complete.taken_at <= RPO


def test_no_more() -> None:
    """When nobody stands by any more, nothing is sent; the copy stays as it is."""
    cluster = started()
    standby = cluster.nodes[1]
    cluster.replicate()
    before = cluster.names(standby)
    cluster.run(60.0)
    assert cluster.names(standby) == before
    assert cluster.control is not None
    assert cluster.control.cluster.nodes[cluster.nodes[0].node_id].replications == {}


def test_left_over() -> None:
    """What pushes could not prune before there were no standbys any more is destroyed at last.

    The snapshot with which another copy ends stays; one that a user holds is tried again.
    """
    cluster = started()
    primary, standby = cluster.nodes[:2]

    standby.storage.before = failing("destroy_snapshot", "I/O error")
    cluster.run(3 * RPO)
    cluster.replicate()
    standby.storage.before = None
    [*_, older, last] = standby.storage.copies[D].local.snapshots
    standby.storage.held.add(older.guid)
    cluster.run(5.0)
    assert len(cluster.names(standby)) > 3
    cluster.run(2 * UNNEEDED_SECONDS)
    assert cluster.names(standby) == [older.name, last.name]
    standby.storage.held.clear()
    cluster.run(2 * UNNEEDED_SECONDS)
    assert cluster.names(standby) == [last.name]
    assert cluster.names(primary) == [last.name]


def test_deleted() -> None:
    """A dataset that is deleted is destroyed at its standbys as well."""
    cluster = started()
    cluster.edit(lambda before: edits.delete_container(before, "shop"))
    cluster.edit(lambda before: edits.delete_dataset(before, D))
    cluster.run(10.0)
    assert all(D not in node.storage.copies for node in cluster.nodes)


def test_without_the_control_service() -> None:
    """Replication goes on while the control service is down."""
    cluster = started()
    primary, standby = cluster.nodes[:2]
    cluster.stop_control()
    primary.write("shop", "two")
    cluster.run(60.0)
    assert standby.storage.copies[D].content == ("one", "two")
    assert cluster.clock.seconds() - standby.copy_notes.sets[D].taken_at <= RPO


def drop(cluster: StandbyCluster, number: int) -> None:
    """Have the copy of a node dropped."""
    control, node = cluster.control, cluster.nodes[number]
    assert control is not None
    held = {key: each.lease for key, each in control.cluster.datasets[D].items()}
    cluster.edit(
        lambda before: copy_drops.drop_copy(before, D, node.address, held, control.is_away)
    )


def test_dropped() -> None:
    """A replica that nobody needs is destroyed, and comes back when it is needed again."""
    cluster = started()
    cluster.replicate(cluster.nodes[2])
    cluster.run(5.0)
    drop(cluster, 1)
    cluster.run(2.0)
    assert D not in cluster.nodes[1].storage.copies
    assert cluster.control is not None
    assert cluster.control.configuration.discards == {}
    cluster.replicate(*cluster.nodes[1:])
    cluster.run(5.0)
    assert cluster.lag(cluster.nodes[1]) <= RPO


def test_dropped_when_it_is_back() -> None:
    """A node that is away drops its copy when it is back; by then it may be needed again."""
    cluster = started()
    standby = cluster.nodes[1]
    cluster.replicate()
    cluster.stop_agent(standby)
    drop(cluster, 1)
    cluster.run(200.0)
    assert D in standby.storage.copies
    cluster.start_agent(standby)
    cluster.run(3.0)
    assert D not in standby.storage.copies
    cluster.replicate(standby)
    cluster.run(5.0)
    cluster.replicate()
    cluster.stop_agent(standby)
    drop(cluster, 1)
    cluster.replicate(standby)
    cluster.start_agent(standby)
    cluster.run(5.0)
    assert cluster.lag(standby) <= RPO


def warm(cluster: StandbyCluster, is_warm: bool) -> None:
    """Have the standby keep the container ready, or not."""
    replicas = Replicas((cluster.nodes[0].node_id, cluster.nodes[1].node_id), RPO, warm=is_warm)
    cluster.edit(
        lambda before: edits.update_dataset(
            before, D, lambda dataset: replace(dataset, replicas=replicas)
        )
    )
    cluster.run(5.0)


def test_warm() -> None:
    """A warm standby has the container prepared, and no longer when that is not wanted."""
    cluster = started()
    standby = cluster.nodes[1]
    assert "shop" not in standby.containers.made
    warm(cluster, True)
    assert standby.containers.made["shop"].local.prestarted
    made = standby.containers.made["shop"].local.instance
    assert "shop" in cluster.nodes[0].containers.processes
    warm(cluster, False)
    assert "shop" not in standby.containers.made
    warm(cluster, True)
    again = standby.containers.made["shop"].local.instance
    assert again != made
    cluster.edit(lambda before: edits.move_container(before, "shop", standby.address))
    cluster.run(10.0)
    assert standby.containers.made["shop"].local.running
    assert standby.containers.made["shop"].local.instance == again
    assert cluster.nodes[0].containers.made["shop"].local.prestarted


def test_warm_and_deleted() -> None:
    """When the container is deleted, so is what was prepared of it."""
    cluster = started()
    warm(cluster, True)
    cluster.edit(lambda before: edits.delete_container(before, "shop"))
    cluster.run(5.0)
    assert all("shop" not in node.containers.made for node in cluster.nodes)


def test_a_standby_that_fails() -> None:
    """Each attempt fails at the standby: snapshots do not pile up, and it catches up."""
    cluster = started()
    primary, standby = cluster.nodes[:2]

    standby.storage.before = failing("receive", "out of space")
    for number in range(60):
        primary.write("shop", str(number))
        cluster.run(5.0)
        assert len(cluster.names(primary)) <= 3
    assert "out of space" in str(cluster.told(standby).last_error)
    standby.storage.before = None
    cluster.run(70.0)
    assert cluster.lag(standby) <= RPO
    assert len(cluster.names(primary)) <= 2
