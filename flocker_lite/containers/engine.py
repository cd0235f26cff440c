"""The requests to this node's Docker engine; each one blocks, so use it in threads."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker import APIClient
from docker import errors as docker_errors
from docker.types.daemon import CancellableStream
from twisted.logger import Logger

from flocker_lite.containers import (
    execution,
    image_health,
    image_owners,
    kept_volumes,
    networks,
    orphans,
    output,
    platforms,
    processes,
    socket_tables,
    translate,
)
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.container_discovery import ContainerDiscovery, run_of
from flocker_lite.containers.container_paths import why_no_directory
from flocker_lite.containers.data_binds import data_binds
from flocker_lite.containers.fence_notes import FenceNotes
from flocker_lite.containers.host_paths import require_apart
from flocker_lite.containers.images import Images
from flocker_lite.containers.secret_files import SecretFiles, Secrets
from flocker_lite.containers.server import Server
from flocker_lite.containers.start_gate import INSIDE, StartGates
from flocker_lite.errors import ContainerError, NotFound
from flocker_lite.interfaces import Executed
from flocker_lite.model.state import KeptVolume

MOVES = ("start", "die", "pause", "unpause", "rename", "destroy", *image_health.EVENTS)
EVENTS = (*MOVES, "kill", "stop")


class Engine:
    """The Docker engine behind a Unix socket, for several threads at once.

    `root` is where we see the file system of the engine's machine: "/", except in tests. Every
    method raises ContainerError if the engine refuses, with its words, or does not answer.
    """

    _log = Logger()

    def __init__(
        self,
        socket_path: str,
        root: Path,
        start_gates: StartGates | None = None,
        fenced: Path | None = None,
        secret_files: SecretFiles | None = None,
    ) -> None:
        """The folder `fenced` has the notes of what fencing ended."""
        self._start_gates = start_gates
        self._secret_files = secret_files
        self._notes = FenceNotes(fenced)
        self._root = root
        self._connection = Connection(root / socket_path.lstrip("/"))
        self._client_for = self._connection.client_for
        self._init_of: tuple[APIClient, bool] | None = None
        self.discovery = ContainerDiscovery(self._connection, start_gates, self._notes)
        self.images = Images(self._connection, self.discovery.digests)
        self._find = self.discovery.find
        self._is_prestarted = self.discovery.is_prestarted

    def close(self) -> None:
        """Close the idle connections."""
        self._connection.close()

    def create(
        self,
        name: str,
        arguments: Mapping[str, Any],
        image_id: str | None = None,
        secrets: Secrets | None = None,
    ) -> bool:
        """Create the container without starting it; False if its image is missing."""
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
        if secrets is not None:
            arguments = secrets.added_to(arguments, self._secret_files)
        if image_id is not None:
            arguments = {**arguments, "Image": image_id}
        # Docker refuses to create a container if one of its paths is missing, and datasets are
        # mounted later; `start` makes sure that they are.
        for bind in data_binds(arguments):
            self._here(bind.root).mkdir(parents=True, exist_ok=True)
        with self._client_for(f"create container {name}") as client:
            require_apart(translate.host_paths(arguments), client, self._here)
            taken = translate.mount_targets(arguments)
            kept = kept_volumes.to_give(client, name, taken)
            try:
                best = kept_volumes.with_volumes(self._prestartable(name, arguments, client), kept)
                best = networks.for_creation(client, best)
                platforms.create(client, best, translate.docker_name(name))
            except docker_errors.NotFound:
                return False
            kept_volumes.give_back(client, kept)
        self.discovery.exit_events.is_made(name)
        return True

    def prestart(self, name: str) -> None:
        """Start the container; its program then waits at its start gate."""
        details = self._prepared(name)
        if self._start_gates is None or not translate.is_prestartable(details["Config"]["Labels"]):
            raise ContainerError(f"container {name} was not made to be prestarted")
        _require_not_paused(name, details)
        if not details["State"]["Running"]:
            self._start_gates.begin(name)
            self._notes.forget(details["Id"])
            with self._client_for(f"start container {name}") as client:
                self._start(client, name, details)

    def start(self, name: str) -> None:
        """Start the container unless it runs; NotFound if it does not exist.

        ContainerError also when nothing is mounted where one of its datasets should be: it would
        write to the disk of the node. And when a directory of one, which it uses, is not there.
        """
        details = self._prepared(name)
        gate = self._start_gates if translate.is_prestartable(details["Config"]["Labels"]) else None
        _require_not_paused(name, details)
        if details["State"]["Running"] and not self._is_prestarted(name, details):
            return
        self._restart_it_ourselves(details)
        binds = data_binds(details)
        for bind in binds:
            if not _is_mount(self._here(bind.root)):
                raise ContainerError(f"container {name} not started: {bind.root} is not mounted")
            why = why_no_directory(self._here(bind.root), bind.subpath) if bind.subpath else None
            if why is not None:
                raise ContainerError(f"container {name} not started: {bind.source} {why}")
        if new := image_owners.new_ones(binds, self._here):
            with self._client_for(f"look into the image of container {name}") as client:
                image_owners.give(client, name, details["Image"], new, self._here)
        if gate is not None:
            self._let_go(name, details, gate)
            return
        self._notes.forget(details["Id"])
        with self._client_for(f"start container {name}") as client:
            self._start(client, name, details)

    def _let_go(self, name: str, details: Mapping[str, Any], gate: StartGates) -> None:
        """Start it unless it is prestarted, and let its program begin if it sees all its data."""
        with self._client_for(f"start container {name}") as client:
            pid = details["State"]["Pid"]
            if pid and not self._sees_all(pid, details, gate):
                self._log.warn("Docker hides new mounts from the container", container=name)
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
            raise ContainerError(f"container {name} not started: it does not see its datasets")
        if translate.volumes(details):
            gate.use(name)
        gate.release(name, run_of(details), pid)

    def _restart_it_ourselves(self, details: Mapping[str, Any]) -> None:
        """Remove a restart policy that somebody set: only the agent knows if the data is here."""
        policy = details["HostConfig"].get("RestartPolicy") or {}
        if policy.get("Name") in (None, "", "no"):
            return
        self._log.warn(
            "removed a container's restart policy in Docker: only the agent restarts it",
            container=details["Name"],
            policy=policy["Name"],
        )
        with self._client_for("update a container") as client:
            none: Any = {"Name": "no"}
            client.update_container(details["Id"], restart_policy=none)

    def _start(self, client: APIClient, name: str, details: Mapping[str, Any]) -> None:
        networks.connect(client, details)
        orphans.start(client, details["Id"], lambda: self._discard(client, name, details))

    def _sees_all(self, pid: int, details: Mapping[str, Any], gate: StartGates) -> bool:
        return all(gate.sees(pid, bind.source, bind.target) for bind in data_binds(details))

    def process(self, name: str) -> processes.RunningProcess | None:
        """The first process of the container; None if it does not run."""
        details = self._find(name)
        if details is None or not details["State"]["Running"]:
            return None
        container_id = details["Id"]
        pidfd = processes.open_process(details["State"]["Pid"], container_id)
        if self._is_prestarted(name, details):
            return processes.RunningProcess(container_id, pidfd, prestarted=True)
        timeout_seconds = translate.stop_timeout_seconds(details["Config"]["Labels"])
        started = details["State"]["StartedAt"]
        return processes.RunningProcess(container_id, pidfd, False, timeout_seconds, started)

    def server(self, name: str) -> Server | str:
        """Where to find out whether the container serves; if it does not run, why not."""
        details = self._find(name)
        if details is None:
            return "it does not exist"
        state, labels = details["State"], details["Config"]["Labels"]
        if not state["Running"] or state.get("Paused"):
            return translate.why_not_running(state)
        if self._is_prestarted(name, details):
            return "it waits at its start gate"
        return Server(
            details["Id"],
            self._here(f"/proc/{state['Pid']}"),
            translate.published_ports(details),
            translate.own_address(details),
            translate.health_check(labels),
        )

    def connections(self, name: str) -> int:
        """How many connections are open at the ports at which a running container serves."""
        server = self.server(name)
        return (
            socket_tables.connections(server.process, server.ports)
            if isinstance(server, Server)
            else 0
        )

    def execute(
        self, container_id: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        """Run a command in the container."""
        with self._client_for("run a command in the container") as client:
            return execution.run(client, container_id, command, timeout_seconds)

    def stop(
        self, name: str, process: processes.RunningProcess, timeout_seconds: float, is_exit: bool
    ) -> bool:
        """Stop it, with SIGKILL after the time-out, and make sure that it has no process.

        Unless that `is_exit`, it is noted before. Returns whether SIGKILL ended it, other than for
        lack of memory.
        """
        container_id = process.container_id
        if not is_exit:
            self._notes.stops(container_id, process.started, timeout_seconds)
        self.discovery.exit_events.is_our_doing(container_id)
        with self._client_for(f"stop container {name}") as client:
            try:
                client.stop(container_id, timeout=math.ceil(timeout_seconds))
                state = client.inspect_container(container_id)["State"]
            except docker_errors.NotFound:
                return True  # somebody removed it by force
        if state["Running"] or state["Pid"] != 0:
            raise ContainerError(f"container {name} was stopped and still has processes")
        return translate.was_killed(state)

    def remove(self, name: str) -> None:
        """Remove it, with SIGKILL if it runs, and keep its Docker volumes if they may have data."""
        details = self._find(name)
        if details is None:
            self._forget(name)
            return
        with self._client_for(f"remove container {name}") as client:
            self._discard(client, name, details)
            networks.let_go(client, details)

    def _discard(self, client: APIClient, name: str, details: Mapping[str, Any]) -> None:
        self.discovery.exit_events.is_our_doing(details["Id"])
        kept_volumes.discard(client, name, details, self._has_run(name, details))
        self._notes.forget(details["Id"])
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Remove what the agent keeps for a container that is no more."""
        if self._start_gates is not None:
            self._start_gates.forget(name)
        if self._secret_files is not None:
            self._secret_files.forget(name)

    def _has_run(self, name: str, details: Mapping[str, Any]) -> bool:
        """Whether its program may ever have run."""
        if not translate.was_started(details["State"]):
            return False
        gate = self._start_gates if translate.is_prestartable(details["Config"]["Labels"]) else None
        return gate is None or not gate.is_unused(name)

    def kept(self) -> tuple[tuple[KeptVolume, ...], tuple[str, ...]]:
        """The kept volumes, and the ids of the keepers that are to be started."""
        with self._client_for("list the volumes that are kept") as client:
            return kept_volumes.kept(client, time.time())

    def start_keeper(self, keeper: str) -> None:
        """Have a kept volume in use, so that nothing prunes it."""
        with self._client_for("start a keeper of volumes") as client:
            kept_volumes.start(client, keeper)

    def remove_kept(self, name: str) -> tuple[KeptVolume, ...]:
        """Remove for good the volumes kept for a container that no longer exists."""
        if self._find(name) is not None:
            raise ContainerError(f"container {name} exists: its volumes are not removed")
        with self._client_for(f"remove the volumes of container {name}") as client:
            return kept_volumes.let_go(client, name)

    def output(self, name: str, lines: int, follow: bool) -> output.OutputReader:
        """What a container wrote last, and with `follow` what it writes from now on."""
        details = self._prepared(name)
        with self._client_for(f"read the output of container {name}") as client:
            return output.of_container(client, name, details, lines, follow)

    def called(self, container_id: str) -> str | None:
        """What Docker calls any container; None if none has that id."""
        with self._client_for("inspect a container") as client:
            try:
                return str(client.inspect_container(container_id)["Name"]).removeprefix("/")
            except docker_errors.NotFound:
                return None

    def publishes(self, port: int, protocol: str) -> bool:
        """Whether any container that runs, whoever made it, has this port of the node."""
        with self._client_for("list the ports of containers") as client:
            entries = client.containers()
        return any(
            (each.get("PublicPort"), each.get("Type")) == (port, protocol)
            for entry in entries
            for each in entry["Ports"] or ()
        )

    def events(self) -> CancellableStream[Any]:
        """Docker's stream of events about our containers."""
        with self._client_for("watch containers") as client:
            return client.events(
                filters={
                    "type": "container",
                    "label": [translate.MANAGED_FILTER],
                    "event": list(EVENTS),
                },
                decode=True,
            )

    def _prestartable(
        self, name: str, arguments: Mapping[str, Any], client: APIClient
    ) -> dict[str, Any]:
        """The arguments, with a start gate before the program where that is possible."""
        start_gates = self._start_gates
        roots = [bind.root for bind in data_binds(arguments)]
        if start_gates is None or not start_gates.is_possible(roots):
            return dict(arguments)
        image = client.inspect_image(arguments["Image"])["Config"]
        if translate.needs_data(arguments, image):
            arguments = translate.without_early_start(arguments)
        gated_by = None if self._has_init_program(client) else image
        gate = start_gates.make(name, arguments["HostConfig"].get("Init", False))
        prestarted = translate.prestarted(arguments, gate, INSIDE, gated_by)
        return prestarted if prestarted is not None else dict(arguments)

    def _has_init_program(self, client: APIClient) -> bool:
        if self._init_of is None or self._init_of[0] is not client:
            self._init_of = client, translate.has_init(client.version(), client.info())
        return self._init_of[1]

    def _prepared(self, name: str) -> Mapping[str, Any]:
        details = self._find(name)
        if details is None:
            raise NotFound(f"container {name} does not exist: prepare it first")
        return details

    def _here(self, path: str) -> Path:
        return self._root / path.lstrip("/")


def _require_not_paused(name: str, details: Mapping[str, Any]) -> None:
    if details["State"].get("Paused"):
        called = details["Name"].removeprefix("/")
        raise ContainerError(f"container {name} is paused: `docker unpause {called}`")


def _is_mount(path: Path) -> bool:
    """Whether a file system is mounted there; os.path.ismount cannot be told of another root."""
    try:
        return path.stat().st_dev != (path / "..").stat().st_dev
    except OSError:
        return False
