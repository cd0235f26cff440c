"""How containers ended: asked of Docker, and kept while somebody says which start and end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from docker import APIClient
from docker import errors as docker_errors

from flocker_lite.containers import translate
from flocker_lite.model.state import End

DEFAULT_BRIDGE = "bridge"


class Ends:
    """Ends that are known, by the container's id; nothing is kept while nobody attends.

    For several threads at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: Mapping[str, End] = {}
        self._attended = False
        self._moves = 0

    def attend(self, attended: bool) -> None:
        """Begin or cease to keep what is known; both times with nothing."""
        with self._lock:
            self._attended = attended
            self._known = {}
            self._moves += 1

    def forget(self, container_id: str) -> None:
        """The container started or ended."""
        with self._lock:
            self._known = {key: end for key, end in self._known.items() if key != container_id}
            self._moves += 1

    def known(self) -> tuple[Mapping[str, End], int]:
        """What is known as a look begins, and the moment of that for `remember`."""
        with self._lock:
            return self._known, self._moves

    def remember(self, ends: Mapping[str, End], moment: int) -> None:
        """Keep these alone, unless something moved since: they may be older than that."""
        with self._lock:
            if self._attended and self._moves == moment:
                self._known = ends


def look_at(
    container_ids: Iterable[str], client: APIClient, connect: Callable[[str], APIClient]
) -> dict[str, End]:
    """How these ended; one that is not there any more is left out.

    `connect` makes a new connection, for a version of the API. When Docker itself ends, it takes
    no new connections and then ends the containers. So what ended before a Docker that answers a
    new connection began did not end by itself, and what ended since then did.
    """
    states: dict[str, Mapping[str, Any]] = {}
    for container_id in container_ids:
        with suppress(docker_errors.NotFound):
            states[container_id] = client.inspect_container(container_id)["State"]
    fresh = connect(client.api_version)
    try:
        began = _began(fresh)
    finally:
        fresh.close()
    return {key: translate.end(state, began) for key, state in states.items()}


def _began(client: APIClient) -> float:
    """Since when this Docker is there, in seconds since 1970.

    It makes its default bridge anew whenever it starts, unless containers outlived it; where
    there is none, the start of the machine has to do.
    """
    try:
        return translate.seconds(client.inspect_network(DEFAULT_BRIDGE)["Created"])
    except docker_errors.NotFound:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
