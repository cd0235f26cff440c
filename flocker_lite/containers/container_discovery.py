"""Finds our containers on this node, and their state; blocks, so use it in threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from twisted.logger import Logger

from flocker_lite.containers import image_health, inspect_cache, translate
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.exit_events import ExitEvents
from flocker_lite.containers.fence_notes import FenceNotes
from flocker_lite.containers.image_digests import ImageDigests
from flocker_lite.containers.log_tails import LogTails
from flocker_lite.containers.start_gate import StartGates
from flocker_lite.errors import ContainerError
from flocker_lite.model.codec import CodecError
from flocker_lite.model.exact_images import digest_for
from flocker_lite.model.state import PRESTARTED, LocalContainer


class ContainerDiscovery:
    """Looks at our containers; their labels tell which they are, not their names in Docker."""

    _log = Logger()

    def __init__(
        self, connection: Connection, start_gates: StartGates | None, notes: FenceNotes
    ) -> None:
        self._connection = connection
        self._start_gates = start_gates
        self._notes = notes
        self._inspect_cache = inspect_cache.InspectCache()
        self._ids: dict[str, str] = {}
        self._log_tails = LogTails(connection)
        self.exit_events = ExitEvents()
        self.digests = ImageDigests()

    def containers(self) -> list[LocalContainer]:
        """All of our containers."""
        known, moved, moment = self._inspect_cache.known()
        here = self.exit_events.here()
        with self._connection.client_for("list containers") as client:
            entries = client.containers(all=True, filters={"label": [translate.MANAGED_FILTER]})
        known = {entry["Id"]: known[entry["Id"]] for entry in entries if entry["Id"] in known}
        # We do not look again at containers that have disappeared.
        missing = [each["Id"] for each in entries if _is_to_be_inspected(each, known, moved)]
        if missing:
            with self._connection.client_for("look at containers") as client:
                fresh = inspect_cache.look_at(missing, client, self._connection.another)
            known = {key: seen for key, seen in known.items() if key not in missing} | fresh
            entries = [each for each in entries if each["Id"] not in missing or each["Id"] in fresh]
        self._inspect_cache.remember(known, moment)
        found: dict[str, LocalContainer] = {}
        for entry in sorted(entries, key=_has_its_name):
            local = self._local(entry["Id"], entry["Labels"], entry["State"], known)
            if local is not None:
                local = self._with_image(self._with_last_words(local), entry.get("ImageID", ""))
                outside = translate.outside(entry)
                found[local.container.name] = replace(local, stays_behind=outside)
        self._ids = {name: local.instance for name, local in found.items()}
        self._log_tails.keep(self._ids.values())
        for local in found.values():
            self.exit_events.saw(local.container.name, local.instance, local.last_exit)
        self.exit_events.wait(here - {entry["Id"] for entry in entries})
        return list(found.values())

    def look(self, name: str) -> LocalContainer | None:
        """Only the container of that name."""
        _, _, moment = self._inspect_cache.known()
        here = self.exit_events.here(name)
        details = self.find(name, of_others=False)
        if details is None:
            self.exit_events.wait(here)
            return None
        container_id = details["Id"]
        with self._connection.client_for("tell how containers ended") as client:
            seen = inspect_cache.inspections(
                {container_id: details}, client, self._connection.another
            )
        self._inspect_cache.remember_one(container_id, seen[container_id], moment)
        labels, status = details["Config"]["Labels"], details["State"]["Status"]
        local = self._local(container_id, labels, status, seen)
        if local is None:
            return None
        local = self._with_last_words(local)
        self.exit_events.saw(name, container_id, local.last_exit)
        local = self._with_image(local, details.get("Image", ""))
        return replace(local, stays_behind=translate.outside(details))

    def _with_image(self, local: LocalContainer, image_id: str) -> LocalContainer:
        if not image_id:
            return local
        with self._connection.client_for("look at the images of containers") as client:
            digests = self.digests.of(image_id, client)
        digest = digest_for(local.container.image, digests)
        return replace(local, image_id=image_id, image_digest=digest)

    def _with_last_words(self, local: LocalContainer) -> LocalContainer:
        is_ours = self.exit_events.is_ended_by_us(local.instance)
        return local if is_ours else self._log_tails.added(local)

    def attend(self, attending: bool) -> None:
        """Whether `moved` is called from now on, so that we need not inspect anything twice."""
        self._inspect_cache.attend(attending)
        self.exit_events.attend(attending)

    def gone(self) -> list[LocalContainer]:
        """Those that ended by themselves and were removed, whether discovery saw their end or not.

        A program that never passed its start gate did not begin, and so did not end.
        """
        found = []
        for local in self.exit_events.gone():
            end = self._notes.applied(local.instance, local.last_exit)
            if end is not None and end.by_itself and self._began(local):
                found.append(local)
        return found

    def _began(self, local: LocalContainer) -> bool:
        gates = self._start_gates
        if gates is None or not local.container.volumes:
            return True
        return gates.let_any_go(local.container.name, local.instance)

    def moved(self, container_id: str) -> None:
        """A container has changed."""
        self._inspect_cache.forget(container_id)

    def _local(
        self,
        container_id: str,
        labels: Mapping[str, str],
        status: str,
        inspections: Mapping[str, inspect_cache.Inspection],
    ) -> LocalContainer | None:
        """`status` comes from Docker's list; an inspection is more recent, and counts instead."""
        seen = inspections.get(container_id)
        try:
            container = translate.container_of(labels)
        except CodecError as error:
            self._log.warn(
                "ignored a container whose label cannot be read; remove it with docker rm",
                container_id=container_id,
                error=str(error),
            )
            return None
        if seen is not None and seen.name is None:
            return None
        prestartable = translate.is_prestartable(labels)
        if seen is None:
            early = translate.starts_early(labels)
            return LocalContainer(
                container, status, container_id, prestartable=prestartable, starts_early=early
            )
        end = self._notes.applied(container_id, seen.last_exit, seen.started)
        local = LocalContainer(container, seen.status, container_id, end, prestartable)
        local = replace(local, starts_early=translate.starts_early(labels))
        # A health check of ours is in place of the image's.
        if local.running and container.health_check is None:
            local = replace(local, health=seen.health)
        if not prestartable or local.status == "created":
            return local
        run = translate.run_of(container_id, seen.started)
        local = replace(local, run=run)
        if self._start_gates is None or not (local.running or local.last_exit is not None):
            return local
        if not self._start_gates.was_let_go(container.name, run, seen.pid):
            return _held(local)
        let_go_at = self._start_gates.let_go_at(container.name)
        return replace(local, health=image_health.since(local.health, let_go_at))

    def is_prestarted(self, name: str, details: Mapping[str, Any]) -> bool:
        """Whether the running container still waits at its start gate."""
        if self._start_gates is None or not translate.is_prestartable(details["Config"]["Labels"]):
            return False
        return not self._start_gates.was_let_go(name, run_of(details), details["State"]["Pid"])

    def find(self, name: str, of_others: bool = True) -> Mapping[str, Any] | None:
        """Docker's details of our container, whatever Docker calls it now.

        With `of_others`, ContainerError if somebody else's container has the name that it needs.
        """
        docker_name = translate.docker_name(name)
        with self._connection.client_for(f"inspect container {name}") as client:
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
    """A container whose program did not begin: it waits, or was ended while it waited."""
    if local.running:
        return replace(local, status=PRESTARTED, health=None)
    if local.last_exit is not None:
        return replace(local, last_exit=replace(local.last_exit, by_itself=False))
    return local


def _is_to_be_inspected(
    entry: Mapping[str, Any], known: Mapping[str, inspect_cache.Inspection], moved: frozenset[str]
) -> bool:
    """Whether Docker's list does not say enough of a container."""
    seen = known.get(entry["Id"])
    labels, state = entry["Labels"], entry["State"]
    if seen is not None:
        # What Docker found at the start gate says nothing, and no event says when it fails again.
        is_unhealthy = seen.health is not None and seen.health.trouble is not None
        return seen.status != state or (is_unhealthy and translate.is_prestartable(labels))
    is_running = state == "running" and not image_health.has_check(entry)
    is_plain = state == "created" or (is_running and not translate.is_prestartable(labels))
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
    """The identity of a container's present run, by Docker's "inspect"."""
    return translate.run_of(details["Id"], details["State"]["StartedAt"])
