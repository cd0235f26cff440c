"""The doors to what ends containers of this node when the agent does not: trials, and deadlines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from zope.interface import Attribute, Interface

from flocker_lite.model.records import DatasetId


class IFence(Interface):
    """Ends trials on this node even when the agent is dead, because it runs in other processes.

    It also ends them when one of its own processes is killed: no trial goes on without a fence.
    """

    lost: Callable[[str], None] = Attribute(
        "Called with the name of a container whose trial the fence ends, in time or earlier."
    )

    def arm(container: str, dataset_ids: frozenset[DatasetId], seconds: float) -> Awaitable[None]:
        """End the trial in that many seconds, by a clock that never jumps.

        At the end the fence kills the instances that it guards, whatever the leases say. Then, for
        each of these datasets that is still on probation, it kills all processes of containers that
        have it mounted, and unmounts it. Arming it again restarts its time.
        """

    def add_instance(container: str, instance: str) -> Awaitable[None]:
        """Kill this instance of the container at the end; call this before it may write.

        Such an end does not count as an exit by itself: if this node has become primary by then,
        the container is restarted. Raises FlockerError when no fence of the container is armed.
        """

    def disarm(container: str) -> Awaitable[None]:
        """Stop the fence of a container: its trial is over. Idempotent."""


@dataclass(frozen=True, slots=True)
class ArmedDeadline:
    """A container's fencing deadline: it and these datasets are in use until then at most.

    `until` is in seconds of CLOCK_BOOTTIME. With `has_passed` the container was ended; what of it
    is started nevertheless is killed again, until the deadline is armed anew or disarmed.
    """

    dataset_ids: frozenset[DatasetId]
    until: float
    has_passed: bool = False


class IDeadlineFence(Interface):
    """Ends containers at their fencing deadline even when the agent is dead, hung, or upgraded.

    It runs in processes of its own, which a new agent finds again. It also ends all that it guards
    when one of its own processes is killed. At a deadline it kills first, asking nobody.
    """

    lost: Callable[[str], None] = Attribute(
        "Called with the name of a container that the fence ends, in time or earlier."
    )

    def arm_deadline(
        container: str, dataset_ids: frozenset[DatasetId], until: float
    ) -> Awaitable[None]:
        """End the container at `until`, in seconds of CLOCK_BOOTTIME.

        At the deadline the fence kills the container's instances, all at once, and any container
        that has one of these datasets mounted; then it unmounts them. Arming again with a later
        `until` renews; with an earlier one it changes only the datasets. Raises FlockerError when
        the deadline is not armed: when `until` is over, or when the container is being ended.
        """

    def add_instance(container: str, instance: str) -> Awaitable[None]:
        """Kill this instance of the container at the deadline; call this before it may write.

        Such an end does not count as an exit by itself. Raises FlockerError when no deadline of
        the container is armed, or when it has passed. Idempotent.
        """

    def disarm(container: str) -> Awaitable[None]:
        """Forget the container's deadline: no process of it is left, by purpose. Idempotent."""

    def deadlines() -> Awaitable[Mapping[str, ArmedDeadline]]:
        """The deadlines that are armed or have passed, by container, of an earlier agent's too."""
