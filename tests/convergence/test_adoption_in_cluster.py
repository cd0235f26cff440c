"""What a container of others would become, asked through the control service and an agent."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.model.adoption import Adoption
from flocker_lite.protocol.adoptions import AdoptionAway, AdoptionForbidden, NoSuchContainer
from flocker_lite.testing.cluster import MemoryCluster
from flocker_lite.testing.foreign_contract import DATABASE


class AdoptionTests(SynchronousTestCase):
    """One node in memory, with a container that somebody made with Docker."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(nodes=1)
        self.node = self.cluster.nodes[0]
        self.node.allow = ("adopt",)
        self.node.foreign.run("db", DATABASE)
        self.cluster.start()

    def asking(self, container: str = "db", name: str | None = None) -> Deferred[Adoption]:
        """Ask what it would become."""
        assert self.cluster.control is not None
        asking = Deferred.fromCoroutine(
            self.cluster.control.adoption(self.node.node_id, container, name)
        )
        self.cluster.deliver()
        return asking

    def test_answer(self) -> None:
        """The agent says what it would be, and under which name."""
        found = self.successResultOf(self.asking(name="shop-db"))
        assert found.fields["name"] == "shop-db"
        assert {source.source for source in found.sources if source.take} == {
            "pgdata",
            "/srv/shared",
        }

    def test_none(self) -> None:
        """The agent says that there is none."""
        self.failureResultOf(self.asking("other"), NoSuchContainer)

    def test_not_allowed(self) -> None:
        """The agent itself refuses, whatever the control service asks."""
        self.cluster.stop_agent(self.node)
        self.failureResultOf(self.asking(), AdoptionAway)
        self.node.allow = ()
        self.cluster.start_agent(self.node)
        self.cluster.run(1.0)
        said = str(self.failureResultOf(self.asking(), AdoptionForbidden).value)
        assert "allow: [adopt]" in said
