"""The control service: who may speak to it, what it believes, whom it tells, and whose data is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyrsistent import pmap
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.agent_links import Certified
from flocker_lite.control.retried_edits import STORE_RETRY_SECONDS
from flocker_lite.control.service import SETTLING_SECONDS_MAX, STATE_SECONDS_MAX
from flocker_lite.control.writer import COMPANY_SECONDS
from flocker_lite.errors import StoreError
from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Container, Dataset, Grant, Port, Volume
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import ALIVE_SECONDS_MAX, Refused
from tests.control.fake_agents import ControlWorld, FakeAgent, holding, running

A = "aaaaaaaa-0000-4000-8000-000000000001"
B = "bbbbbbbb-0000-4000-8000-000000000002"
C = "cccccccc-0000-4000-8000-000000000003"
D = "dddddddd-0000-4000-8000-000000000001"
PRIMARY = Lease(Role.PRIMARY, 1)


class ControlTestCase(SynchronousTestCase):
    """Three nodes' agents at a control service, which have reported that they have nothing."""

    def setUp(self) -> None:
        self.world = ControlWorld()
        self.a, self.b, self.c = (self.agent(node_id) for node_id in (A, B, C))
        for agent in (self.a, self.b, self.c):
            agent.report(NodeState())

    def agent(self, node_id: str, **words: Any) -> FakeAgent:
        """An agent of the node connects."""
        address = {A: "10.0.0.1", B: "10.0.0.2", C: "10.0.0.3"}[node_id]
        return FakeAgent(self.world, node_id, words.pop("address", address), **words)

    def edit(self, function: Any) -> None:
        """Change the configuration."""
        self.successResultOf(self.world.edit(function))

    def make_dataset(self, dataset_id: str = D, node_id: str = A) -> None:
        """Have a dataset."""
        self.edit(lambda c: edits.create_dataset(c, Dataset(dataset_id, node_id)))

    def make_container(self, container: Container) -> None:
        """Have a container."""
        self.edit(lambda c: edits.create_container(c, container))

    def grant(self, dataset_id: str = D) -> Grant:
        """Who may write to the dataset, as it is on disk."""
        return self.world.disk.configuration.grants[dataset_id]


class GreetingTests(ControlTestCase):
    """Who is let in."""

    def refusal(self, **words: Any) -> str:
        """Why an agent is refused."""
        (refused,) = self.agent(C, session="another", **words).refusals
        assert isinstance(refused, Refused)
        return str(refused)

    def test_version(self) -> None:
        """An agent of another version is told which of the two to upgrade."""
        assert "upgrade this control service" in self.refusal(version=99)

    def test_other_cluster(self) -> None:
        """A node of another cluster is told how it could join."""
        assert "remove its identity file" in self.refusal(cluster_id="other")

    def test_own_cluster(self) -> None:
        """A node that knows the cluster's id is let in."""
        self.c.hang_up()
        assert self.agent(C, cluster_id=self.world.disk.cluster_id).refusals == []

    def test_two_agents_of_one_node(self) -> None:
        """While the first is alive, a second in the same node's name is refused."""
        assert "two machines have the same" in self.refusal()
        self.make_dataset(node_id=C)
        assert D in self.c.view.datasets

    def test_takeover_from_the_dead(self) -> None:
        """A first one that does not answer any more gives way to the second."""
        self.c.deaf = True
        second = self.agent(C, session="another")
        self.world.run(ALIVE_SECONDS_MAX + 1)
        assert second.refusals == []
        second.report(NodeState())
        self.make_dataset(node_id=C)
        assert D in second.view.datasets

    def test_the_same_agent_again(self) -> None:
        """One that lost its connection, which nobody noticed yet, comes back at once."""
        self.c.deaf = True
        again = self.agent(C)
        assert again.refusals == []

    def test_the_certificate_of_another_node(self) -> None:
        """An agent is the node that its certificate names, whatever it says."""
        assert "its certificate is that of node aaaa" in self.refusal(certified=Certified(A, 2e9))
        assert self.world.control.node_records.certificates == {}
        self.c.hang_up()
        assert self.agent(C, certified=Certified(C, 2e9)).refusals == []
        assert self.world.control.node_records.certificates == {C: 2e9}

    def test_address_of_another(self) -> None:
        """A node cannot take the address of one that has datasets."""
        self.make_dataset(node_id=A)
        (refused,) = self.agent(C, address="10.0.0.1").refusals
        assert "which has datasets" in str(refused)


