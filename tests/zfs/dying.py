"""An agent that is killed before one of its durable steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from flocker_lite.interfaces import IStorage
from flocker_lite.model.records import DatasetId
from flocker_lite.model.state import Holder

DURABLE = (
    "set_lease",
    "unmount",
    "snapshot",
    "send",
    "receive",
    "destroy_snapshot",
    "continue_from",
)


class Killed(Exception):
    """The step before which it was; none of its own handlers takes this for a failure."""


@dataclass
class Life:
    """How many durable steps there are to come, for all that share it; None: no end."""

    steps_left: int | None = None
    taken: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        """Take one, or be dead: then no other follows."""
        if self.steps_left is not None:
            if self.steps_left == 0:
                raise Killed(name)
            self.steps_left -= 1
        self.taken.append(name)


class DyingStorage:
    """The storage of an agent, which outlives it."""

    def __init__(self, storage: IStorage, life: Life) -> None:
        self._storage = storage
        self._life = life

    async def holders(self, dataset_id: DatasetId) -> tuple[Holder, ...]:
        """Nobody but the container, whose process is one of the test's own."""
        return ()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._storage, name)
        return self._mortal(name, method) if name in DURABLE else method

    def _mortal(
        self, name: str, method: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def step(*arguments: Any) -> Any:
            self._life.step(name)
            return await method(*arguments)

        return step


def dying(storage: IStorage, life: Life) -> IStorage:
    """The storage for as long as the life lasts."""
    return cast(IStorage, DyingStorage(storage, life))
