"""What is asked of the Docker engine of this node, each question blocking; for use in threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import requests
from docker import APIClient
from docker import errors as docker_errors
from docker.types.daemon import CancellableStream
from docker.utils import parse_repository_tag
from twisted.logger import Logger

from flocker_lite.containers import ends, execution, processes, pulling, remains, translate
from flocker_lite.containers.failures import UNREACHABLE, words
from flocker_lite.containers.poising import INSIDE, Poising
from flocker_lite.containers.pull import Pull
from flocker_lite.errors import ContainerError, DockerAway, ImageError, NotFound
from flocker_lite.model.codec import CodecError
from flocker_lite.model.records import HealthCheck
from flocker_lite.model.state import POISED, End, LocalContainer

REQUEST_TIMEOUT_SECONDS = 60
PULL_SILENCE_SECONDS = 300
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """The first process of a running container; `pidfd` is None when it cannot be watched.

    One that is `poised` has nothing to end in order, and does not heed a signal that asks it to.
    """

    container_id: str
    pidfd: int | None
    poised: bool = False


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

    def __init__(self, socket_path: str, root: Path, poising: Poising | None = None) -> None:
        self._poising = poising
        self._socket = root / socket_path.lstrip("/")
        self._root = root
        self._ends = ends.Ends()
        self._client: APIClient | None = None
        self._connecting = threading.Lock()

    def close(self) -> None:
        """Let go of the connections that are idle."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def containers(self, name: str | None = None) -> list[LocalContainer]:
        """Every container of ours, or the one of that name alone."""
        known, moment = self._ends.known()
        filters = {"label": [translate.MANAGED_FILTER]}
        if name is not None:
            filters["name"] = [translate.name_filter(name)]
        with self._asking("list containers") as client:
            entries = client.containers(all=True, filters=filters)
        ended = [entry["Id"] for entry in entries if translate.has_ended(entry["State"])]
        missing = [container_id for container_id in ended if container_id not in known]
        if name is None:
            known = {key: end for key, end in known.items() if key in ended}
        if missing:
            with self._asking("tell how containers ended") as client:
                known = {**known, **ends.look_at(missing, client, self._client_of_its_own)}
        self._ends.remember(known, moment)
        found = (self._local(entry, known) for entry in entries)
        return [container for container in found if container is not None]

    def attend(self, attending: bool) -> None:
        """Whether somebody says `moved` from now on, so that ends need not be looked at twice."""
        self._ends.attend(attending)

    def moved(self, container_id: str) -> None:
        """A container started or ended."""
        self._ends.forget(container_id)

    def create(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Have the container created like this, and not started; False when it lacks its image."""
        existing = self._find(name)
        if existing is not None:
            if translate.made_from(arguments, existing["Config"]["Labels"]):
                return True
            if existing["State"]["Running"]:
                raise ContainerError(
                    f"container {name} runs with another configuration: stop it first"
                )
            self.remove(name)
        # Docker refuses to create a container when a path of it is missing, and datasets are
        # mounted after that; `start` is what makes sure that they are.
        for source in translate.bind_sources(arguments):
            self._here(source).mkdir(parents=True, exist_ok=True)
        with self._asking(f"create container {name}") as client:
            try:
                best = self._poisable(name, arguments, client)
                client.create_container_from_config(best, translate.docker_name(name))
            except docker_errors.NotFound:
                return False
        return True

    def poise(self, name: str) -> None:
        """Start the container, which waits at its gate then."""
        details = self._prepared(name)
        if self._poising is None or not translate.is_poisable(details["Config"]["Labels"]):
            raise ContainerError(f"container {name} was not made to be poised")
        if not details["State"]["Running"]:
            self._poising.begin(name)
            with self._asking(f"start container {name}") as client:
                remains.start(client, details["Id"])

    def has_image(self, image: str) -> bool:
        """Whether the image is here."""
        with self._asking(f"look for image {image}") as client:
            try:
                client.inspect_image(image)
            except docker_errors.ImageNotFound:
                return False
        return True

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
        running = details["State"]["Running"]
        if running and (gate is None or gate.is_released(name)):
            return
        for source in translate.bind_sources(details):
            if not _is_mount(self._here(source)):
                raise ContainerError(f"container {name} not started: {source} is not mounted")
        if gate is not None:
            self._let_go(name, details, gate)
            return
        with self._asking(f"start container {name}") as client:
            remains.start(client, details["Id"])

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
                gate.begin(name)
                remains.start(client, details["Id"])
                pid = client.inspect_container(details["Id"])["State"]["Pid"]
        if not self._sees_all(pid, details, gate):
            raise ContainerError(f"container {name} not let go: it does not see its datasets")
        gate.release(name, pid)

    def _sees_all(self, pid: int, details: Mapping[str, Any], gate: Poising) -> bool:
        return all(gate.sees(pid, source, target) for source, target in translate.binds(details))

    def process(self, name: str) -> RunningProcess | None:
        """The first process of the container; None when it does not run."""
        details = self._find(name)
        if details is None or not details["State"]["Running"]:
            return None
        container_id = details["Id"]
        pidfd = processes.open_process(details["State"]["Pid"], container_id)
        return RunningProcess(
            container_id, pidfd, self._is_poised(name, details["Config"]["Labels"])
        )

    def server(self, name: str) -> Server | str:
        """Where to see whether the container serves; when it does not run: that, in words."""
        details = self._find(name)
        if details is None:
            return "it is not there"
        state, labels = details["State"], details["Config"]["Labels"]
        if not state["Running"]:
            return translate.why_not_running(state)
        if self._is_poised(name, labels):
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
        """Remove it, with SIGKILL when it runs, and the nameless volumes that Docker made."""
        details = self._find(name)
        if details is None:
            return
        with self._asking(f"remove container {name}") as client:
            try:
                client.remove_container(details["Id"], force=True, v=True)
            except docker_errors.NotFound:
                return
        if self._poising is not None:
            self._poising.forget(name)

    def events(self) -> CancellableStream[Any]:
        """Docker's stream of starts and ends of our containers."""
        with self._asking("watch containers") as client:
            return client.events(
                filters={
                    "type": "container",
                    "label": [translate.MANAGED_FILTER],
                    "event": ["start", "die"],
                },
                decode=True,
            )

    def _local(self, entry: Mapping[str, Any], known: Mapping[str, End]) -> LocalContainer | None:
        """None also for one that was removed between the list and the look at its end."""
        if translate.has_ended(entry["State"]) and entry["Id"] not in known:
            return None
        try:
            local = translate.local_container(entry, known.get(entry["Id"]))
            if local is not None and self._is_poised(local.container.name, entry["Labels"]):
                return _not_let_go(local)
            return local
        except CodecError as error:
            self._log.warn(
                "Left out a container whose label cannot be read; remove it with docker rm",
                container_id=entry["Id"],
                error=str(error),
            )
            return None

    def _poisable(
        self, name: str, arguments: Mapping[str, Any], client: APIClient
    ) -> dict[str, Any]:
        """The arguments, with a gate before the program where that is possible."""
        poising = self._poising
        if poising is None or not poising.is_possible(translate.bind_sources(arguments)):
            return dict(arguments)
        image = client.inspect_image(arguments["Image"])["Config"]
        poised = translate.poised(arguments, image, poising.make(name), INSIDE)
        return poised if poised is not None else dict(arguments)

    def _is_poised(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether the container, if it runs, has not been let go."""
        if self._poising is None or not translate.is_poisable(labels):
            return False
        return not self._poising.is_released(name)

    def _prepared(self, name: str) -> Mapping[str, Any]:
        details = self._find(name)
        if details is None:
            raise NotFound(f"container {name} is not there: prepare it first")
        return details

    def _find(self, name: str) -> Mapping[str, Any] | None:
        """Docker's details of our container; ContainerError when the name is someone else's."""
        docker_name = translate.docker_name(name)
        with self._asking(f"inspect container {name}") as client:
            try:
                details: Mapping[str, Any] = client.inspect_container(docker_name)
            except docker_errors.NotFound:
                return None
        if translate.our_name([details["Name"]], details["Config"]["Labels"]) != name:
            raise ContainerError(
                f"flocker_lite did not make the container {docker_name}: rename or remove it"
            )
        return details

    def _here(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _connected(self) -> APIClient:
        with self._connecting:
            if self._client is None:
                self._client = self._client_of_its_own("auto")
            return self._client

    def _client_of_its_own(self, version: str) -> APIClient:
        return _Client(f"unix://{self._socket}", version, REQUEST_TIMEOUT_SECONDS)

    @contextmanager
    def _asking(
        self, what: str, trouble: Callable[[str], str] | None = None
    ) -> Iterator[APIClient]:
        """`trouble` makes an ImageError's text of Docker's words, instead of a ContainerError."""
        try:
            yield self._connected()
        except docker_errors.APIError as error:
            if trouble is not None:
                raise ImageError(trouble(words(error))) from error
            raise ContainerError(f"Docker did not {what}: {words(error)}") from error
        except UNREACHABLE as error:
            # Docker may come back as another version, so the next question negotiates anew.
            self.close()
            raise DockerAway(
                f"Docker does not answer at {self._socket}, to {what}: is it running? ({error})"
            ) from error


class _Client(APIClient):
    """Docker's client, with a limit to the silence of a pull, which has none of its own."""

    def __init__(self, base_url: str, version: str, timeout: int) -> None:
        super().__init__(base_url, version=version, timeout=timeout)
        # Proxies and .netrc are for the network; to look for them doubles the time of a question.
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if options.get("timeout") is None and "/images/create" in (request.url or ""):
            options["timeout"] = PULL_SILENCE_SECONDS
        return super().send(request, **options)


def _not_let_go(local: LocalContainer) -> LocalContainer:
    """A container whose program did not begin: it waits, or ended before there was an end of it."""
    if local.running:
        return replace(local, status=POISED)
    if local.end is not None:
        return replace(local, end=replace(local.end, by_itself=False))
    return local


def _is_mount(path: Path) -> bool:
    """Whether a file system of its own is mounted there; os.path.ismount does not know of roots."""
    try:
        return path.stat().st_dev != (path / "..").stat().st_dev
    except OSError:
        return False
