"""The interfaces between agents: how one asks another, and what answers there."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from zope.interface import Interface

from flocker_lite.interfaces.request import PeerRequest
from flocker_lite.model.records import DatasetId, NodeId

A = TypeVar("A")


class IReceiving(Interface):
    """A receiver at another node that waits for its stream."""

    def fileno() -> int:
        """The descriptor to write the stream to."""

    def finish() -> Awaitable[None]:
        """Say that the stream is complete and wait until it is received; raises what went wrong.

        Raises PeerUnreachable when the stream stalled for too long.
        """

    def stall_after(seconds: float) -> None:
        """From now on, give up when the stream stalls for that long."""

    def sent_bytes() -> int:
        """How many bytes were sent so far."""

    def limit(bytes_per_second: int | None) -> None:
        """Limit the rate of the running stream and of later ones; None lifts the limit."""

    def abort() -> None:
        """Give up; the receiving end drops what it has. No effect once the stream is finished."""


class IPeer(Interface):
    """A session with the agent of another node."""

    def ask(request: PeerRequest[A]) -> Awaitable[A]:
        """Send a request of the table in `peer_requests`, and return the answer.

        Raises PeerRefused, with the reason, when the peer refuses; PeerUnreachable when no answer
        comes; and NotUnderstood when the peer's release does not know the request, unless older
        requests can ask for the same.
        """

    def receive(
        dataset_id: DatasetId, epoch: int, base_guid: str | None, resumes: bool = False
    ) -> Awaitable[IReceiving]:
        """Make the peer wait for a stream from the snapshot `base_guid` (None: a full stream).

        `epoch` is that of this node as primary. With `resumes` the stream resumes an interrupted
        one; otherwise the peer discards the partial one. An earlier receive of the dataset ends.
        Raises PeerRefused when the peer may not receive this stream.
        """

    def close() -> None:
        """End the session."""


class IPeers(Interface):
    """Connects to the agents of other nodes."""

    def connect(node_id: NodeId, address: str, carries_streams: bool = False) -> Awaitable[IPeer]:
        """Connect to the agent of the node; PeerUnreachable when that fails.

        With `carries_streams`, streams share the connection of the session where they can: small
        ones begin sooner then, and large ones share its rate.
        """


class IPeerService(Interface):
    """Answers the requests of other nodes' agents; PeerRefused says why it refuses one."""

    def answer(request: PeerRequest[A]) -> Awaitable[A]:
        """Answer a request. For a `Receive`: check that the stream may come, and make room."""

    def receive(dataset_id: DatasetId, epoch: int, fd: int) -> Awaitable[None]:
        """Receive a stream from the descriptor; the replica gets the sender's epoch."""
