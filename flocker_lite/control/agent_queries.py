"""Queries to agents, for what they do not report by themselves, such as forecasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.interfaces import IReactorTime

from flocker_lite.control.interfaces import IControl
from flocker_lite.errors import FlockerError
from flocker_lite.model.adoption import Adoption, Release
from flocker_lite.model.diagnosis import Diagnosis
from flocker_lite.model.pause_history import estimates, last_alike, pause_costs
from flocker_lite.model.records import DatasetId, Move, NodeId
from flocker_lite.model.state import Forecast
from flocker_lite.model.usage import NodeUsage
from flocker_lite.model.volumes import VolumeUse
from flocker_lite.protocol.adoptions import CONTAINER, AdoptionAway, describe
from flocker_lite.protocol.container_output import (
    OutputAway,
    RemoteOutput,
    TooManyReaders,
    open_output,
)
from flocker_lite.protocol.forecasts import NoForecast, ask
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.observations import NoObservation, examine, measure
from flocker_lite.protocol.releases import describe as describe_release
from flocker_lite.protocol.volumes import ControlAway, ask_use

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
        link = self._link(move.source, "the source", NoForecast)
        configuration = self._control.configuration
        container = configuration.containers.get(move.container or "")
        costs = pause_costs(last_alike(configuration, move), container)
        move = replace(move, estimates=estimates(configuration, move, container))
        address = configuration.nodes[move.destination].address
        return await ask(link, self._clock, move, costs, address)

    async def output(self, node_id: NodeId, name: str, lines: int, follow: bool) -> RemoteOutput:
        """The last lines of a container on a node, and what follows; NoOutput if unavailable."""
        link = self._link(node_id, "that node", OutputAway)
        if self._readers >= READERS_MAX:
            raise TooManyReaders(
                f"{READERS_MAX} requests are reading the output of containers already: end some, "
                "or ask again later."
            )
        self._readers += 1
        return await open_output(link, self._clock, name, lines, follow, self._closed)

    async def adoption(
        self, node_id: NodeId, container: str, name: str | None, kind: str = CONTAINER
    ) -> Adoption:
        """What a container of Docker's on a node would become; NoAdoption if its agent cannot say.

        `name` is what it is to be called, as in Docker if that is None. With the `kind` of a source
        it is about a volume or a directory.
        """
        link = self._link(node_id, "that node", AdoptionAway)
        return await describe(link, self._clock, container, name, kind)

    async def release(self, node_id: NodeId, name: str, docker_name: str | None) -> Release:
        """What a container on a node would become; NoAdoption if its agent cannot say.

        `docker_name` is what it is to be called, as here if that is None.
        """
        link = self._link(node_id, "its node", AdoptionAway)
        return await describe_release(link, self._clock, name, docker_name)

    async def diagnosis(self, node_id: NodeId) -> Diagnosis:
        """What is wrong with a node, by its agent; NoObservation if that cannot say."""
        return await examine(self._link(node_id, "that node", NoObservation), self._clock)

    async def usage(self, node_id: NodeId) -> NodeUsage:
        """What a node and its containers use; NoObservation if its agent cannot say."""
        return await measure(self._link(node_id, "that node", NoObservation), self._clock)

    async def volume_use(self, node_id: NodeId, dataset_id: DatasetId) -> VolumeUse:
        """Who of a node's Docker uses a dataset; ControlAway if its agent does not say."""
        link = self._link(node_id, "that node", ControlAway)
        address = self._control.configuration.nodes[node_id].address
        return await ask_use(link, self._clock, dataset_id, f"the agent of {address}")

    def _closed(self) -> None:
        self._readers -= 1

    def _link(self, node_id: NodeId, what: str, away: type[FlockerError]) -> Link:
        """The connection of the node's agent; `away` if it has none."""
        link = self._link_of(node_id)
        if link is None:
            since = self._control.absences.of_node(node_id)
            why = f" ({since})" if since is not None else ""
            raise away(f"The agent of {what} is away: ask again when it is back.{why}")
        return link


class AsksAgents:
    """The methods of `IControl` that ask an agent."""

    _agent_queries: AgentQueries

    async def forecast(self, move: Move) -> Forecast:
        return await self._agent_queries.forecast(move)

    async def output(self, node_id: NodeId, name: str, lines: int, follow: bool) -> RemoteOutput:
        return await self._agent_queries.output(node_id, name, lines, follow)

    async def adoption(
        self, node_id: NodeId, container: str, name: str | None, kind: str = CONTAINER
    ) -> Adoption:
        return await self._agent_queries.adoption(node_id, container, name, kind)

    async def release(self, node_id: NodeId, name: str, docker_name: str | None) -> Release:
        return await self._agent_queries.release(node_id, name, docker_name)

    async def diagnosis(self, node_id: NodeId) -> Diagnosis:
        return await self._agent_queries.diagnosis(node_id)

    async def usage(self, node_id: NodeId) -> NodeUsage:
        return await self._agent_queries.usage(node_id)

    async def volume_use(self, node_id: NodeId, dataset_id: DatasetId) -> VolumeUse:
        return await self._agent_queries.volume_use(node_id, dataset_id)
