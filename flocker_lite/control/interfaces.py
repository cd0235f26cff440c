"""The control service as the REST API sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import TypeAlias

from zope.interface import Attribute, Interface

from flocker_lite.control.absences import Absences
from flocker_lite.control.audit.log import AuditLog
from flocker_lite.control.change_feed import ChangeFeed
from flocker_lite.control.cluster_state import ClusterState
from flocker_lite.control.failover_keeper import FailoverKeeper
from flocker_lite.control.failovers import Failovers
from flocker_lite.control.node_records import NodeRecords
from flocker_lite.control.promotions import Promotions
from flocker_lite.model.adoption import Adoption, Release
from flocker_lite.model.diagnosis import Diagnosis
from flocker_lite.model.draining import Reports
from flocker_lite.model.move_progress import MoveProgress
from flocker_lite.model.records import Configuration, DatasetId, Edit, Move, NodeId
from flocker_lite.model.state import Forecast
from flocker_lite.model.usage import NodeUsage
from flocker_lite.model.volumes import VolumeUse
from flocker_lite.protocol.adoptions import CONTAINER
from flocker_lite.protocol.container_output import RemoteOutput

EditFunction: TypeAlias = Callable[[Configuration], Edit]
"""A pure edit; it raises EditError if the edit is not allowed."""


class IControl(Interface):
    """The configuration, edits of it, and the state of the cluster."""

    configuration: Configuration = Attribute("The current configuration; all of it is durable.")
    tag: str = Attribute("The tag of this configuration.")
    cluster: ClusterState = Attribute("What the agents report.")
    node_records: NodeRecords = Attribute("What is remembered of each node besides.")
    change_feed: ChangeFeed = Attribute("Which items changed, in order.")
    audit: AuditLog = Attribute("Who changed what.")
    reports: Reports = Attribute("What decides where things may go.")
    absences: Absences = Attribute("The texts about agents that are away.")
    failovers: Failovers = Attribute("Has standbys take over.")
    failover_keeper: FailoverKeeper = Attribute("Has them take over by themselves.")
    promotions: Promotions = Attribute("Has one take over once a deadline has passed.")

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

    def adoption(
        node_id: NodeId, container: str, name: str | None, kind: str = CONTAINER
    ) -> Awaitable[Adoption]:
        """What a container of Docker's on a node would become, under that name if one is given.

        With the `kind` of a source it is about a volume or a directory. NoAdoption if its agent
        cannot say.
        """

    def release(node_id: NodeId, name: str, docker_name: str | None) -> Awaitable[Release]:
        """What a container on a node would become, under that name in Docker if one is given.

        NoAdoption if its agent cannot say.
        """

    def diagnosis(node_id: NodeId) -> Awaitable[Diagnosis]:
        """What is wrong with a node, asked live; NoObservation if its agent cannot say."""

    def usage(node_id: NodeId) -> Awaitable[NodeUsage]:
        """What a node and its containers use, asked live; NoObservation if its agent cannot say."""

    def volume_use(node_id: NodeId, dataset_id: DatasetId) -> Awaitable[VolumeUse]:
        """Who of a node's Docker uses a dataset; ControlAway if its agent does not say."""

    def output(node_id: NodeId, name: str, lines: int, follow: bool) -> Awaitable[RemoteOutput]:
        """What a container on a node writes: its last lines, and with `follow` what comes.

        NoOutput if it cannot be read. The caller has to close it.
        """
