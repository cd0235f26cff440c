"""Caches Docker's "inspect" of containers, while events say which containers have changed.

Docker's *list* lags behind its events: 0.14 s after the event that a container died, the list still
shows it running. "inspect" waits until Docker has finished with the container. So we inspect
containers that have changed, and trust the list for all others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import image_health, translate
from flocker_lite.model.state import ContainerExit, ImageHealth

DEFAULT_BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Inspection:
    """One container as "inspect" showed it; it has a `last_exit` if it ran and has ended.

    `name` is its name in the API, None if it is not ours in spite of its labels.
    """

    name: str | None
    status: str
    pid: int
    started: str
    last_exit: ContainerExit | None = None
    health: ImageHealth | None = None


class InspectCache:
    """The latest inspections, by the container's id; empty while no events arrive.

    For several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Mapping[str, Inspection] = {}
        self._moved: frozenset[str] = frozenset()
        self._attended = False
        self._moves = 0

    def attend(self, attended: bool) -> None:
        """Start or stop caching; the cache is empty in either case."""
        with self._lock:
            self._attended = attended
            self._known, self._moved = {}, frozenset()
            self._moves += 1

    def forget(self, container_id: str) -> None:
        """The container has changed, and the list may not show that yet."""
        with self._lock:
            self._known = {key: seen for key, seen in self._known.items() if key != container_id}
            if self._attended:
                self._moved |= {container_id}
            self._moves += 1

    def known(self) -> tuple[Mapping[str, Inspection], frozenset[str], int]:
        """The inspections, the containers that changed, and the moment to give to `remember`."""
        with self._lock:
            return self._known, self._moved, self._moves

    def remember(self, inspections: Mapping[str, Inspection], moment: int) -> None:
        """Keep only these, unless a container has changed since: they may be older than that."""
        with self._lock:
            if self._attended and self._moves == moment:
                self._known, self._moved = inspections, frozenset()

    def remember_one(self, container_id: str, inspection: Inspection, moment: int) -> None:
        """Keep this one as well, unless a container has changed since."""
        with self._lock:
            if self._attended and self._moves == moment:
                self._known = {**self._known, container_id: inspection}
                self._moved -= {container_id}


def look_at(
    container_ids: Iterable[str], client: APIClient, connect: Callable[[str], APIClient]
) -> dict[str, Inspection]:
    """Inspect these containers; leaves out those that have disappeared.

    `connect` makes a new connection, for a version of the API.
    """
    details: dict[str, Mapping[str, Any]] = {}
    for container_id in container_ids:
        with suppress(docker_errors.NotFound):
            details[container_id] = client.inspect_container(container_id)
    return inspections(details, client, connect)


def inspections(
    details: Mapping[str, Mapping[str, Any]],
    client: APIClient,
    connect: Callable[[str], APIClient],
) -> dict[str, Inspection]:
    """What these details of "inspect" say, by the containers' ids.

    When Docker itself stops, it first stops accepting connections, and then ends the containers.
    So a container that ended before the present Docker began did not end by itself, and one that
    ended since then did.
    """
    began = 0.0
    if any(translate.has_ended(each["State"]["Status"]) for each in details.values()):
        fresh = connect(client.api_version)
        try:
            began = _began(fresh)
        finally:
            fresh.close()
    return {key: _inspection(each, began) for key, each in details.items()}


def _inspection(details: Mapping[str, Any], docker_began_at: float) -> Inspection:
    state = details["State"]
    return Inspection(
        translate.our_name(details),
        state["Status"],
        state.get("Pid") or 0,
        state["StartedAt"],
        translate.end(state, docker_began_at) if translate.has_ended(state["Status"]) else None,
        image_health.of_state(state),
    )


def _began(client: APIClient) -> float:
    """When this Docker began, in seconds since 1970.

    It makes its default bridge anew at each start, unless containers survived it. Without such a
    bridge, we take the start of the machine instead.
    """
    try:
        return translate.seconds(client.inspect_network(DEFAULT_BRIDGE)["Created"])
    except docker_errors.NotFound:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
