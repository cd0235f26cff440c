"""A node that was forgotten comes back to a cluster in memory: it stops, and touches nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent import greeting
from flocker_lite.agent.service import REFUSED_SECONDS
from flocker_lite.model import edits, node_edits
from flocker_lite.model.forced_forgetting import Losses, LostDataset, forget_by_force
from flocker_lite.model.records import Configuration, Container, Dataset, Edit, Volume
from flocker_lite.protocol.link import Hello, Refused
from flocker_lite.testing.cluster import MemoryCluster

D = "dddddddd-0000-4000-8000-000000000001"
WEB = Container("web", "10.0.0.1", "nginx:1")
LOST = LostDataset(D)
SHOP = Container("shop", "10.0.0.1", "shop:1", volumes=(Volume(D, "/d"),))


class OlderHello(amp.Command):
    """A hello as agents said it that know of no tombstones."""

    commandName = Hello.commandName
    arguments, response = Hello.arguments, Hello.response
    errors = {Refused: b"REFUSED"}


class ForgottenTests(SynchronousTestCase):
    """Two nodes; at the first run a container with data and one without."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(2)
        self.a, self.b = self.cluster.nodes
        self.cluster.start()
        self.cluster.edit(lambda c: edits.create_dataset(c, Dataset(D, "10.0.0.1")))
        for container in (SHOP, WEB):
            self.cluster.edit(partial(edits.create_container, container=container))
        self.cluster.run(5)
        self.a.write("shop", "one")
        assert self.running == {"shop", "web"}

    @property
    def running(self) -> set[str]:
        """What runs at the first node."""
        made = self.a.containers.made
        return {name for name, each in made.items() if each.local.running}

    @property
    def configuration(self) -> Configuration:
        assert self.cluster.control is not None
        return self.cluster.control.configuration

    def forget(self, lost: LostDataset = LOST) -> None:
        """Cut the first node off, and forget it with what it alone has, which is this."""
        self.cluster.cut_control(self.a)
        self.cluster.run(2)
        self.cluster.edit(partial(self.forgotten, expected=lost))
        assert (D in self.configuration.datasets) == (lost.other is not None)
        assert not self.configuration.containers
        assert self.running == {"shop", "web"}

    def forgotten(self, before: Configuration, expected: LostDataset) -> Edit:
        control = self.cluster.control
        assert control is not None
        facts, moment = control.failovers.facts, control.failovers.moment()
        edit, lost = forget_by_force(before, "10.0.0.1", (), facts, moment)
        assert lost == Losses(("shop", "web"), (expected,))
        return edit

    def readmitted(self, before: Configuration) -> Edit:
        control = self.cluster.control
        assert control is not None
        return node_edits.readmit(before, "10.0.0.1", control.cluster.datasets)[0]

    def comes_back(self) -> None:
        self.cluster.cut_from_control.clear()
        self.cluster.run(40)

    def changes_of_data(self) -> list[str]:
        """Names each call by which the first node would touch a dataset, from now on."""
        called: list[str] = []
        for name in ("create", "destroy", "mount", "unmount", "snapshot", "send", "set_lease"):
            original = getattr(self.a.storage, name, None)
            if original is not None:
                setattr(self.a.storage, name, partial(self.noted, called, name, original))
        return called

    def noted(self, called: list[str], name: str, original: Any, *args: Any, **named: Any) -> Any:
        called.append(name)
        return original(*args, **named)

    def test_comes_back(self) -> None:
        """It is told so, and stops its containers; nothing is removed, no data is touched."""
        self.forget()
        called, before = self.changes_of_data(), dict(self.a.storage.copies)
        self.comes_back()
        assert self.running == set()
        assert set(self.a.containers.made) == {"shop", "web"}
        assert called == []
        assert self.a.storage.copies == before
        assert self.configuration.nodes.keys() == {self.b.node_id}
        assert self.a.trust is not None
        assert not self.a.trust.peers

    def test_started_by_hand(self) -> None:
        """Whatever starts there again is stopped again, also after a restart of the agent."""
        self.forget()
        self.comes_back()
        for restarts in (False, True):
            if restarts:
                self.cluster.stop_agent(self.a)
                self.cluster.start_agent(self.a)
            self.successResultOf(Deferred.fromCoroutine(self.a.containers.start("web")))
            self.cluster.run(40)
            assert self.running == set()

    def test_said_once(self) -> None:
        """Its log says so once, and it goes on trying to connect at the usual pace."""
        self.forget()
        self.comes_back()
        control = self.cluster.control
        assert control is not None
        assert self.a.agent is not None
        knocked = control.absences.knocked_at(self.a.node_id)
        assert not self.a.agent.loop.forget()
        self.cluster.run(4 * REFUSED_SECONDS)
        later = control.absences.knocked_at(self.a.node_id)
        assert later is not None
        assert knocked is not None
        assert later > knocked

    def test_readmitted(self) -> None:
        """It joins as any node, and is made what it should be now; a purged copy stays unused."""
        self.forget()
        self.comes_back()
        self.cluster.edit(self.readmitted)
        self.cluster.run(60)
        assert self.configuration.nodes.keys() == {self.a.node_id, self.b.node_id}
        assert self.a.containers.made == {}
        assert self.a.storage.read(D) == ("one",)
        assert D not in self.configuration.datasets
        web = Container("web", "10.0.0.1", "nginx:2")
        self.cluster.edit(lambda c: edits.create_container(c, web))
        self.cluster.run(10)
        assert self.running == {"web"}

    def test_readmitted_with_what_is_destroyed_elsewhere(self) -> None:
        """Another node destroys the copy that a move left there; the one that was lost stays."""
        for address in ("10.0.0.2", "10.0.0.1"):
            self.cluster.edit(partial(edits.move_container, name="shop", where=address))
            self.cluster.run(30)
        assert D in self.b.storage.copies
        ended_at = max(each.ended_at for each in self.configuration.past_moves.values())
        self.forget(LostDataset(D, other=self.b.node_id, other_at=ended_at))
        self.comes_back()
        assert D not in self.b.storage.copies
        assert self.configuration.datasets[D].deleted
        self.cluster.edit(self.readmitted)
        self.cluster.run(60)
        assert self.configuration.nodes.keys() == {self.a.node_id, self.b.node_id}
        assert self.a.storage.read(D) == ("one",)
        assert D not in self.configuration.datasets

    def test_older_agent(self) -> None:
        """One that does not know the error sees that it is refused, and goes on as it did."""
        self.patch(greeting, "Hello", OlderHello)
        self.forget()
        self.comes_back()
        assert self.running == {"shop", "web"}
        self.cluster.edit(self.readmitted)
        self.cluster.run(60)
        assert self.a.node_id in self.configuration.nodes
        assert self.running == set()