class TellingTests(ControlTestCase):
    """Who is told what, and how much."""

    def test_only_those_concerned(self) -> None:
        """A dataset on one node costs that node one small message, and the others nothing."""
        before = [len(agent.messages) for agent in (self.a, self.b, self.c)]
        self.make_dataset(node_id=A)
        after = [len(agent.messages) for agent in (self.a, self.b, self.c)]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 0, 0]
        assert [change.identity for change in self.a.messages[-1].changes] == [D]

    def test_cost_of_a_change_in_a_large_cluster(self) -> None:
        """With a thousand datasets, a change of one is one record in one message."""
        for number in range(1000):
            self.make_dataset(f"dddddddd-0000-4000-8000-{number:012d}", A)
        known = len(self.b.messages)
        self.make_dataset("eeeeeeee-0000-4000-8000-000000000000", A)
        assert len(self.a.messages[-1].changes) == 1
        assert len(self.b.messages) == known

    def test_whole_of_a_large_cluster(self) -> None:
        """A thousand datasets and containers, much more than AMP takes in one value, both ways."""
        for number in range(1000):
            dataset_id = f"dddddddd-0000-4000-8000-{number:012d}"
            self.make_dataset(dataset_id, A)
            container = Container(f"web-{number}", A, "web:1", volumes=(Volume(dataset_id, "/d"),))
            self.make_container(container)
        self.a.hang_up()
        again = self.agent(A)
        again.report(NodeState())
        assert len(again.view.datasets) == len(again.view.containers) == 1000
        has = holding(**dict.fromkeys(again.view.datasets, PRIMARY))
        again.report(replace(has, containers=running(*again.view.containers.values()).containers))
        node = self.world.control.cluster.nodes[A]
        assert node == again.state

    def test_the_move_of_a_container(self) -> None:
        """Source and destination are told of it and of its data; a third node is not."""
        self.make_dataset()
        self.make_container(Container("web", A, "web:1", volumes=(Volume(D, "/d"),)))
        self.a.report(holding(**{D: PRIMARY}))
        self.edit(lambda c: edits.move_container(c, "web", B))
        for agent in (self.a, self.b):
            assert agent.view.containers["web"].node == B
            assert agent.view.datasets[D].dataset.primary == B
        assert self.b.view.datasets[D].holders == pmap({A: PRIMARY})
        assert self.a.view.datasets[D].addresses[B] == "10.0.0.2"
        assert D not in self.c.view.datasets

    def test_routes_for_all(self) -> None:
        """Every node hears where a port is served; the route stays until the container is deleted.

        While it is down, the node that had it last holds what comes.
        """
        web = Container("web", A, "web:1", ports=(Port(80, 8080),))
        self.make_container(web)
        self.a.report(running(web))
        assert [agent.view.routes["8080"].address for agent in (self.a, self.b, self.c)] == [
            "10.0.0.1"
        ] * 3
        self.a.report(NodeState())
        assert [len(agent.view.routes) for agent in (self.a, self.b, self.c)] == [1, 1, 1]
        self.edit(lambda c: edits.delete_container(c, "web"))
        assert [dict(agent.view.routes) for agent in (self.a, self.b, self.c)] == [{}] * 3

    def test_forgotten_holders(self) -> None:
        """Who has a copy is told of its deletion, also when it comes back late."""
        self.make_dataset()
        self.c.report(holding(**{D: Lease(Role.REPLICA, 1)}))
        self.c.hang_up()
        self.world.run(STATE_SECONDS_MAX + 1)
        self.edit(lambda c: edits.delete_dataset(c, D))
        again = self.agent(C)
        again.report(holding(**{D: Lease(Role.REPLICA, 1)}))
        assert again.view.datasets[D].dataset.deleted


