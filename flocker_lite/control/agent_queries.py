"""Queries to agents, for what they do not report by themselves: forecasts and output."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from flocker_lite.control.interfaces import IControl
from flocker_lite.model import moves
from flocker_lite.model.records import Move, NodeId
from flocker_lite.model.state import Forecast
from flocker_lite.protocol.container_output import (
    OutputAway,
    RemoteOutput,
    TooManyReaders,
    open_output,
)
from flocker_lite.protocol.forecasts import NoForecast, ask
from flocker_lite.protocol.link import Link

READERS_MAX = 100
"""Requests that read the output of a container at the same time."""


class AgentQueries:
    """Asks agents; `link_of` returns the connection of an agent, or None if it is away."""

    def __init__(
        self, control: IControl, link_of: Callable[[NodeId], Link | None], clock: IReactorTime
    ) -> None:
        self._control = control
        self._link_of = link_of
        self._clock = clock
        self._readers = 0

    async def forecast(self, move: Move) -> Forecast:
        """What a move would be like if it began now; NoForecast if its source cannot tell."""
        link = self._link_of(move.source)
        if link is None:
            why = self._why_away(move.source)
            raise NoForecast(f"The agent of the source is away: ask again when it is back.{why}")
        configuration = self._control.configuration
        container = configuration.containers.get(move.container or "")
        costs = moves.pause_costs(moves.last_alike(configuration, move), container)
        address = configuration.nodes[move.destination].address
        return await ask(link, self._clock, move, costs, address)

    async def output(self, node_id: NodeId, name: str, lines: int, follow: bool) -> RemoteOutput:
        """The last lines of a container on a node, and what follows; NoOutput if unavailable."""
        link = self._link_of(node_id)
        if link is None:
            why = self._why_away(node_id)
            raise OutputAway(f"The agent of that node is away: ask again when it is back.{why}")
        if self._readers >= READERS_MAX:
            raise TooManyReaders(
                f"{READERS_MAX} requests are reading the output of containers already: end some, "
                "or ask again later."
            )
        self._readers += 1
        return await open_output(link, self._clock, name, lines, follow, self._closed)

    def _closed(self) -> None:
        self._readers -= 1

    def _why_away(self, node_id: NodeId) -> str:
        away = self._control.absences.of_node(node_id)
        return f" ({away})" if away is not None else ""
