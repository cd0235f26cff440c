"""The control service asks an agent what a move would be like, and is always answered."""

from __future__ import annotations

from typing import Any

from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.errors import PeerUnreachable
from flocker_lite.model.records import Move, MoveOptions
from flocker_lite.model.state import Forecast
from flocker_lite.protocol.forecasts import FORECAST_SECONDS_MAX, ForecastingLink, NoForecast, ask
from flocker_lite.protocol.link import Link
from tests.protocol.joined import joined

MOVE = Move("m", "a", "b", 1.5, "shop", ("d",), MoveOptions(bandwidth_limit=5))
COSTS = pmap({"stop": 0.25})
FORECAST = Forecast(1000, True, 2.5, 0.5, "slow")


class ForecastTests(SynchronousTestCase):
    """Two ends in memory; nothing arrives but by `pump`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.agent = ForecastingLink(self.clock)
        self.join(self.agent)

    def join(self, agent: Link) -> None:
        """Join the control service to this agent."""
        self.control, self.pump = joined(self.clock, agent)

    def ask(self) -> Deferred[Forecast]:
        """Ask, and let the answer come if there is one."""
        asking = Deferred.fromCoroutine(ask(self.control, self.clock, MOVE, COSTS, "10.0.0.2"))
        self.pump.flush()
        return asking

    def refusal(self, asking: Deferred[Forecast]) -> str:
        """The words in which there is no forecast."""
        return str(self.failureResultOf(asking, NoForecast).value)

    def fails(self, error: Exception) -> None:
        """The agent's answer is to fail in this way."""

        async def make_forecast(move: Move, costs: PMap[str, float], address: str) -> Forecast:
            raise error

        self.agent.make_forecast = make_forecast

    def test_answer(self) -> None:
        """The agent is given the move and the costs, and its forecast is the answer."""
        asked: list[Any] = []

        async def make_forecast(move: Move, costs: PMap[str, float], address: str) -> Forecast:
            asked.append((move, costs, address))
            return FORECAST

        self.agent.make_forecast = make_forecast
        assert self.successResultOf(self.ask()) == FORECAST
        assert asked == [(MOVE, COSTS, "10.0.0.2")]

    def test_reason(self) -> None:
        """What the agent cannot do is told in its words; the connection stays."""
        self.fails(PeerUnreachable("10.0.0.2 does not answer"))
        assert "10.0.0.2 does not answer" in self.refusal(self.ask())
        assert "10.0.0.2 does not answer" in self.refusal(self.ask())

    def test_bug(self) -> None:
        """A mistake of the agent's is logged there, and does not cost the connection either."""
        self.fails(ZeroDivisionError("oops"))
        assert "oops" in self.refusal(self.ask())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert "oops" in self.refusal(self.ask())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_starting(self) -> None:
        """An agent that is not ready says so."""
        assert "still starting" in self.refusal(self.ask())

    def test_silence(self) -> None:
        """One that does not answer in time is not waited for."""
        never: Deferred[Forecast] = Deferred()

        async def make_forecast(move: Move, costs: PMap[str, float], address: str) -> Forecast:
            return await never

        self.agent.make_forecast = make_forecast
        asking = self.ask()
        self.clock.advance(FORECAST_SECONDS_MAX - 1)
        self.assertNoResult(asking)
        self.clock.advance(1)
        assert "did not answer within" in self.refusal(asking)

    def test_gone(self) -> None:
        """One that goes away meanwhile is not waited for."""
        never: Deferred[Forecast] = Deferred()

        async def make_forecast(move: Move, costs: PMap[str, float], address: str) -> Forecast:
            return await never

        self.agent.make_forecast = make_forecast
        asking = self.ask()
        self.control.connectionLost(Failure(ConnectionDone()))
        assert "disconnected meanwhile" in self.refusal(asking)

    def test_other_release(self) -> None:
        """One that does not know the question is of another release."""
        self.join(Link(self.clock))
        assert "does not know forecasts" in self.refusal(self.ask())
