"""The requests between agents about fencing deadlines: see `model.fencing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces import wire
from flocker_lite.interfaces.request import PeerRequest, Permissions

RENEWED_SECONDS = 10.0
AFTER_SECONDS_MAX = 3600
"""The longest time that a renewal may be good for."""
GET_RENEWED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ContainerEpoch:
    """A dataset of a fenced container, and the epoch of its writer."""

    dataset_id: wire.Dataset
    epoch: wire.Epoch


@dataclass(frozen=True, slots=True)
class Renew(PeerRequest[None]):
    """Ask a standby to promise that it takes no part in a promotion of this container for a while.

    It is asked once for each container, and answers when it has promised (`fencing.witness`);
    PeerRefused says why it does not. The peer counts `after_seconds` from when it asked.
    """

    container: wire.ContainerName
    datasets: Annotated[tuple[ContainerEpoch, ...], wire.boxes(ContainerEpoch)]
    after_seconds: Annotated[int, wire.whole(1, AFTER_SECONDS_MAX, "number of seconds")]

    answer_seconds = RENEWED_SECONDS

    def require(self, policy: Permissions) -> None:
        if not self.datasets:
            raise PeerRefused("a container without data is not fenced")
        for dataset in self.datasets:
            policy.require_known(dataset.dataset_id)


@dataclass(frozen=True, slots=True)
class GetRenewed(PeerRequest[None]):
    """Wait until the destination of a move may run the container, once it has its data.

    The destination asks for renewals of its own while the container still runs at its source; the
    answer says why it gets none. Then the pause of the move does not wait for them.
    """

    container: wire.ContainerName
    dataset_ids: wire.Datasets

    answer_seconds = GET_RENEWED_SECONDS

    def require(self, policy: Permissions) -> None:
        policy.require_container(self.container, self.dataset_ids)
