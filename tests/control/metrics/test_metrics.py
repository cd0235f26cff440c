"""What a scrape of the control service says of a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from prometheus_client.parser import text_string_to_metric_families
from pyrsistent import pmap
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import IResource

from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.http.openapi import operation_names
from flocker_lite.control.metrics.control_metrics import ControlMetrics
from flocker_lite.control.metrics.families import RESTARTED_MAX
from flocker_lite.control.metrics.snapshot import Snapshot
from flocker_lite.control.metrics.tally import OTHERS, PAIRS_MAX
from flocker_lite.model import deltas
from flocker_lite.model.failed_over import FailedOver
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.machine import MACHINE, Capacity, Machine
from flocker_lite.model.move_progress import MoveProgress, Round, Step
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Edit,
    Grant,
    Move,
    Node,
    PastMove,
)
from flocker_lite.model.replicas import Replicas
from flocker_lite.model.replication import Replication, replication_key
from flocker_lite.model.state import ContainerState, DatasetState, NodeState, PortState
from tests.control.http.cluster import ADDRESS_1, ADDRESS_2, NODE_1, NODE_2, RESTTestCase

DATASET = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
SERIES_PER_NODE = 40


def parsed(text: bytes) -> dict[str, float]:
    """What a scrape says, as lines that people write: `name{label="value"}`."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def past(number: int, source: str, destination: str, verdict: str = "done") -> PastMove:
    """A move that is over, of 1,000 bytes and with a pause of 0.7 s where 0.5 s were predicted."""
    move = Move(f"m{number}", source, destination, 1.0, "web", ("d",))
    sides = (
        MoveProgress(
            "d",
            2,
            "done",
            source=source,
            destination=destination,
            rounds=(Round(600, 1.0), Round(400, 0.5)),
            steps=(Step("stop", 0.5),),
            predicted_pause_seconds=0.5,
        ),
        MoveProgress("d", 2, "done", steps=(Step("start", 0.2),)),
    )
    return PastMove(move, verdict, 2.0, pmap(), sides)


