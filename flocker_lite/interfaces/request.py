"""The base of requests between agents: the answer, the permission and the time-out of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from flocker_lite.errors import PeerRefused
from flocker_lite.interfaces.wire import Field, Wire
from flocker_lite.model.grants import Signed
from flocker_lite.model.records import DatasetId

ANSWER_SECONDS = 60.0

A = TypeVar("A")
Proofs = Mapping[DatasetId, tuple[Signed, ...]]


class Permissions(Protocol):
    """Checks what a peer may ask; each check raises PeerRefused. See `peers.policy.PeerPolicy`."""

    def require_announced(self, dataset_id: DatasetId, epoch: int | None = None) -> None: ...

    def require_known(self, dataset_id: DatasetId) -> None: ...

    def require_epoch(self, dataset_id: DatasetId, epoch: int) -> None: ...

    def require_container(self, name: str, dataset_ids: Collection[DatasetId]) -> None: ...

    def require_a_volume(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a request: its fields, and how a value is encoded and decoded."""

    fields: Mapping[str, Field]
    encode: Callable[[Any], dict[str, Any]]
    decode: Callable[[dict[str, Any]], Any]


def only(name: str, kind: Wire) -> Answer:
    """An answer with a single field."""
    return Answer(
        {name: Field(kind)},
        lambda value: {name: kind.encode(value)},
        lambda box: kind.decode(box[name]),
    )


NOTHING = Answer({}, lambda _: {}, lambda _: None)


class PeerRequest(Generic[A]):
    """A request to another node's agent; `A` is the type of the answer."""

    __slots__ = ()

    answer: ClassVar[Answer] = NOTHING
    answer_seconds: ClassVar[float | None] = ANSWER_SECONDS
    """How long to wait for the answer; None means for ever."""
    is_proven: ClassVar[bool] = False
    """Whether proofs are sent ahead of it."""

    def require(self, policy: Permissions) -> None:
        """PeerRefused unless the peer may ask this."""
        raise PeerRefused("nobody may ask this")

    def proofs(self) -> Proofs:
        """The proofs that are sent ahead of it."""
        return {}

    def with_proofs(self, shown: Proofs) -> PeerRequest[A]:
        """This request with the proofs that were sent ahead of it."""
        return self

    def for_older_agents(self) -> tuple[PeerRequest[None], ...]:
        """The requests to send instead, in order, to an agent that does not know this one.

        Only requests without an answer may have some.
        """
        return ()


class SessionRequest(PeerRequest[A]):
    """A request that the session answers itself, without the service."""

    __slots__ = ()
