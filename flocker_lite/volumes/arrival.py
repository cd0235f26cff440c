"""A dataset that Docker wants mounted here: has it come, waits for it, and mounts it.

Docker gives up after 120 s, so this answers before, in words that Docker's user can act on. What
was begun goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from flocker_lite.errors import FlockerError, NotYet
from flocker_lite.model.volumes import DESCRIBE, HAVE, KnownVolume, VolumeRequest, VolumeStatus
from flocker_lite.volumes.decisions import Step, next_step
from flocker_lite.volumes.errors import VolumeError

if TYPE_CHECKING:
    from flocker_lite.volumes.driver import INode

ANSWER_SECONDS_MAX = 100.0
"""Docker waits 120 s for the answer to Create and Mount."""

LOOK_SECONDS = 0.5
"""The longest time until the next look; before the first discovery nothing says that it changed."""

DESCRIBE_SECONDS = 2.0
NOT_YET_SECONDS = 1.0
"""How long until we ask again for what comes by itself."""

ERROR_SECONDS = 10.0
"""An error that stays for so long is told at once; agents try again by themselves meanwhile."""


ASKS_MAX = 3
"""How often one request to mount a volume asks for it."""


class Arrival:
    """One request to mount a volume."""

    def __init__(self, node: INode, known: KnownVolume, mount_id: str, clock: IReactorTime) -> None:
        self._node = node
        self._known = known
        self._mount_id = mount_id
        self._clock = clock
        self._ends = clock.seconds() + ANSWER_SECONDS_MAX
        self._status: VolumeStatus | None = None
        self._described_at = clock.seconds()
        self._error_since: float | None = None
        self._asks_left = ASKS_MAX

    async def wait(self) -> None:
        """Return once it is mounted; FlockerError when it will not be in time, or at all."""
        known = self._known
        while True:
            facts = await self._node.facts(known.dataset_id, self._status)
            step, why = next_step(facts)
            if step is Step.REFUSE:
                raise VolumeError(f"volume {known.name}: {why}")
            if step is Step.MOUNT:
                await self._node.mount(known.dataset_id, self._mount_id)
                return
            if step is Step.ASK and self._asks_left > 0:
                # Again when its move was given up: then the answer says who uses it.
                self._asks_left -= 1
                await self._ask()
                continue
            if step is Step.ASK:
                raise VolumeError(self._trouble() or self._elsewhere())
            if self._clock.seconds() >= self._ends:
                raise VolumeError(f"volume {known.name}: {why}" if why else self._on_its_way())
            await self._node.changed(LOOK_SECONDS)
            await self._describe()

    async def _ask(self) -> None:
        """Ask to have it here, until the answer is one that nobody has to wait for."""
        known = self._known
        request = VolumeRequest(HAVE, dataset_ids=(known.dataset_id,), conflict=known.conflict)
        while True:
            try:
                self._take(await self._node.ask(request))
                return
            except NotYet:
                if self._clock.seconds() >= self._ends:
                    raise
            await deferLater(self._clock, NOT_YET_SECONDS)

    async def _describe(self) -> None:
        """Ask now and then how the move gets on; VolumeError when it does not."""
        now = self._clock.seconds()
        if self._status is None or now - self._described_at < DESCRIBE_SECONDS:
            return
        self._described_at = now
        try:
            found = await self._node.ask(
                VolumeRequest(DESCRIBE, dataset_ids=(self._known.dataset_id,))
            )
        except FlockerError:
            return  # what was begun needs no control service
        self._take(found)
        trouble = self._trouble()
        if trouble is None:
            self._error_since = None
        elif self._error_since is None:
            self._error_since = now
        elif now - self._error_since >= ERROR_SECONDS:
            raise VolumeError(trouble)

    def _take(self, found: tuple[VolumeStatus, ...]) -> None:
        if not found:
            raise VolumeError(
                f"the dataset of volume {self._known.name} has been deleted: remove the volume "
                "with `docker volume rm`"
            )
        (self._status,) = found

    def _trouble(self) -> str | None:
        status = self._status
        if status is None or status.error is None:
            return None
        return f"volume {self._known.name} does not come here: {status.error}"

    def _elsewhere(self) -> str:
        where = self._status.node if self._status is not None else "another node"
        return f"volume {self._known.name} went to {where}: start again"

    def _on_its_way(self) -> str:
        status, name = self._status, self._known.name
        if (trouble := self._trouble()) is not None:
            return trouble
        if status is None or status.moves_to is None:
            return f"volume {name} is not there yet: start again"
        done = f", {status.percent} %" if status.percent is not None else ""
        return f"volume {name} is on its way from {status.node}{done}: start again"
