"""What the REST API sees of the control service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeAlias

from zope.interface import Attribute, Interface

from flocker_lite.control.absences import Absences
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.journal import Journal
from flocker_lite.model.accounts import MoveState
from flocker_lite.model.records import Configuration, Edit, Move, NodeId
from flocker_lite.model.state import Forecast

EditFunction: TypeAlias = Callable[[Configuration], Edit]
"""A pure edit; it raises EditError for what is not to be."""


class IControl(Interface):
    """The configuration, the way to change it, and the state of the cluster."""

    configuration: Configuration = Attribute("The configuration as it is now, all of it durable.")
    tag: str = Attribute("The tag of this configuration.")
    cluster: ClusterState = Attribute("What the agents report.")
    eras: Mapping[NodeId, str] = Attribute("The era, a UUID of its boot, of each node in it.")
    certificates: Mapping[NodeId, float] = Attribute(
        "When the certificate of each node that has one expires, in seconds since 1970."
    )
    journal: Journal = Attribute("What of all this changed when.")
    absences: Absences = Attribute("What is to be said of agents that are away.")

    def is_away(node_id: NodeId) -> bool:
        """Whether its agent is not connected; what it reported last is believed for a while."""

    def edit(
        function: EditFunction, tags: Collection[str] = (), then: EditFunction = Edit
    ) -> Awaitable[Edit]:
        """Apply a pure edit; when this returns, it is durable and on its way to the agents.

        Edits are applied one after the other; moves begin and end with them, and `then` is applied
        to what came of that. What either raises, this raises, and nothing is changed; StoreError
        when it could not be made durable, TagMismatch when there are `tags` and none of them is
        that of the configuration; then nothing is changed either.
        """

    def planned(function: EditFunction, then: EditFunction = Edit) -> Edit:
        """What `edit` would make of the configuration; nothing is changed."""

    def cancel_move(move_id: str, tags: Collection[str] = ()) -> Awaitable[Edit]:
        """Have what moves stay where it is; EditError when it is too late, or there is no move."""

    def accounts(move_id: str) -> tuple[MoveState, ...]:
        """What the agents said last of a move that is not over."""

    def forecast(move: Move) -> Awaitable[Forecast]:
        """What a move would be like if it began now; NoForecast when its source cannot tell."""
