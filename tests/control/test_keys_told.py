"""Which node is told whose ssh keys: those that it has to do with, and as long as it has."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.writer import COMPANY_SECONDS
from flocker_lite.model import edits
from flocker_lite.model.lease import Lease, Role
from flocker_lite.model.records import Dataset, SshKeys
from flocker_lite.model.state import NodeState
from flocker_lite.testing.memory_trust import made_up_keys
from tests.control.fake_agents import ControlWorld, FakeAgent, holding

A, B, C = (f"{letter * 8}-0000-4000-8000-000000000001" for letter in "abc")
D = "d0d0d0d0-0000-4000-8000-000000000001"
NUMBERS = {A: 1, B: 2, C: 3}
PRIMARY, REPLICA = Lease(Role.PRIMARY, 1), Lease(Role.REPLICA, 1)


class KeysToldTests(SynchronousTestCase):
    """Three nodes, and a dataset at the first."""

    def setUp(self) -> None:
        self.world = ControlWorld()

    def agent(self, node_id: str, keys: SshKeys | None = None) -> FakeAgent:
        """One that tells its keys."""
        keys = keys or made_up_keys(NUMBERS[node_id])
        return FakeAgent(
            self.world,
            node_id,
            f"10.0.0.{NUMBERS[node_id]}",
            ssh_key=keys.public_key,
            host_keys=list(keys.host_keys),
        )

    def three(self) -> list[FakeAgent]:
        """All of them, and the dataset."""
        agents = [self.agent(node_id) for node_id in (A, B, C)]
        for agent in agents:
            agent.report(NodeState())
        create = partial(edits.create_dataset, dataset=Dataset(D, A))
        self.successResultOf(self.world.edit(create))
        agents[0].report(holding(**{D: PRIMARY}))
        self.world.run(COMPANY_SECONDS)
        return agents

    def move(self, where: str) -> None:
        """Have the dataset wanted there."""
        move = partial(edits.move_dataset, dataset_id=D, where=where)
        self.successResultOf(self.world.edit(move))

    def test_the_ends_of_a_move(self) -> None:
        """They are told each other's keys, with the move; others are told nothing."""
        one, two, three = self.three()
        assert not one.view.peers.update(two.view.peers, three.view.peers)
        before = len(three.messages)
        self.move(B)
        assert one.view.peers == {B: made_up_keys(2)}
        assert two.view.peers == {A: made_up_keys(1)}
        kinds = {change.kind for change in two.messages[-1].changes}
        assert kinds == {"datasets", "peers"}
        assert len(three.messages) == before

    def test_a_move_that_is_redirected(self) -> None:
        """As long as a node has a copy it has to do with the others that do."""
        one, two, three = self.three()
        self.move(B)
        two.report(holding(**{D: REPLICA}))
        self.move(C)
        assert set(one.view.peers) == {B, C}
        assert set(two.view.peers) == {A, C}
        assert set(three.view.peers) == {A, B}
        two.report(NodeState())
        assert set(one.view.peers) == {C}
        assert two.view.peers == {}

    def test_several_datasets(self) -> None:
        """The keys are told once, and kept as long as any of them needs them."""
        one, two, _ = self.three()
        self.move(B)
        more = D.replace("0001", "0002")
        create = partial(edits.create_dataset, dataset=Dataset(more, A))
        self.successResultOf(self.world.edit(create))
        self.successResultOf(self.world.edit(partial(edits.move_dataset, dataset_id=more, where=B)))
        told = [change for message in one.messages for change in message.changes]
        assert len([change for change in told if change.kind == "peers"]) == 1
        self.move(A)
        assert set(one.view.peers) == {B}
        self.successResultOf(self.world.edit(partial(edits.move_dataset, dataset_id=more, where=A)))
        assert one.view.peers == two.view.peers == {}

    def test_new_keys(self) -> None:
        """Whoever knows the node is told; so is one that is back after a restart of the service."""
        one, two, three = self.three()
        self.move(B)
        two.hang_up()
        self.agent(B, made_up_keys(20)).report(NodeState())
        assert one.view.peers == {B: made_up_keys(20)}
        assert three.view.peers == {}
        self.world.restart()
        again = self.agent(A)
        again.report(holding(**{D: PRIMARY}))
        self.world.run(20)
        assert again.view.peers == {B: made_up_keys(20)}

    def test_a_node_that_is_gone(self) -> None:
        """Another one at its address: nobody is told the old keys any more."""
        one, two, _ = self.three()
        self.move(B)
        two.report(holding(**{D: REPLICA}))
        self.move(A)
        assert set(one.view.peers) == {B}
        two.hang_up()
        new = made_up_keys(30)
        FakeAgent(
            self.world,
            C.replace("c", "e"),
            "10.0.0.2",
            ssh_key=new.public_key,
            host_keys=list(new.host_keys),
        )
        assert B not in self.world.control.configuration.nodes
        assert one.view.peers == {}

    def test_an_older_agent(self) -> None:
        """It tells no keys, so nobody is told any of it; what has to do with it goes on."""
        one = self.agent(A)
        old = FakeAgent(self.world, B, "10.0.0.2")
        for agent in (one, old):
            agent.report(NodeState())
        create = partial(edits.create_dataset, dataset=Dataset(D, A))
        self.successResultOf(self.world.edit(create))
        one.report(holding(**{D: PRIMARY}))
        self.move(B)
        assert D in old.view.datasets
        assert one.view.peers == {}

    def refused(self, agent: FakeAgent, why: str) -> None:
        """It is not let in."""
        (refusal,) = agent.refusals
        assert why in str(refusal)

    def test_keys_that_are_none(self) -> None:
        """They are refused before anyone is told."""
        for key, host_keys in (("no key", ["x"]), (made_up_keys(1).public_key, [])):
            agent = FakeAgent(self.world, A, "10.0.0.1", ssh_key=key, host_keys=host_keys)
            self.refused(agent, "the node's ssh keys: ")

    def test_the_key_of_another(self) -> None:
        """Two nodes with one key could not be told apart."""
        self.agent(A)
        self.refused(self.agent(B, made_up_keys(1)), "is that of node")
