"""What is set aside of copies: it is in state, and goes when a user lets go of it."""

from __future__ import annotations

from pyrsistent import pmap

from flocker_lite.errors import Busy
from flocker_lite.model import discards
from flocker_lite.model.records import Configuration, DatasetId
from flocker_lite.model.state import AsideCopy, AsideState, NodeView
from flocker_lite.planner.aside_plan import plan_asides
from flocker_lite.planner.changes import DestroyAside
from flocker_lite.planner.groups import Local
from tests.convergence.test_rings_in_cluster import D, RingCase


def test_plan() -> None:
    """What is here and to be destroyed is, one by one, and nothing else."""
    copies = {f"{D}.trial-{n}": AsideCopy(f"{D}.trial-{n}", D, "trial", n, 0) for n in (1, 2, 3)}
    local = Local(asides=pmap(copies))
    desired = pmap({f"{D}.trial-{n}": True for n in (1, 3, 4)})
    assert plan_asides(NodeView(), local) == []
    assert plan_asides(NodeView(discards=desired), Local()) == []
    assert plan_asides(NodeView(discards=desired), local) == [
        DestroyAside(f"{D}.trial-1"),
        DestroyAside(f"{D}.trial-3"),
    ]
    assert DestroyAside("a").resources.isdisjoint(DestroyAside("b").resources)


class AsidesTests(RingCase):
    """A copy of three diverged, and is continued by a move all the same."""

    def setUp(self) -> None:
        self.begin(3)
        for node in (*self.cluster.nodes[1:], self.cluster.nodes[0]):
            self.move(node)
        self.aloof = self.cluster.nodes[1]
        self.diverge(self.aloof, "on trial")
        self.move(self.aloof)
        (self.name,) = self.aloof.storage.aside

    def seen(self) -> dict[str, AsideState]:
        """What the node reports."""
        assert self.cluster.control is not None
        return dict(self.cluster.control.cluster.nodes[self.aloof.node_id].set_aside)

    def discard(self) -> None:
        """A user lets go of it."""
        self.cluster.edit(lambda c: discards.discard(c, self.name, {self.aloof.node_id}))

    def configured(self) -> Configuration:
        """What is durable."""
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def require_gone(self) -> None:
        """There is nothing left of it, nor of the wish; the dataset has all that it had."""
        assert self.aloof.storage.aside == {}
        assert self.seen() == {}
        assert self.configured().discards == pmap()
        assert self.aloof.storage.read(D) == self.texts

    def test_seen(self) -> None:
        """It is told at once, without a look at everything."""
        (state,) = self.seen().values()
        assert (state.dataset_id, state.reason, state.error) == (D, "trial", None)
        assert state.size_bytes > 0

    def test_destroyed(self) -> None:
        """Its node destroys it and tells so, and the wish is over."""
        self.discard()
        self.cluster.run(1.0)
        self.require_gone()

    def test_away(self) -> None:
        """A node that is away does so when it is back, however long that takes."""
        self.cluster.stop_agent(self.aloof)
        self.cluster.run(1.0)
        self.discard()
        self.cluster.run(300.0)
        assert self.name in self.aloof.storage.aside
        assert self.name in self.configured().discards
        self.cluster.start_agent(self.aloof)
        self.cluster.run(5.0)
        self.require_gone()

    def test_restart_of_control(self) -> None:
        """The wish is durable."""
        self.cluster.stop_agent(self.aloof)
        self.cluster.run(1.0)
        self.discard()
        self.cluster.stop_control()
        self.cluster.start_control()
        self.cluster.start_agent(self.aloof)
        self.cluster.run(30.0)
        self.require_gone()

    def test_somebody_looks_at_it(self) -> None:
        """What keeps it is told, and tried again."""

        async def refuse(method: str, _: DatasetId) -> None:
            if method == "destroy_aside":
                raise Busy(f"{self.name} is mounted")

        self.aloof.storage.before = refuse
        self.discard()
        self.cluster.run(2.0)
        assert "is mounted" in (self.seen()[self.name].error or "")
        assert self.name in self.configured().discards
        self.aloof.storage.before = None
        self.cluster.run(60.0)
        self.require_gone()

    def test_by_hand(self) -> None:
        """What somebody destroyed by hand is shown no more, and no wish waits for it."""
        self.aloof.storage.aside.clear()
        self.discard()
        self.cluster.run(60.0)
        self.require_gone()
