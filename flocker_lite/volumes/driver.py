"""The volume driver of one node: does what Docker asks, and says why when it cannot be.

Docker repeats its requests, and its ids; so each call only says what should be, and nothing is
counted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from flocker_lite.errors import FlockerError
from flocker_lite.interfaces import IVolumeRecords
from flocker_lite.model.records import DatasetId
from flocker_lite.model.volumes import (
    CREATE,
    DESTROY,
    FORGET,
    KnownVolume,
    VolumeRequest,
    VolumeStatus,
)
from flocker_lite.volumes import messages
from flocker_lite.volumes.arrival import Arrival
from flocker_lite.volumes.decisions import Facts
from flocker_lite.volumes.errors import NoSuchVolume, VolumeError
from flocker_lite.volumes.messages import Answer, Asked
from flocker_lite.volumes.options import VolumeOptions, volume_options


class INode(Protocol):
    """The node, as its volumes see it."""

    def path(self, dataset_id: DatasetId) -> str:
        """Where the dataset is, or would be, mounted."""

    async def facts(self, dataset_id: DatasetId, status: VolumeStatus | None) -> Facts:
        """What is known of it right now."""

    async def mount(self, dataset_id: DatasetId, mount_id: str) -> None:
        """Mount the copy of this node, as Docker will be told now. Idempotent."""

    async def ask(self, request: VolumeRequest) -> tuple[VolumeStatus, ...]:
        """What the control service answers; FlockerError when it refuses or is away."""

    def changed(self, seconds_max: float) -> Deferred[Any]:
        """Fires when something about this node may have changed, or after that time."""

    def expect(self, dataset_id: DatasetId, mount_id: str) -> None:
        """Docker is about to use it."""

    def drop(self, dataset_id: DatasetId, mount_id: str) -> None:
        """Docker does not need it for that mount any more."""

    def remembered(self, dataset_id: DatasetId) -> Mapping[str, Any]:
        """What is shown of it, from memory."""

    def is_mounted(self, dataset_id: DatasetId) -> bool:
        """Whether it was mounted here when this node was last looked at."""


class VolumeDriver:
    """Answers the requests of Docker, by their names in its protocol."""

    _log = Logger()

    def __init__(self, node: INode, records: IVolumeRecords, clock: IReactorTime) -> None:
        self._node = node
        self._records = records
        self._clock = clock
        self.calls = {
            "/Plugin.Activate": self._activate,
            "/VolumeDriver.Capabilities": self._capabilities,
            "/VolumeDriver.Create": self._create,
            "/VolumeDriver.Get": self._get,
            "/VolumeDriver.List": self._list,
            "/VolumeDriver.Path": self._path,
            "/VolumeDriver.Mount": self._mount,
            "/VolumeDriver.Unmount": self._unmount,
            "/VolumeDriver.Remove": self._remove,
        }

    async def answer(self, path: str, asked: Asked) -> Answer:
        """The answer to one request, also when it fails."""
        call = self.calls.get(path)
        if call is None:
            return messages.failed(f"{path} is no request of a volume plugin")
        try:
            return await call(asked)
        except NoSuchVolume as error:
            return messages.failed(error)
        except FlockerError as error:
            self._log.warn("{path} of volume {name}: {why}", path=path, name=asked.name, why=error)
            return messages.failed(error)

    async def _activate(self, asked: Asked) -> Answer:
        return messages.ACTIVATED

    async def _capabilities(self, asked: Asked) -> Answer:
        return messages.CAPABLE

    async def _create(self, asked: Asked) -> Answer:
        options = volume_options(asked.name, asked.options)
        request = VolumeRequest(
            *(CREATE, options.dataset, (), options.maximum_size, options.conflict),
            *(options.standbys, options.rpo_seconds, options.failover),
        )
        known = self._records.known.get(asked.name)
        if known is not None and _is_as_asked(known, options):
            return messages.DONE
        (status,) = await self._node.ask(request)
        if status.container is not None:
            raise VolumeError(
                f"container {status.container} of flocker_lite has the dataset {status.name}"
            )
        if options.failover is not None and status.failover is None:
            raise VolumeError("the control service is of a release without failover for volumes")
        await self._records.write(
            KnownVolume(
                asked.name,
                status.dataset_id,
                options.dataset,
                options.maximum_size,
                options.destroys,
                options.conflict,
                self._clock.seconds() if known is None else known.created_at,
                options.standbys,
                options.rpo_seconds,
                options.failover,
            )
        )
        return messages.DONE

    async def _get(self, asked: Asked) -> Answer:
        return {"Volume": self._told(self._known(asked.name)), "Err": ""}

    async def _list(self, asked: Asked) -> Answer:
        known = self._records.known
        return {"Volumes": [self._told(known[name]) for name in sorted(known)], "Err": ""}

    async def _path(self, asked: Asked) -> Answer:
        return messages.mounted(self._path_of(self._known(asked.name)))

    async def _mount(self, asked: Asked) -> Answer:
        known = self._known(asked.name)
        self._node.expect(known.dataset_id, asked.mount_id)
        try:
            await Arrival(self._node, known, asked.mount_id, self._clock).wait()
        except BaseException:
            self._node.drop(known.dataset_id, asked.mount_id)
            raise
        return messages.mounted(self._node.path(known.dataset_id))

    async def _unmount(self, asked: Asked) -> Answer:
        known = self._records.known.get(asked.name)
        if known is not None:
            self._node.drop(known.dataset_id, asked.mount_id)
        return messages.DONE

    async def _remove(self, asked: Asked) -> Answer:
        known = self._records.known.get(asked.name)
        if known is None:
            return messages.DONE
        if known.destroys:
            await self._node.ask(VolumeRequest(DESTROY, dataset_ids=(known.dataset_id,)))
        else:
            # Without an answer this node stays a standby, which harms nobody.
            with suppress(FlockerError):
                await self._node.ask(VolumeRequest(FORGET, dataset_ids=(known.dataset_id,)))
        await self._records.forget(asked.name)
        return messages.DONE

    def _known(self, name: str) -> KnownVolume:
        known = self._records.known.get(name)
        if known is None:
            raise NoSuchVolume(name)
        return known

    def _told(self, known: KnownVolume) -> Answer:
        return messages.volume(
            known.name,
            self._path_of(known),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(known.created_at)),
            {
                "dataset": known.dataset,
                "dataset_id": known.dataset_id,
                **self._node.remembered(known.dataset_id),
            },
        )

    def _path_of(self, known: KnownVolume) -> str:
        """Where it is mounted on this node; "" when it is not."""
        is_here = self._node.is_mounted(known.dataset_id)
        return self._node.path(known.dataset_id) if is_here else ""


def _is_as_asked(known: KnownVolume, options: VolumeOptions) -> bool:
    return options == VolumeOptions(
        *(known.dataset, known.maximum_size, known.destroys, known.conflict),
        *(known.standbys, known.rpo_seconds, known.failover),
    )
