"""An agent finds the leader of several control services, and believes no former one."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.agent.greeting import (
    RECONNECT_SECONDS_MAX,
    SEARCH_SECONDS_MAX,
    SEARCH_SILENCE_SECONDS_MAX,
    ControlFinder,
    NotLeading,
    SearchingEndpoint,
)
from flocker_lite.control.agent_links import AgentLinkFactory
from flocker_lite.control.follower_links import AgentPort
from flocker_lite.control.store.leadership import Leader
from flocker_lite.control.term import Term
from flocker_lite.errors import FlockerError
from flocker_lite.model.records import NodeId
from flocker_lite.testing.cluster import MemoryCluster


class FakeEndpoint:
    """Notes that somebody connects."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen = name, seen

    def connect(self, factory: object) -> Deferred[Any]:
        """Never connects."""
        self.seen.append(self.name)
        return Deferred()


class SearchTests(SynchronousTestCase):
    """Where it connects to."""

    def setUp(self) -> None:
        self.seen: list[str] = []
        self.finder = ControlFinder(3)
        endpoints = [FakeEndpoint(name, self.seen) for name in "abc"]
        self.endpoint = SearchingEndpoint(self.finder, cast(Any, endpoints), self.told)

    def told(self, place: str) -> Any:
        """The endpoint of a leader."""
        if place == "evil":
            raise FlockerError("not on this machine")
        return FakeEndpoint(place, self.seen)

    def connect(self) -> None:
        """It connects once."""
        self.endpoint.connect(cast(Any, None))

    def test_one_after_the_other(self) -> None:
        """Without a hint it tries each in turn."""
        for _ in range(4):
            self.connect()
        assert self.seen == ["a", "b", "c", "a"]

    def test_told(self) -> None:
        """It goes once where a follower sent it."""
        self.connect()
        with pytest.raises(NotLeading, match="going to d:1"):
            self.finder.heard(False, "d:1", 5)
        self.connect()
        self.connect()
        assert self.seen == ["a", "d:1", "b"]

    def test_told_nonsense(self) -> None:
        """Where it must not go it does not go."""
        with pytest.raises(NotLeading):
            self.finder.heard(False, "evil", 5)
        self.connect()
        assert self.seen == ["a"]


def test_terms() -> None:
    """A leader of an older term is not believed, nor is a follower that names one."""
    finder = ControlFinder(3)
    finder.heard(None, None, 5)
    finder.heard(None, None, 7)
    with pytest.raises(NotLeading, match="its term 5 is over, for 7 is known"):
        finder.heard(None, None, 5)
    with pytest.raises(NotLeading, match="nobody leads"):
        finder.heard(False, "old:1", 5)
    assert finder.told is None
    # Nor is one without terms, as a control service alone is.
    with pytest.raises(NotLeading, match="restart this agent"):
        finder.heard(None, None, None)
    ControlFinder().heard(None, None, None)


def test_patience() -> None:
    """With several to choose from an agent is less patient than with one."""
    assert ControlFinder(1).reconnect_seconds_max == RECONNECT_SECONDS_MAX
    assert ControlFinder(2).reconnect_seconds_max == SEARCH_SECONDS_MAX
    assert ControlFinder(2).pulse[1] == SEARCH_SILENCE_SECONDS_MAX < ControlFinder(1).pulse[1]


class SeveralControls(MemoryCluster):
    """A cluster whose control service may follow another one."""

    leads = True
    leader: Leader | None = None
    trouble = ""
    number = 7
    asked = 0

    def answering(self, node_id: NodeId) -> Any:
        self.asked += 1
        if self.control is None:
            return None
        port = AgentPort(self, self.clock, 10)
        term = Term(self.number, lambda: self.leads)
        port.serving = AgentLinkFactory(self.control, self.clock, term=term)
        return port.buildProtocol(None)


class AgentTests(SynchronousTestCase):
    """An agent in a cluster in memory."""

    def setUp(self) -> None:
        self.cluster = SeveralControls(nodes=1)
        [self.node] = self.cluster.nodes

    def is_connected(self) -> bool:
        """Whether the control service has it."""
        assert self.cluster.control is not None
        return not self.cluster.control.is_away(self.node.node_id)

    def test_a_follower_begins_to_lead(self) -> None:
        """The agent stays with it from then on; before, it reports nothing there."""
        self.cluster.leads = False
        self.cluster.start()
        self.cluster.run(5)
        assert not self.is_connected()
        assert self.node.cluster_id == ""
        self.cluster.leads = True
        self.cluster.run(RECONNECT_SECONDS_MAX)
        assert self.is_connected()
        assert self.node.cluster_id != ""

    def test_nobody_leads(self) -> None:
        """It asks less and less often, so that a new leader has time to load."""
        self.cluster.leads = False
        self.cluster.start()
        self.cluster.run(60)
        in_a_minute, self.cluster.asked = self.cluster.asked, 0
        assert in_a_minute < 20
        self.cluster.run(60)
        assert self.cluster.asked <= 4

    def test_a_former_leader(self) -> None:
        """It hangs up on the agent as soon as either says anything; an older term is not taken."""
        self.cluster.start()
        assert self.is_connected()
        self.cluster.leads = False
        self.cluster.run(120)
        self.cluster.leads, self.cluster.number = True, 6
        self.cluster.run(120)
        assert not self.is_connected()
        self.cluster.number = 8
        self.cluster.run(RECONNECT_SECONDS_MAX)
        assert self.is_connected()