class MetricsTests(RESTTestCase):
    """A control service in memory, and its GET /metrics."""

    def resource(self) -> IResource:
        self.metrics = ControlMetrics(self.clock, operation_names())
        scrape = self.metrics.scraper(self.control, _at_once, lambda: 1.8e9)
        may_write = {"may_write": lambda request: False}
        return self.api(scrape=scrape, answered=self.metrics.answered, **may_write).resource()

    def scrape(self) -> dict[str, float]:
        """What it says now."""
        reply = self.request("GET", "/metrics")
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
        return parsed(reply.content)

    def test_before_anything_happens(self) -> None:
        """A series is there before its first event, so that a rate sees the first one too."""
        said = self.scrape()
        for verdict in ("done", "rolled back", "cancelled", "superseded"):
            assert said[f'flocker_moves_total{{verdict="{verdict}"}}'] == 0
        assert said["flocker_move_pause_seconds_count"] == 0
        assert said["flocker_store_commit_seconds_count"] == 0
        assert said[f'flocker_connections_refused_total{{node="{ADDRESS_1}"}}'] == 0
        assert said[f'flocker_container_state{{node="{ADDRESS_1}",state="failed"}}'] == 0
        assert said['flocker_http_request_seconds_count{operation="create_container"}'] == 0
        assert said["flocker_leader"] == 1
        assert said["flocker_control_certificate_expiry_timestamp_seconds"] == 1.8e9

    def test_nodes(self) -> None:
        """Which are there, and how full their pools are; one that is away keeps its series."""
        assert self.scrape()[f'flocker_node_up{{node="{ADDRESS_1}"}}'] == 0
        machine = Machine(capacity=Capacity(1000, 400))
        link = self.control.report(NODE_1, NodeState(machine=pmap({MACHINE: machine})))
        self.control.node_records.certificates[NODE_1] = 1.75e9
        said = self.scrape()
        assert said["flocker_agents_connected"] == 1
        assert said[f'flocker_node_up{{node="{ADDRESS_1}"}}'] == 1
        assert said[f'flocker_pool_free_bytes{{node="{ADDRESS_1}"}}'] == 400
        name = "flocker_node_certificate_expiry_timestamp_seconds"
        assert said[f'{name}{{node="{ADDRESS_1}"}}'] == 1.75e9
        assert f'{name}{{node="{ADDRESS_2}"}}' not in said
        link.connectionLost()
        said = self.scrape()
        assert said[f'flocker_node_up{{node="{ADDRESS_1}"}}'] == 0
        assert said[f'flocker_pool_size_bytes{{node="{ADDRESS_1}"}}'] == 1000

    def test_containers(self) -> None:
        """Each counts once, where it is, as what it is."""
        images = ("ok", "sick", "bad", "off", "lost")
        wanted = [Container(each, NODE_1, "a:1", running=each != "off") for each in images]
        self._configured(*(Change("containers", each.name, each) for each in wanted))
        ok, sick, bad, off, _ = wanted
        states = [
            ContainerState(ok, True, restarts=3),
            ContainerState(sick, True, health="unhealthy"),
            ContainerState(bad, False, error="no such image"),
            ContainerState(off, False),
        ]
        state = NodeState(containers=pmap({each.container.name: each for each in states}))
        self.control.report(NODE_1, state)
        said = self.scrape()
        found = {
            word: said[f'flocker_container_state{{node="{ADDRESS_1}",state="{word}"}}']
            for word in ("running", "unhealthy", "failed", "stopped", "unknown", "paused")
        }
        assert found == dict.fromkeys(found, 1.0) | {"paused": 0}
        assert said['flocker_container_restarts_total{container="ok"}'] == 3

    def test_moves(self) -> None:
        """A move that is over counts: its verdict, its bytes, its pause beside the prediction."""
        moves = (past(1, NODE_1, NODE_2), past(2, NODE_1, NODE_2, "rolled back"))
        self._configured(*(Change("past_moves", each.move_id, each) for each in moves))
        said = self.scrape()
        assert said['flocker_moves_total{verdict="done"}'] == 1
        assert said['flocker_moves_total{verdict="rolled back"}'] == 1
        pair = f'{{destination="{ADDRESS_2}",source="{ADDRESS_1}"}}'
        assert said[f"flocker_push_bytes_total{pair}"] == 2000
        assert said["flocker_move_pause_seconds_count"] == 1
        assert round(said["flocker_move_pause_seconds_sum"], 3) == 0.7
        assert round(said["flocker_move_prediction_error_seconds_sum"], 3) == 0.2

    def test_a_move_under_way(self) -> None:
        """Its bytes count as they go, and not less when its agent forgets them."""
        tally, configuration = self.metrics.tally, self.control.configuration
        move = Move("m", NODE_1, NODE_2, 1.0, "web", (DATASET,))
        configuration = deltas.apply(configuration, [Change("moves", "m", move)])
        sent = MoveProgress(DATASET, 2, "pushing", NODE_1, NODE_2, move_id="m", sent_bytes=700)
        assert tally.pushed(configuration, {"m": (sent,)}) == {(NODE_1, NODE_2): 700}
        assert tally.pushed(configuration, {"m": ()}) == {(NODE_1, NODE_2): 700}

    def test_refused_connections(self) -> None:
        """They add up, also when a port is gone, or when its agent counts from 0 again."""
        refused = self.metrics.tally.refused
        for ports, total in (
            ({"80": 5, "81": 2}, 7),
            ({"80": 6}, 8),
            ({"80": 1}, 9),
        ):
            state = NodeState(
                ports=pmap({port: PortState(refused_total=count) for port, count in ports.items()})
            )
            assert refused({NODE_1: state}) == {NODE_1: total}
            assert refused({NODE_1: state}) == {NODE_1: total}

    def test_copies(self) -> None:
        """Each node's copies by their role, and those that are in trouble."""
        copy = DatasetState(DATASET, Lease(Role.PRIMARY, 1), error="its disk is broken")
        self.control.report(NODE_1, NodeState(datasets=pmap({DATASET: copy})))
        said = self.scrape()
        assert said[f'flocker_copy_role{{node="{ADDRESS_1}",role="primary"}}'] == 1
        assert said[f'flocker_copy_role{{node="{ADDRESS_2}",role="replica"}}'] == 0
        assert said[f'flocker_dataset_errors{{node="{ADDRESS_1}"}}'] == 1

    def test_standbys(self) -> None:
        """How fresh each is; one that has nothing yet is there too."""
        dataset = Dataset(DATASET, NODE_1, replicas=Replicas((NODE_2,), 30.0))
        grant = Grant(NODE_1, materialised=True)
        self._configured(Change("datasets", DATASET, dataset), Change("grants", DATASET, grant))
        labels = f'{{dataset="{DATASET}",node="{ADDRESS_2}"}}'
        said = self.scrape()
        assert said[f"flocker_replica_snapshot_timestamp_seconds{labels}"] == 0
        assert said[f"flocker_replica_rpo_seconds{labels}"] == 30
        told = Replication(DATASET, NODE_2, "waiting", taken_at=1.6e9, lag_bytes=700)
        key = replication_key(DATASET, NODE_2)
        self.control.report(NODE_1, NodeState(replications=pmap({key: told})))
        said = self.scrape()
        assert said[f"flocker_replica_snapshot_timestamp_seconds{labels}"] == 1.6e9
        assert said[f"flocker_replica_lag_bytes{labels}"] == 700

    def test_failovers(self) -> None:
        """Each counts once it is over, by who wanted it."""
        move = replace(past(1, NODE_1, NODE_2).move, failover=FailedOver(3.0, 1.0, automatic=True))
        record = replace(past(1, NODE_1, NODE_2), move=move)
        self._configured(Change("past_moves", "m1", record))
        said = self.scrape()
        assert said['flocker_failovers_total{kind="automatic"}'] == 1
        assert said['flocker_failovers_total{kind="forced"}'] == 0

    def test_requests(self) -> None:
        """Each operation is measured, unless it waits for a change."""
        self.get("/state/nodes")
        self.begin("GET", "/v1/state/nodes?wait_for=99999999999999999")
        said = self.scrape()
        assert said['flocker_http_request_seconds_count{operation="list_state_nodes"}'] == 1

    def test_commits(self) -> None:
        """Each commit to the store is measured, one that fails too."""
        store = self.metrics.measured(self.control.store)
        self.successResultOf(Deferred.fromCoroutine(_commit(store)))
        assert self.scrape()["flocker_store_commit_seconds_count"] == 1

    def _configured(self, *changes: Change) -> None:
        def edit(before: Configuration) -> Any:
            return Edit(deltas.apply(before, changes), changes)

        self.successResultOf(Deferred.fromCoroutine(self.control.edit(edit)))


