"""What the control service keeps of each agent that is connected."""

from __future__ import annotations

from dataclasses import dataclass

from flocker_lite.model.records import NodeId
from flocker_lite.model.state import NodeState
from flocker_lite.protocol.link import Link
from flocker_lite.protocol.messages import Inbox
from flocker_lite.protocol.outbox import Outbox


@dataclass
class Agent:
    """A connected agent."""

    node_id: NodeId
    session: str
    link: Link
    inbox: Inbox[NodeState]
    outbox: Outbox
    greeted: bool = False
    reported: bool = False
