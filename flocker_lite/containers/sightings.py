"""What Docker's "inspect" said of containers, kept while somebody tells which of them move.

Docker's *list* is behind its events: 0.14 s after it told that a container died, the list has it
running. "inspect" waits until Docker is through with the container. So what moved is inspected, and
the list is believed of the others alone.
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

from flocker_lite.containers import translate
from flocker_lite.model.state import End

DEFAULT_BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One container as "inspect" had it; `end` is there when it ran and is over.

    `name` is that in the API, None when it is not one of ours for all its labels.
    """

    name: str | None
    status: str
    pid: int
    started: str
    end: End | None = None


class Sightings:
    """The latest, by the container's id; nothing is kept while nobody attends.

    For several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Mapping[str, Sighting] = {}
        self._moved: frozenset[str] = frozenset()
        self._attended = False
        self._moves = 0

    def attend(self, attended: bool) -> None:
        """Begin or cease to keep what is known; both times with nothing."""
        with self._lock:
            self._attended = attended
            self._known, self._moved = {}, frozenset()
            self._moves += 1

    def forget(self, container_id: str) -> None:
        """Something became of the container: the list may not know that yet."""
        with self._lock:
            self._known = {key: seen for key, seen in self._known.items() if key != container_id}
            if self._attended:
                self._moved |= {container_id}
            self._moves += 1

    def known(self) -> tuple[Mapping[str, Sighting], frozenset[str], int]:
        """What is known as a look begins, what moved since, and the moment for `remember`."""
        with self._lock:
            return self._known, self._moved, self._moves

    def remember(self, sightings: Mapping[str, Sighting], moment: int) -> None:
        """Keep these alone, unless something moved since: they may be older than that."""
        with self._lock:
            if self._attended and self._moves == moment:
                self._known, self._moved = sightings, frozenset()

    def remember_one(self, container_id: str, sighting: Sighting, moment: int) -> None:
        """Keep this one as well, unless something moved since."""
        with self._lock:
            if self._attended and self._moves == moment:
                self._known = {**self._known, container_id: sighting}
                self._moved -= {container_id}


def look_at(
    container_ids: Iterable[str], client: APIClient, connect: Callable[[str], APIClient]
) -> dict[str, Sighting]:
    """How these are; one that is not there any more is left out.

    `connect` makes a new connection, for a version of the API.
    """
    details: dict[str, Mapping[str, Any]] = {}
    for container_id in container_ids:
        with suppress(docker_errors.NotFound):
            details[container_id] = client.inspect_container(container_id)
    return sighted(details, client, connect)


def sighted(
    details: Mapping[str, Mapping[str, Any]],
    client: APIClient,
    connect: Callable[[str], APIClient],
) -> dict[str, Sighting]:
    """What these details of "inspect" say, by the containers' ids.

    When Docker itself ends, it takes no new connections and then ends the containers. So what
    ended before a Docker that answers a new connection began did not end by itself, and what ended
    since then did.
    """
    began = 0.0
    if any(translate.has_ended(each["State"]["Status"]) for each in details.values()):
        fresh = connect(client.api_version)
        try:
            began = _began(fresh)
        finally:
            fresh.close()
    return {key: _sighting(each, began) for key, each in details.items()}


def _sighting(details: Mapping[str, Any], docker_began_at: float) -> Sighting:
    state = details["State"]
    return Sighting(
        translate.our_name(details),
        state["Status"],
        state.get("Pid") or 0,
        state["StartedAt"],
        translate.end(state, docker_began_at) if translate.has_ended(state["Status"]) else None,
    )


def _began(client: APIClient) -> float:
    """Since when this Docker is there, in seconds since 1970.

    It makes its default bridge anew whenever it starts, unless containers outlived it; where
    there is none, the start of the machine has to do.
    """
    try:
        return translate.seconds(client.inspect_network(DEFAULT_BRIDGE)["Created"])
    except docker_errors.NotFound:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
