"""The request for another node's copy of a dataset, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flocker_lite.interfaces import wire
from flocker_lite.interfaces.request import Answer, PeerRequest, Permissions
from flocker_lite.interfaces.wire import Field, Wire
from flocker_lite.model import lease
from flocker_lite.model.lease import Lease
from flocker_lite.model.state import Snapshot


@dataclass(frozen=True, slots=True)
class PeerCopy:
    """The copy of a dataset at another node.

    With a `resume_token` there is also a partial stream, which can be resumed. `snapshots` are
    oldest first, as many as `increments.told` chooses; None from an agent of an older release,
    which sends only the newest.
    """

    exists: bool
    lease: Lease | None = None
    newest: Snapshot | None = None
    resume_token: str | None = None
    snapshots: tuple[Snapshot, ...] | None = None


def _encode_snapshots(snapshots: tuple[Snapshot, ...]) -> list[dict[str, str]]:
    return [{"name": snapshot.name, "guid": snapshot.guid} for snapshot in snapshots]


_SNAPSHOTS = Wire(
    wire.BoxForm({"name": Field(wire.UNCHECKED_TEXT), "guid": Field(wire.UNCHECKED_TEXT)}),
    lambda boxes: tuple(Snapshot(box["name"], box["guid"]) for box in boxes),
    _encode_snapshots,
)


def _encode_copy(copy: PeerCopy) -> dict[str, Any]:
    newest, snapshots = copy.newest, copy.snapshots
    return {
        "exists": copy.exists,
        "lease": str(copy.lease) if copy.lease is not None else None,
        "name": newest.name if newest is not None else None,
        "guid": newest.guid if newest is not None else None,
        "resume_token": copy.resume_token,
        "snapshots": _SNAPSHOTS.encode(snapshots) if snapshots is not None else None,
    }


def _decode_copy(box: dict[str, Any]) -> PeerCopy:
    held, guid, snapshots = box.get("lease"), box.get("guid"), box.get("snapshots")
    return PeerCopy(
        box["exists"],
        lease.parse(held) if held is not None else None,
        Snapshot(box["name"], guid) if guid is not None else None,
        box.get("resume_token"),
        _SNAPSHOTS.decode(snapshots) if snapshots is not None else None,
    )


@dataclass(frozen=True, slots=True)
class Copy(PeerRequest[PeerCopy]):
    """Ask for the peer's copy of a dataset.

    Older agents do not send `resume_token` and `snapshots`, which were added later; so they are
    never asked to resume.
    """

    dataset_id: wire.Dataset

    answer = Answer(
        {
            "exists": Field(wire.FLAG),
            **{
                name: Field(wire.UNCHECKED_TEXT, is_optional=True)
                for name in ("lease", "name", "guid", "resume_token")
            },
            "snapshots": Field(_SNAPSHOTS, is_optional=True),
        },
        _encode_copy,
        _decode_copy,
    )

    def require(self, policy: Permissions) -> None:
        policy.require_known(self.dataset_id)
