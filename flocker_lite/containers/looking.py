"""Which containers of this node are ours, and how they are; blocking, for use in threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from twisted.logger import Logger

from flocker_lite.containers import sightings, translate
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.fenced import FenceNotes
from flocker_lite.containers.poising import Poising
from flocker_lite.errors import ContainerError
from flocker_lite.model import codec
from flocker_lite.model.codec import CodecError
from flocker_lite.model.records import Container
from flocker_lite.model.state import POISED, LocalContainer


class Looks:
    """Looks at our containers, each of which is known by its labels and not by its name."""

    _log = Logger()

    def __init__(self, connection: Connection, poising: Poising | None, notes: FenceNotes) -> None:
        self._connection = connection
        self._poising = poising
        self._notes = notes
        self._sightings = sightings.Sightings()
        self._ids: dict[str, str] = {}

    def containers(self) -> list[LocalContainer]:
        """Every container of ours."""
        known, moved, moment = self._sightings.known()
        with self._connection.asking("list containers") as client:
            entries = client.containers(all=True, filters={"label": [translate.MANAGED_FILTER]})
        known = {entry["Id"]: known[entry["Id"]] for entry in entries if entry["Id"] in known}
        # What is not there any more has no second look.
        missing = [each["Id"] for each in entries if _is_to_be_inspected(each, known, moved)]
        if missing:
            with self._connection.asking("look at containers") as client:
                fresh = sightings.look_at(missing, client, self._connection.another)
            known = {key: seen for key, seen in known.items() if key not in missing} | fresh
            entries = [each for each in entries if each["Id"] not in missing or each["Id"] in fresh]
        self._sightings.remember(known, moment)
        found: dict[str, LocalContainer] = {}
        for entry in sorted(entries, key=_has_its_name):
            local = self._local(entry["Id"], entry["Labels"], entry["State"], known)
            if local is not None:
                outside, image_id = translate.outside(entry), entry.get("ImageID", "")
                found[local.container.name] = replace(
                    local, stays_behind=outside, image_id=image_id
                )
        self._ids = {name: local.instance for name, local in found.items()}
        return list(found.values())

    def look(self, name: str) -> LocalContainer | None:
        """The one of that name alone."""
        _, _, moment = self._sightings.known()
        details = self.find(name, of_others=False)
        if details is None:
            return None
        container_id = details["Id"]
        with self._connection.asking("tell how containers ended") as client:
            seen = sightings.sighted({container_id: details}, client, self._connection.another)
        self._sightings.remember_one(container_id, seen[container_id], moment)
        labels, status = details["Config"]["Labels"], details["State"]["Status"]
        local = self._local(container_id, labels, status, seen)
        if local is None:
            return None
        outside = translate.outside(details)
        return replace(local, stays_behind=outside, image_id=details.get("Image", ""))

    def attend(self, attending: bool) -> None:
        """Whether somebody says `moved` from now on, so that nothing need be looked at twice."""
        self._sightings.attend(attending)

    def moved(self, container_id: str) -> None:
        """Something became of a container."""
        self._sightings.forget(container_id)

    def _local(
        self,
        container_id: str,
        labels: Mapping[str, str],
        status: str,
        sighted: Mapping[str, sightings.Sighting],
    ) -> LocalContainer | None:
        """`status` is what the list has, which goes for nothing where there is a sighting."""
        seen = sighted.get(container_id)
        try:
            container = codec.loads(Container, labels.get(translate.CONFIGURATION_LABEL, ""))
        except CodecError as error:
            self._log.warn(
                "Left out a container whose label cannot be read; remove it with docker rm",
                container_id=container_id,
                error=str(error),
            )
            return None
        if seen is not None and seen.name is None:
            return None
        poisable = translate.is_poisable(labels)
        if seen is None:
            early = translate.starts_early(labels)
            return LocalContainer(
                container, status, container_id, poisable=poisable, starts_early=early
            )
        end = self._notes.applied(container_id, seen.end)
        local = LocalContainer(container, seen.status, container_id, end, poisable)
        local = replace(local, starts_early=translate.starts_early(labels))
        if not poisable or local.status == "created":
            return local
        run = translate.run_of(container_id, seen.started)
        local = replace(local, run=run)
        if self._poising is None or not (local.running or local.end is not None):
            return local
        return local if self._poising.was_let_go(container.name, run, seen.pid) else _held(local)

    def is_poised(self, name: str, details: Mapping[str, Any]) -> bool:
        """Whether the container, which runs, has not been let go."""
        if self._poising is None or not translate.is_poisable(details["Config"]["Labels"]):
            return False
        return not self._poising.was_let_go(name, run_of(details), details["State"]["Pid"])

    def find(self, name: str, of_others: bool = True) -> Mapping[str, Any] | None:
        """Docker's details of our container, whatever Docker calls it now.

        With `of_others`, ContainerError when somebody else's has the name that it would get.
        """
        docker_name = translate.docker_name(name)
        with self._connection.asking(f"inspect container {name}") as client:
            known = self._ids.get(name)
            details = _inspected(client, known) if known is not None else None
            if details is not None and translate.our_name(details) == name:
                return details
            named = _inspected(client, docker_name)
            if named is not None and translate.our_name(named) == name:
                self._ids[name] = named["Id"]
                return named
            for entry in client.containers(all=True, filters={"label": [translate.MANAGED_FILTER]}):
                if translate.labelled_name(entry["Labels"]) != name:
                    continue
                details = _inspected(client, entry["Id"])
                if details is not None and translate.our_name(details) == name:
                    self._ids[name] = details["Id"]
                    return details
        self._ids.pop(name, None)
        if named is not None and of_others:
            ours = translate.our_name(named)
            raise ContainerError(
                f"flocker_lite did not make the container {docker_name}: rename or remove it"
                if ours is None
                else f"container {ours} was given the name {docker_name}: "
                f"`docker rename {docker_name} {translate.docker_name(ours)}`"
            )
        return None


def _held(local: LocalContainer) -> LocalContainer:
    """A container whose program did not begin: it waits, or ended before there was an end of it."""
    if local.running:
        return replace(local, status=POISED)
    if local.end is not None:
        return replace(local, end=replace(local.end, by_itself=False))
    return local


def _is_to_be_inspected(
    entry: Mapping[str, Any], known: Mapping[str, sightings.Sighting], moved: frozenset[str]
) -> bool:
    """Whether what Docker's list says of a container does not do."""
    seen = known.get(entry["Id"])
    if seen is not None:
        return seen.status != entry["State"]
    labels, state = entry["Labels"], entry["State"]
    is_plain = state == "created" or (state == "running" and not translate.is_poisable(labels))
    return entry["Id"] in moved or not (is_plain and _has_its_name(entry))


def _has_its_name(entry: Mapping[str, Any]) -> bool:
    name = translate.labelled_name(entry["Labels"])
    return name is not None and translate.has_its_name(entry["Names"] or (), name)


def _inspected(client: APIClient, container: str) -> Mapping[str, Any] | None:
    try:
        details: Mapping[str, Any] = client.inspect_container(container)
    except docker_errors.NotFound:
        return None
    return details


def run_of(details: Mapping[str, Any]) -> str:
    """What tells this run of a container from any other, of Docker's "inspect"."""
    return translate.run_of(details["Id"], details["State"]["StartedAt"])
