"""Finds out from Docker's events how containers ended that were removed before discovery saw it.

`docker stop && docker rm` leaves nothing to look at, but is an exit all the same. Docker sends an
event for a kill, for the end ("die"), for a stop that somebody waited for, and at last for the
removal ("destroy"). A removal by force shows as a SIGKILL without a stop. We decide at the removal,
because the event of a stop may come before that of the end.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from flocker_lite.containers import translate
from flocker_lite.model.state import ContainerExit, LocalContainer

TELLING_SECONDS_MAX = 5.0
"""How long discovery waits for the event about a container that has disappeared."""

SAME_END_SECONDS = 1.0
"""The event of an end is a little later than the end itself."""

DEPARTED_MAX = 10_000
"""So many of the latest removals are remembered: more than happen while discovery looks once."""

_SIGKILL = ("9", "SIGKILL", "KILL")


@dataclass(frozen=True, slots=True)
class _Run:
    """What events said of the present run of a container, or of its last one."""

    exit: ContainerExit | None = None
    seen: ContainerExit | None = None
    killed: bool = False
    stopped: bool = False


class ExitEvents:
    """What events said of containers, by their ids; `gone` has ours that ended and were removed.

    For several threads at once.
    """

    def __init__(self) -> None:
        self._told = threading.Condition()
        self._attended = False
        self._runs: dict[str, _Run] = {}
        self._here: dict[str, str] = {}
        self._our_doing: set[str] = set()
        self._departed: dict[str, None] = {}
        self._gone: dict[str, LocalContainer] = {}

    def attend(self, attended: bool) -> None:
        """Whether events arrive from now on; earlier ones are incomplete, so forget them."""
        with self._told:
            self._attended = attended
            self._runs, self._here = {}, {}
            self._told.notify_all()

    def is_our_doing(self, container_id: str) -> None:
        """We are about to end it; ignore how it ends, until it is started again."""
        with self._told:
            self._our_doing.add(container_id)

    def is_ended_by_us(self, container_id: str) -> bool:
        """Whether we ended it, and nobody started it since."""
        with self._told:
            return container_id in self._our_doing

    def saw(self, name: str, container_id: str, end: ContainerExit | None) -> None:
        """Discovery saw it, and how it ended if it did; it may have been removed since."""
        with self._told:
            if self._attended and container_id not in self._departed:
                self._here[container_id] = name
                run = self._runs.get(container_id, _Run())
                self._runs[container_id] = replace(run, seen=end)

    def here(self, name: str | None = None) -> frozenset[str]:
        """The ids that discovery saw (of that name), and whose removal no event has told yet."""
        with self._told:
            return frozenset(key for key, each in self._here.items() if name in (None, each))

    def wait(self, missing: Collection[str]) -> None:
        """These have disappeared; wait for the events of their removal, and all before them."""
        with self._told:
            self._told.wait_for(
                lambda: not (set(missing) & self._here.keys()) - self._our_doing,
                TELLING_SECONDS_MAX,
            )
            # Whatever became of an event, no later look waits for it as well.
            for container_id in missing:
                self._here.pop(container_id, None)

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take in one of Docker's events about one of our containers."""
        container_id, attributes = event["Actor"]["ID"], event["Actor"]["Attributes"]
        with self._told:
            run = self._runs.get(container_id, _Run())
            match event.get("Action"):
                case "start":
                    self._our_doing.discard(container_id)
                    run = _Run()
                case "kill":
                    run = replace(run, killed=attributes.get("signal") in _SIGKILL)
                case "stop":
                    run = replace(run, stopped=True)
                case "die":
                    run = replace(run, exit=_exit(event))
                case "destroy":
                    self._depart(container_id, attributes, run)
                    return
            self._runs[container_id] = run

    def gone(self) -> tuple[LocalContainer, ...]:
        """Those that ended by themselves and were removed, each until it is created again."""
        with self._told:
            return tuple(self._gone.values())

    def is_made(self, name: str) -> None:
        """The container was created again."""
        with self._told:
            self._gone.pop(name, None)

    def _depart(self, container_id: str, attributes: Mapping[str, str], run: _Run) -> None:
        container = translate.container_of(attributes)
        was_here = self._here.pop(container_id, None) is not None
        self._runs.pop(container_id, None)
        self._departed[container_id] = None
        if len(self._departed) > DEPARTED_MAX:
            del self._departed[next(iter(self._departed))]
        is_ours = was_here or translate.has_its_name([attributes.get("name", "")], container.name)
        end = _end(run)
        if container_id in self._our_doing:
            self._our_doing.remove(container_id)
        elif end is not None and is_ours:
            gone = LocalContainer(container, "exited", container_id, end)
            self._gone[container.name] = gone
        self._told.notify_all()


def _end(run: _Run) -> ContainerExit | None:
    """How it ended, as discovery saw it if it did; None for one that was removed by force."""
    seen, told = run.seen, run.exit
    if seen is not None:
        late = told.finished_at - seen.finished_at if told is not None else 0.0
        if late < SAME_END_SECONDS:
            return seen
    return told if run.stopped or not run.killed else None


def _exit(event: Mapping[str, Any]) -> ContainerExit:
    """How it ended; without the time that it ran, since it will not be restarted."""
    return ContainerExit(
        int(event["Actor"]["Attributes"].get("exitCode", 0)), event["timeNano"] / 1e9, 0.0
    )
