"""What concerns every node: few agents are told at once, many in turns, and together."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.control.broadcast import AT_ONCE_MAX, TOGETHER_SECONDS, Broadcast
from flocker_lite.logs.bound_fields import REQUEST, bound, bound_request_id
from flocker_lite.model.records import Change, NodeId


def change(identity: str, record: object = None) -> Change:
    """A route that changed."""
    return Change("routes", identity, record)


class BroadcastTests(SynchronousTestCase):
    """A broadcast to so many agents."""

    def of(self, agents: int) -> Broadcast:
        """One whose agents note what they are told."""
        self.clock = Clock()
        self.agents = [f"node {number}" for number in range(agents)]
        self.told: list[tuple[NodeId, list[Change], str]] = []
        self.broadcast = Broadcast(self.clock, lambda: self.agents, self.tell)
        return self.broadcast

    def tell(self, node_id: NodeId, changes: list[Change]) -> None:
        """An agent is told."""
        self.told.append((node_id, changes, bound_request_id()))

    def rounds(self) -> list[list[str]]:
        """What the first agent was told, message by message."""
        said = [changes for node_id, changes, _ in self.told if node_id == self.agents[0]]
        return [[each.identity for each in changes] for changes in said]

    def test_few(self) -> None:
        """They are told at once, each change for itself."""
        self.of(AT_ONCE_MAX)
        self.broadcast.add([change("80")])
        self.broadcast.add([change("81")])
        assert len(self.told) == 2 * AT_ONCE_MAX
        assert self.rounds() == [["80"], ["81"]]
        assert not self.clock.getDelayedCalls()

    def test_nothing(self) -> None:
        """No change is no message."""
        self.of(AT_ONCE_MAX + 1).add([])
        assert not self.told
        assert not self.clock.getDelayedCalls()

    def test_many(self) -> None:
        """Some are told at once, the others in the next turns, and all of them once."""
        self.of(2 * AT_ONCE_MAX + 1).add([change("80")])
        assert len(self.told) == AT_ONCE_MAX
        [rest] = self.clock.getDelayedCalls()
        assert rest.getTime() == 0
        self.clock.advance(0)
        assert [node_id for node_id, _, _ in self.told] == self.agents
        self.clock.advance(TOGETHER_SECONDS)
        assert len(self.told) == len(self.agents)
        assert not self.clock.getDelayedCalls()

    def test_together(self) -> None:
        """What changes while many are told, or soon afterwards, is one message, as it is then."""
        self.of(AT_ONCE_MAX + 1)
        self.broadcast.add([change("80")])
        self.broadcast.add([change("81", "old")])
        self.clock.advance(0)
        self.broadcast.add([change("81", "new"), change("82")])
        assert self.rounds() == [["80"]]
        self.clock.advance(TOGETHER_SECONDS)
        self.clock.advance(0)
        assert self.rounds() == [["80"], ["81", "82"]]
        assert self.told[-1][:2] == (self.agents[-1], [change("81", "new"), change("82")])

    def test_agents_that_come_and_go(self) -> None:
        """Those are told that are there when it begins; the others know the whole state anyway."""
        self.of(AT_ONCE_MAX + 1).add([change("80")])
        self.agents.append("late")
        self.clock.advance(0)
        assert "late" not in {node_id for node_id, _, _ in self.told}

    def test_request(self) -> None:
        """Each agent is told for the request that the change follows from."""
        self.of(AT_ONCE_MAX + 1)
        with bound({REQUEST: "r-1"}):
            self.broadcast.add([change("80")])
        self.clock.advance(0)
        assert {request for _, _, request in self.told} == {"r-1"}

    def test_stopped(self) -> None:
        """Nobody is told anything after the end."""
        self.of(AT_ONCE_MAX + 1).add([change("80")])
        self.broadcast.add([change("81")])
        self.broadcast.stop()
        self.broadcast.stop()
        assert len(self.told) == AT_ONCE_MAX
        assert not self.clock.getDelayedCalls()