async def _commit(store: Any) -> None:
    node = Node(NODE_1, ADDRESS_1)
    await store.commit((Change("nodes", NODE_1, node),))


def _at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    return maybeDeferred(function, *arguments)


def large(nodes: int, containers: int) -> Snapshot:
    """A cluster of so many nodes and containers, each of which runs."""
    ids = [str(UUID(int=number + 1, version=4)) for number in range(nodes)]
    addresses = {each: f"10.1.{number // 250}.{number % 250}" for number, each in enumerate(ids)}
    wanted = [Container(f"c{n}", ids[n % nodes], "a:1") for n in range(containers)]
    records = [Change("nodes", each, Node(each, addresses[each])) for each in ids]
    records += [Change("containers", each.name, each) for each in wanted]
    reports = {each.name: pmap({each.node: ContainerState(each, True)}) for each in wanted}
    return Snapshot(
        configuration=deltas.apply(Configuration(), records),
        cluster=ClusterState(nodes=pmap(dict.fromkeys(ids, NodeState())), containers=pmap(reports)),
        addresses=addresses,
        away=frozenset(),
        certificates={},
        machines={},
        clock_offsets={},
        progress={},
        refused={},
        pushed={},
        watchers=0,
    )


class BoundedTests(RESTTestCase):
    """The number of series has a bound, whatever the cluster has."""

    def test_ten_thousand_containers(self) -> None:
        """One series for each container, and a fixed number for each node."""
        metrics = ControlMetrics(self.clock)
        few = len(parsed(metrics.written(large(10, 10_000))))
        nodes = len(parsed(metrics.written(large(110, 10_000)))) - few
        more = len(parsed(metrics.written(large(10, 11_000)))) - few
        assert nodes <= 100 * SERIES_PER_NODE
        assert more == 1000
        most = len(parsed(metrics.written(large(1, RESTARTED_MAX + 500))))
        assert most <= RESTARTED_MAX + SERIES_PER_NODE + 200

    def test_pairs_of_nodes(self) -> None:
        """Beyond so many pairs that data went between, the others count together."""
        metrics = ControlMetrics(self.clock)
        for number in range(PAIRS_MAX + 5):
            record = past(number, f"n{number}", "x")
            metrics.tally.configured([Change("past_moves", record.move_id, record)])
        sent = metrics.tally.pushed(Configuration(), {})
        assert len(sent) == PAIRS_MAX + 1
        assert sent[OTHERS] == 5000
