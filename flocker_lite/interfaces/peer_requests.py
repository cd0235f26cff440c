"""The table of the requests between agents, one record for each.

To add a request: add its record here, and answer it in `peers.service`. The annotations of its
fields say how they are encoded and checked, `answer` what comes back, and `require` who may ask;
without `require`, nobody may. A field that is added to an existing request must be optional, since
older agents neither send nor read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from flocker_lite.interfaces import wire
from flocker_lite.interfaces.copy_requests import Copy as Copy
from flocker_lite.interfaces.copy_requests import PeerCopy as PeerCopy
from flocker_lite.interfaces.fencing_requests import ContainerEpoch as ContainerEpoch
from flocker_lite.interfaces.fencing_requests import GetRenewed as GetRenewed
from flocker_lite.interfaces.fencing_requests import Renew as Renew
from flocker_lite.interfaces.request import (
    PeerRequest,
    Permissions,
    Proofs,
    SessionRequest,
    only,
)
from flocker_lite.interfaces.standby_requests import ArrivedSnapshot as ArrivedSnapshot
from flocker_lite.interfaces.standby_requests import SnapshotSetComplete as SnapshotSetComplete
from flocker_lite.interfaces.wire import Form, Wire
from flocker_lite.model.grants import Signed
from flocker_lite.model.versions import Versions

VERSIONS = Versions(oldest=1, newest=1)
SENTENCES_MAX = 50
SENTENCE_CHARACTERS_MAX = 200

PREPARED_SECONDS = 1800.0
"""How long the destination may take to pull an image."""
TRIAL_SECONDS = 4000.0
"""Longer than any trial, because the answer comes when the destination has ended it."""
SERVING_SECONDS = 120.0
"""Longer than the destination waits for a container before it answers that it does not serve."""


@dataclass(frozen=True, slots=True)
class Hello(SessionRequest[str]):
    """The first request of a session: the id of the asking node, and its cluster.

    The asking agent speaks the protocol's versions `oldest` to `version`; without an `oldest`, only
    `version`. The answer is the id of the node that was asked.
    """

    version: wire.UncheckedWhole
    node_id: wire.UncheckedText
    cluster_id: wire.UncheckedText
    oldest: Annotated[int | None, wire.UNCHECKED_WHOLE] = None

    answer = only("node_id", wire.UNCHECKED_TEXT)


@dataclass(frozen=True, slots=True)
class Receive(PeerRequest[str]):
    """Expect a stream from the snapshot `base_guid`, over another ssh that presents the token.

    The service answers with nothing; the session adds the token.
    """

    dataset_id: wire.Dataset
    epoch: wire.Epoch
    base_guid: wire.Base = None
    resumes: wire.Flag = False

    answer = only("token", wire.UNCHECKED_TEXT)

    def require(self, policy: Permissions) -> None:
        policy.require_announced(self.dataset_id, self.epoch)


@dataclass(frozen=True, slots=True)
class Opened(SessionRequest[None]):
    """Wait until the ssh of the stream is connected and the receiver runs."""

    token: wire.Token


@dataclass(frozen=True, slots=True)
class Finish(SessionRequest[None]):
    """Wait until the whole stream is received; the answer is an error if that failed."""

    token: wire.Token

    answer_seconds = None


@dataclass(frozen=True, slots=True)
class Prepared(PeerRequest[None]):
    """Wait until the destination has created the container; the answer says why it cannot.

    `image` pins the exact image; an older agent, which does not know this field, uses the tag. If
    the container `has_ended` for good, it is not created, and the answer comes once the destination
    has learnt that from the control service.
    """

    name: wire.ContainerName
    image: wire.Image = None
    has_ended: wire.RareFlag = False

    answer_seconds = PREPARED_SECONDS

    def require(self, policy: Permissions) -> None:
        policy.require_a_volume(self.name)


@dataclass(frozen=True, slots=True)
class SetAside(PeerRequest[None]):
    """Set aside a diverged replica.

    With `base_guid`, only the part after that snapshot; an older agent sets aside the whole copy.
    """

    dataset_id: wire.Dataset
    base_guid: wire.Base = None

    def require(self, policy: Permissions) -> None:
        policy.require_announced(self.dataset_id)


@dataclass(frozen=True, slots=True)
class Prune(PeerRequest[None]):
    """Destroy the snapshots of earlier pushes, except these."""

    dataset_id: wire.Dataset
    keep_guids: wire.Guids

    def require(self, policy: Permissions) -> None:
        policy.require_known(self.dataset_id)


@dataclass(frozen=True, slots=True)
class SetProperties(PeerRequest[tuple[str, ...]]):
    """Set these properties on a replica; reset a property without a value.

    The answer says in words what failed. An agent of an older release does not know the request,
    and its copy keeps its properties.
    """

    dataset_id: wire.Dataset
    properties: wire.PropertyValues

    answer = only(
        "undone",
        Wire(
            wire.ListForm(Form.TEXT),
            tuple,
            lambda said: [each[:SENTENCE_CHARACTERS_MAX] for each in said[:SENTENCES_MAX]],
        ),
    )

    def require(self, policy: Permissions) -> None:
        policy.require_announced(self.dataset_id)


@dataclass(frozen=True, slots=True)
class Proof(SessionRequest[None]):
    """The proof that a dataset was released; the request to acquire it follows.

    It is a request of its own because of the size limit of one request.
    """

    dataset_id: wire.Dataset
    chain: wire.SignedChain


@dataclass(frozen=True, slots=True)
class Acquire(PeerRequest[None]):
    """Become primary as of the epoch, with this snapshot as the newest. Idempotent.

    `proof` is sent ahead, as a `Proof`.
    """

    dataset_id: wire.Dataset
    epoch: wire.Epoch
    guid: wire.Guid
    proof: tuple[Signed, ...] = ()

    is_proven = True

    def require(self, policy: Permissions) -> None:
        policy.require_epoch(self.dataset_id, self.epoch)

    def proofs(self) -> Proofs:
        return {self.dataset_id: self.proof}

    def with_proofs(self, shown: Proofs) -> Acquire:
        return replace(self, proof=shown.get(self.dataset_id, ()))


@dataclass(frozen=True, slots=True)
class Released:
    """A dataset that was released as of `epoch`; `guid` is that of its last snapshot.

    `proof` proves the release, if the releasing node signs; it is sent ahead, as a `Proof`.
    """

    dataset_id: wire.Dataset
    epoch: wire.Epoch
    guid: wire.Guid
    proof: tuple[Signed, ...] = ()


@dataclass(frozen=True, slots=True)
class AcquireGroup(PeerRequest[None]):
    """Become primary of all of these as one: see `model.membership`. Idempotent.

    The coordinator is one of them.
    """

    coordinator: wire.Dataset
    items: Annotated[tuple[Released, ...], wire.boxes(Released)]

    is_proven = True

    def require(self, policy: Permissions) -> None:
        for item in self.items:
            policy.require_epoch(item.dataset_id, item.epoch)

    def proofs(self) -> Proofs:
        return {item.dataset_id: item.proof for item in self.items}

    def with_proofs(self, shown: Proofs) -> AcquireGroup:
        items = (replace(item, proof=shown.get(item.dataset_id, ())) for item in self.items)
        return replace(self, items=tuple(items))

    def for_older_agents(self) -> tuple[Acquire, ...]:
        """One request for each dataset, the coordinator first; the proofs were sent already."""
        items = sorted(self.items, key=lambda item: item.dataset_id != self.coordinator)
        return tuple(Acquire(item.dataset_id, item.epoch, item.guid) for item in items)


# The names `OfferLoan`, `Lend` and its `lent` stay: they are on the wire.
@dataclass(frozen=True, slots=True)
class OfferLoan(PeerRequest[None]):
    """Offer a trial, whose time starts now; `seconds` is sent as a whole number."""

    container: wire.ContainerName
    dataset_ids: wire.Datasets
    seconds: wire.TrialSeconds

    def require(self, policy: Permissions) -> None:
        policy.require_container(self.container, self.dataset_ids)


@dataclass(frozen=True, slots=True)
class TrialDataset:
    """A dataset that is lent for a trial as of `epoch`; `guid` is that of its last snapshot."""

    dataset_id: wire.Dataset
    epoch: wire.Epoch
    guid: wire.Guid


@dataclass(frozen=True, slots=True)
class Lend(PeerRequest[None]):
    """Wait until the container is healthy on trial; the answer says why it was given back."""

    container: wire.ContainerName
    lent: Annotated[tuple[TrialDataset, ...], wire.boxes(TrialDataset)]

    answer_seconds = TRIAL_SECONDS

    def require(self, policy: Permissions) -> None:
        policy.require_container(self.container, {item.dataset_id for item in self.lent})
        for item in self.lent:
            policy.require_epoch(item.dataset_id, item.epoch)


@dataclass(frozen=True, slots=True)
class Recall(PeerRequest[None]):
    """Wait until none of these is on trial any more."""

    dataset_ids: wire.Datasets

    def require(self, policy: Permissions) -> None:
        for dataset_id in self.dataset_ids:
            policy.require_known(dataset_id)


@dataclass(frozen=True, slots=True)
class Serving(PeerRequest[None]):
    """Wait until the container serves connections there; the answer says why it does not."""

    name: wire.ContainerName

    answer_seconds = SERVING_SECONDS

    def require(self, policy: Permissions) -> None:
        policy.require_a_volume(self.name)


REQUESTS: tuple[type[PeerRequest[Any]], ...] = (
    *(Hello, Proof, Opened, Finish),
    *(Copy, Receive, Prepared, SetAside, Prune, SetProperties),
    *(Acquire, AcquireGroup, OfferLoan, Lend, Recall, Serving),
    *(SnapshotSetComplete, Renew, GetRenewed),
)
