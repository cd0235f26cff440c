"""The control service as the REST API sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from zope.interface import Attribute, Interface

from flocker_lite.control.absences import Absences
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.model.adoption import Adoption
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Configuration, Edit, Move, NodeId
from flocker_lite.model.state import Forecast
from flocker_lite.protocol.container_output import RemoteOutput

EditFunction: TypeAlias = Callable[[Configuration], Edit]
"""A pure edit; it raises EditError if the edit is not allowed."""


class IControl(Interface):
    """The configuration, edits of it, and the state of the cluster."""

    configuration: Configuration = Attribute("The current configuration; all of it is durable.")
    tag: str = Attribute("The tag of this configuration.")
    cluster: ClusterState = Attribute("What the agents report.")
    eras: Mapping[NodeId, str] = Attribute("The era, a UUID of its boot, of each node in it.")
    certificates: Mapping[NodeId, float] = Attribute(
        "When the certificate of each node expires, in seconds since 1970."
    )
    change_feed: ChangeFeed = Attribute("Which items changed, in order.")
    absences: Absences = Attribute("The texts about agents that are away.")

    def is_away(node_id: NodeId) -> bool:
        """Whether its agent is not connected; its last report counts for a while."""

    def edit(
        function: EditFunction, tags: Collection[str] = (), then: EditFunction = Edit
    ) -> Awaitable[Edit]:
        """Apply a pure edit; when this returns, it is durable and on its way to the agents.

        Edits are applied one after the other. An edit may begin and end moves; `then` is applied
        to the result of that. Raises what either function raises; StoreError if the edit could
        not be made durable; TagMismatch if there are `tags` and none is the configuration's.
        After an error nothing has changed.
        """

    def planned(function: EditFunction, then: EditFunction = Edit) -> Edit:
        """What `edit` would do; changes nothing."""

    def cancel_move(move_id: str, tags: Collection[str] = ()) -> Awaitable[Edit]:
        """Cancel a move; EditError if it is too late, or there is no such move."""

    def progress_of(move_id: str) -> tuple[MoveProgress, ...]:
        """What the agents last reported of an open move."""

    def forecast(move: Move) -> Awaitable[Forecast]:
        """Forecast a move that would begin now; NoForecast if its source cannot."""

    def adoption(node_id: NodeId, container: str, name: str | None) -> Awaitable[Adoption]:
        """What a container of Docker's on a node would become, under that name if one is given.

        NoAdoption if its agent cannot say.
        """

    def output(node_id: NodeId, name: str, lines: int, follow: bool) -> Awaitable[RemoteOutput]:
        """What a container on a node writes: its last lines, and with `follow` what comes.

        NoOutput if it cannot be read. The caller has to close it.
        """