class BeliefTests(ControlTestCase):
    """What is believed of nodes whose agents are away."""

    def test_an_agent_that_is_away(self) -> None:
        """Its last report is believed for a while, and then forgotten."""
        self.make_dataset()
        self.a.report(holding(**{D: PRIMARY}))
        self.a.hang_up()
        self.world.run(STATE_SECONDS_MAX - 2)
        assert D in self.world.control.cluster.datasets
        self.world.run(4)
        assert D not in self.world.control.cluster.datasets
        assert A not in self.world.control.cluster.nodes

    def test_an_agent_that_comes_back(self) -> None:
        """It is believed as before, for as long as it stays."""
        self.make_dataset()
        self.a.report(holding(**{D: PRIMARY}))
        self.a.hang_up()
        self.world.run(STATE_SECONDS_MAX - 2)
        again = self.agent(A)
        again.report(holding(**{D: PRIMARY}))
        self.world.run(STATE_SECONDS_MAX)
        assert D in self.world.control.cluster.datasets

    def test_nobody_is_told_before_all_have_reported(self) -> None:
        """After a start, agents wait until each node that should run something has reported."""
        self.make_container(Container("web", A, "web:1"))
        self.make_container(Container("mail", B, "mail:1"))
        self.world.restart()
        a, b = self.agent(A), self.agent(B)
        a.report(NodeState())
        self.make_dataset(node_id=A)
        assert a.messages == b.messages == []
        b.report(NodeState())
        assert "web" in a.view.containers
        assert "mail" in b.view.containers

    def test_it_does_not_wait_for_ever(self) -> None:
        """A node that stays away holds the others up for a short while only."""
        self.make_container(Container("web", A, "web:1"))
        self.make_container(Container("mail", B, "mail:1"))
        self.world.restart()
        a = self.agent(A)
        a.report(NodeState())
        self.world.run(SETTLING_SECONDS_MAX - 2)
        assert a.messages == []
        self.world.run(3)
        assert "web" in a.view.containers

    def test_no_agent_is_told_before_it_has_reported(self) -> None:
        """What it is told may depend on what it has."""
        self.c.hang_up()
        again = self.agent(C)
        self.make_dataset(node_id=C)
        assert again.messages == []
        again.report(NodeState())
        assert D in again.view.datasets


class GrantTests(ControlTestCase):
    """The grant follows the lease on disk, and never goes back."""

    def test_materialised(self) -> None:
        """Once a node was seen to have the dataset, nobody makes it again, ever."""
        self.make_dataset()
        assert self.grant() == Grant(A, 1, materialised=False)
        self.a.report(holding(**{D: PRIMARY}))
        self.world.run(COMPANY_SECONDS)
        assert self.grant() == Grant(A, 1, materialised=True)
        self.a.report(NodeState())
        self.world.restart()
        assert self.grant() == Grant(A, 1, materialised=True)

    def test_seen_only_after_it_was_handed_over(self) -> None:
        """Any lease says that the dataset was made."""
        self.make_dataset()
        self.a.report(holding(**{D: Lease(Role.RELEASED, 2, B)}))
        self.world.run(COMPANY_SECONDS)
        assert self.grant().materialised

    def test_handoff(self) -> None:
        """The node that acquired a later epoch is the owner."""
        self.make_dataset()
        self.a.report(holding(**{D: PRIMARY}))
        self.b.report(holding(**{D: Lease(Role.PRIMARY, 2)}))
        assert self.grant() == Grant(B, 2, materialised=True)

    def test_never_back(self) -> None:
        """Late news of an earlier epoch, and any other role, change nothing."""
        self.make_dataset()
        self.b.report(holding(**{D: Lease(Role.PRIMARY, 5)}))
        for lease in (
            PRIMARY,
            Lease(Role.PRIMARY, 5),
            Lease(Role.RELEASED, 6, C),
            Lease(Role.REPLICA, 9),
            Lease(Role.DEPOSED, 9),
        ):
            self.a.report(holding(**{D: lease}))
            assert self.grant() == Grant(B, 5, materialised=True)

    def test_a_full_disk(self) -> None:
        """What the store refuses is tried again, without another report."""
        self.make_dataset()
        self.world.disk.refusal = StoreError("disk full")
        self.a.report(holding(**{D: PRIMARY}))
        assert not self.grant().materialised
        self.world.disk.refusal = None
        self.world.run(STORE_RETRY_SECONDS + 1)
        assert self.grant().materialised

    def test_an_edit_that_is_not_durable(self) -> None:
        """It did not happen: nobody is told, and the configuration is as before."""
        self.world.disk.refusal = StoreError("disk full")
        editing = self.world.edit(lambda c: edits.create_dataset(c, Dataset(D, A)))
        self.failureResultOf(editing, StoreError)
        assert D not in self.world.control.configuration.datasets
        assert D not in self.a.view.datasets
