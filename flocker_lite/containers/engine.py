"""What is asked of the Docker engine of this node, each question blocking; for use in threads."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from docker.types.daemon import CancellableStream
from docker.utils import parse_repository_tag
from twisted.logger import Logger

from flocker_lite.containers import (
    execution,
    keeping,
    processes,
    pulling,
    remains,
    translate,
)
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.fenced import FenceNotes
from flocker_lite.containers.looking import Looks, run_of
from flocker_lite.containers.poising import INSIDE, Poising
from flocker_lite.containers.pull import Pull
from flocker_lite.errors import ContainerError, NotFound
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import KeptVolume

LATEST = "latest"
EVENTS = ("start", "die", "pause", "unpause", "rename", "destroy")


@dataclass(frozen=True, slots=True)
class Server:
    """A running container, as somebody sees it who wants to know whether it serves.

    `process` is its first one in /proc, `ports` are those inside that are published, `address` is
    its own, "" for none.
    """

    container_id: str
    process: Path
    ports: frozenset[int]
    address: str = ""
    health_check: HealthCheck | None = None


class Engine:
    """The Docker engine behind a Unix socket, as several threads use it at once.

    `root` is where the file system of the engine's machine is seen from here: "/" but in tests.
    Every method raises ContainerError, with the engine's own words, when it refuses or is away.
    """

    _log = Logger()

    def __init__(
        self,
        socket_path: str,
        root: Path,
        poising: Poising | None = None,
        fenced: Path | None = None,
    ) -> None:
        """In the folder `fenced` a file's name is the id of a container that a fence killed."""
        self._poising = poising
        self._notes = FenceNotes(fenced)
        self._root = root
        self._connection = Connection(root / socket_path.lstrip("/"))
        self._asking = self._connection.asking
        self._init_of: tuple[APIClient, bool] | None = None
        self.looks = Looks(self._connection, poising, self._notes)
        self._find = self.looks.find
        self._is_poised = self.looks.is_poised

    def close(self) -> None:
        """Let go of the connections that are idle."""
        self._connection.close()

    def create(self, name: str, arguments: Mapping[str, Any], image_id: str | None = None) -> bool:
        """Have the container created like this, and not started; False when it lacks its image."""
        existing = self._find(name)
        if existing is not None:
            is_same_image = image_id in (None, existing.get("Image"))
            if is_same_image and translate.made_from(arguments, existing["Config"]["Labels"]):
                return True
            if existing["State"]["Running"]:
                raise ContainerError(
                    f"container {name} runs with another configuration: stop it first"
                )
            self.remove(name)
        if image_id is not None:
            arguments = {**arguments, "Image": image_id}
        # Docker refuses to create a container when a path of it is missing, and datasets are
        # mounted after that; `start` is what makes sure that they are.
        for source in translate.bind_sources(arguments):
            self._here(source).mkdir(parents=True, exist_ok=True)
        with self._asking(f"create container {name}") as client:
            taken = translate.mount_targets(arguments)
            kept = keeping.to_give(client, name, taken)
            try:
                best = keeping.with_volumes(self._poisable(name, arguments, client), kept)
                client.create_container_from_config(best, translate.docker_name(name))
            except docker_errors.NotFound:
                return False
            keeping.give_back(client, kept)
        return True

    def poise(self, name: str) -> None:
        """Start the container, which waits at its gate then."""
        details = self._prepared(name)
        if self._poising is None or not translate.is_poisable(details["Config"]["Labels"]):
            raise ContainerError(f"container {name} was not made to be poised")
        _require_not_paused(name, details)
        if not details["State"]["Running"]:
            self._poising.begin(name)
            self._notes.forget(details["Id"])
            with self._asking(f"start container {name}") as client:
                self._start(client, name, details)

    def image(self, image: str) -> ExactImage | None:
        """What an image is here; None when it is not here."""
        with self._asking(f"look for image {image}") as client:
            try:
                details = client.inspect_image(image)
            except docker_errors.ImageNotFound:
                return None
        return ExactImage(image, details["Id"], tuple(sorted(details.get("RepoDigests") or ())))

    def pull(self, image: str) -> Pull:
        """Begin to fetch an image from its registry, with what `docker login` left for it."""
        repository, tag = parse_repository_tag(image)
        with self._asking(f"pull image {image}", trouble=partial(pulling.trouble, image)) as client:
            client.reload_config()
            lines = client.pull(repository, tag or LATEST, stream=True, decode=True)
        return Pull(image, lines)

    def start(self, name: str) -> None:
        """Start the container unless it runs; NotFound when it is not there.

        ContainerError also when nothing is mounted where one of its datasets should be: it would
        write to the disk of the node.
        """
        details = self._prepared(name)
        gate = self._poising if translate.is_poisable(details["Config"]["Labels"]) else None
        _require_not_paused(name, details)
        if details["State"]["Running"] and not self._is_poised(name, details):
            return
        self._restart_it_ourselves(details)
        for source in translate.bind_sources(details):
            if not _is_mount(self._here(source)):
                raise ContainerError(f"container {name} not started: {source} is not mounted")
        if gate is not None:
            self._let_go(name, details, gate)
            return
        self._notes.forget(details["Id"])
        with self._asking(f"start container {name}") as client:
            self._start(client, name, details)

    def _let_go(self, name: str, details: Mapping[str, Any], gate: Poising) -> None:
        """Start it when it is not poised, and let its program begin where all its data is."""
        with self._asking(f"start container {name}") as client:
            pid = details["State"]["Pid"]
            if pid and not self._sees_all(pid, details, gate):
                self._log.warn("Docker hides new mounts from containers", container=name)
                client.kill(details["Id"])
                client.wait(details["Id"])
                pid = 0
            if not pid:
                self._notes.forget(details["Id"])
                gate.begin(name)
                self._start(client, name, details)
                details = client.inspect_container(details["Id"])
                pid = details["State"]["Pid"]
        if not self._sees_all(pid, details, gate):
            raise ContainerError(f"container {name} not let go: it does not see its datasets")
        if translate.volumes(details):
            gate.use(name)
        gate.release(name, run_of(details), pid)

    def _restart_it_ourselves(self, details: Mapping[str, Any]) -> None:
        """Nobody but the agent knows whether its data is here: what was set by hand goes."""
        policy = details["HostConfig"].get("RestartPolicy") or {}
        if policy.get("Name") in (None, "", "no"):
            return
        self._log.warn(
            "Docker was told to restart a container: that is the agent's part",
            container=details["Name"],
            policy=policy["Name"],
        )
        with self._asking("update a container") as client:
            none: Any = {"Name": "no"}
            client.update_container(details["Id"], restart_policy=none)

    def _start(self, client: APIClient, name: str, details: Mapping[str, Any]) -> None:
        remains.start(client, details["Id"], lambda: self._discard(client, name, details))

    def _sees_all(self, pid: int, details: Mapping[str, Any], gate: Poising) -> bool:
        return all(gate.sees(pid, source, target) for source, target in translate.binds(details))

    def process(self, name: str) -> processes.RunningProcess | None:
        """The first process of the container; None when it does not run."""
        details = self._find(name)
        if details is None or not details["State"]["Running"]:
            return None
        container_id = details["Id"]
        pidfd = processes.open_process(details["State"]["Pid"], container_id)
        return processes.RunningProcess(container_id, pidfd, self._is_poised(name, details))

    def server(self, name: str) -> Server | str:
        """Where to see whether the container serves; when it does not run: that, in words."""
        details = self._find(name)
        if details is None:
            return "it is not there"
        state, labels = details["State"], details["Config"]["Labels"]
        if not state["Running"] or state.get("Paused"):
            return translate.why_not_running(state)
        if self._is_poised(name, details):
            return "it waits to be let go"
        return Server(
            details["Id"],
            self._here(f"/proc/{state['Pid']}"),
            translate.published_ports(details),
            translate.own_address(details),
            translate.health_check(labels),
        )

    def execute(
        self, container_id: str, command: tuple[str, ...], timeout_seconds: float
    ) -> str | None:
        """Run a command in the container; None when it exited with 0, else what became of it."""
        with self._asking("run a command in the container") as client:
            return execution.run(client, container_id, command, timeout_seconds)

    def stop(self, name: str, container_id: str, timeout_seconds: float) -> None:
        """Stop it, with SIGKILL after the time-out, and make sure that it has no process."""
        with self._asking(f"stop container {name}") as client:
            try:
                client.stop(container_id, timeout=math.ceil(timeout_seconds))
                state = client.inspect_container(container_id)["State"]
            except docker_errors.NotFound:
                return
        if state["Running"] or state["Pid"] != 0:
            raise ContainerError(f"container {name} was stopped and still has processes")

    def remove(self, name: str) -> None:
        """Remove it, with SIGKILL when it runs; what it may have in volumes of Docker's is kept."""
        details = self._find(name)
        if details is None:
            return
        with self._asking(f"remove container {name}") as client:
            self._discard(client, name, details)

    def _discard(self, client: APIClient, name: str, details: Mapping[str, Any]) -> None:
        keeping.discard(client, name, details, self._has_run(name, details))
        if self._poising is not None:
            self._poising.forget(name)

    def _has_run(self, name: str, details: Mapping[str, Any]) -> bool:
        """Whether its program may ever have run."""
        if not translate.was_started(details["State"]):
            return False
        gate = self._poising if translate.is_poisable(details["Config"]["Labels"]) else None
        return gate is None or not gate.is_unused(name)

    def kept(self) -> tuple[KeptVolume, ...]:
        """The volumes that are kept, after it was seen to it that nothing removes them."""
        with self._asking("list the volumes that are kept") as client:
            return keeping.protected(client, time.time())

    def remove_kept(self, name: str) -> tuple[KeptVolume, ...]:
        """Remove what is kept for a container that is no more, for good."""
        if self._find(name) is not None:
            raise ContainerError(f"container {name} is there: its volumes are not removed")
        with self._asking(f"remove the volumes of container {name}") as client:
            return keeping.let_go(client, name)

    def called(self, container_id: str) -> str | None:
        """What Docker calls any container; None when there is none of that id."""
        with self._asking("inspect a container") as client:
            try:
                return str(client.inspect_container(container_id)["Name"]).removeprefix("/")
            except docker_errors.NotFound:
                return None

    def events(self) -> CancellableStream[Any]:
        """Docker's stream of what becomes of our containers."""
        with self._asking("watch containers") as client:
            return client.events(
                filters={
                    "type": "container",
                    "label": [translate.MANAGED_FILTER],
                    "event": list(EVENTS),
                },
                decode=True,
            )

    def _poisable(
        self, name: str, arguments: Mapping[str, Any], client: APIClient
    ) -> dict[str, Any]:
        """The arguments, with a gate before the program where that is possible."""
        poising = self._poising
        if poising is None or not poising.is_possible(translate.bind_sources(arguments)):
            return dict(arguments)
        image = client.inspect_image(arguments["Image"])["Config"]
        if translate.makes_below(arguments, image):
            arguments = translate.without_early_start(arguments)
        gated_by = None if self._has_init_program(client) else image
        poised = translate.poised(arguments, poising.make(name), INSIDE, gated_by)
        return poised if poised is not None else dict(arguments)

    def _has_init_program(self, client: APIClient) -> bool:
        if self._init_of is None or self._init_of[0] is not client:
            self._init_of = client, translate.has_init(client.version(), client.info())
        return self._init_of[1]

    def _prepared(self, name: str) -> Mapping[str, Any]:
        details = self._find(name)
        if details is None:
            raise NotFound(f"container {name} is not there: prepare it first")
        return details

    def _here(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _require_not_paused(name: str, details: Mapping[str, Any]) -> None:
    if details["State"].get("Paused"):
        called = details["Name"].removeprefix("/")
        raise ContainerError(f"container {name} is paused: `docker unpause {called}`")


def _is_mount(path: Path) -> bool:
    """Whether a file system of its own is mounted there; os.path.ismount does not know of roots."""
    try:
        return path.stat().st_dev != (path / "..").stat().st_dev
    except OSError:
        return False
