"""IContainers with the Docker engine of this node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from docker.types.daemon import CancellableStream
from pyrsistent import PMap, pmap
from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from flocker_lite.containers import processes, translate
from flocker_lite.containers.arguments.networks import fixed_hosts, with_hosts_file
from flocker_lite.containers.engine import MOVES, Engine
from flocker_lite.containers.health import Health
from flocker_lite.containers.hosts_files import HostsFiles
from flocker_lite.containers.output import DockerOutput
from flocker_lite.containers.secret_files import SecretFiles, Secrets
from flocker_lite.containers.start_gate import StartGates
from flocker_lite.errors import ContainerError, FlockerError, ImageError, PortInUse, PortLost
from flocker_lite.interfaces import NO_SECRETS, Executed, IContainers, IListeners, IOutput, Stopped
from flocker_lite.interfaces.reactor import INetworkReactor
from flocker_lite.interfaces.threads import RunInThread
from flocker_lite.model.container_fields.ports import port_of
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import Container, DatasetId, Registry
from flocker_lite.model.state import ImagePull, KeptVolume, Listener, LocalContainer

SOCKET_PATH = "/run/docker.sock"
THREADS = 32
"""The size for the pool behind `run_in_thread`: each call in progress takes one or two threads."""
PULLS_MAX = 4
STOP_MARGIN_SECONDS = 60.0
RECONNECT_DELAY_SECONDS_MIN = 0.5
RECONNECT_DELAY_SECONDS_MAX = 30.0

Answer = TypeVar("Answer")


@implementer(IContainers)
class DockerContainers:
    """Our containers at this node's Docker engine; it never touches any others.

    Calls for one container run one after another, calls for different containers side by side.
    """

    _log = Logger()

    def __init__(
        self,
        run_in_thread: RunInThread,
        reactor: INetworkReactor,
        socket_path: str = SOCKET_PATH,
        root: Path = Path("/"),
        start_gates: StartGates | None = None,
        listeners: IListeners | None = None,
        fenced: Path | None = None,
        secret_files: SecretFiles | None = None,
        hosts_files: HostsFiles | None = None,
    ) -> None:
        """`reactor` is for time, and for TCP to containers that have a health check.

        `root` is where we see the file system of the engine's machine.

        Without `start_gates` no container is prestartable. `listeners` finds out who has a port.
        The folder `fenced` has the notes of what fencing ended.
        With `hosts_files` a container that has networks finds those of other nodes by name.
        """
        self._hosts_files = hosts_files
        self._run = run_in_thread
        self._listeners = listeners
        self._clock = reactor
        self._engine = Engine(socket_path, root, start_gates, fenced, secret_files)
        self._health = Health(self._engine, run_in_thread, reactor)
        self._locks: WeakValueDictionary[str, DeferredLock] = WeakValueDictionary()
        self._pulls = DeferredSemaphore(PULLS_MAX)
        self._gone: set[str] = set()
        self._unproved: dict[str, frozenset[str]] = {}
        self._starting_keepers = False

    async def discover(self) -> PMap[str, LocalContainer]:
        gone = frozenset(self._gone)
        found = await self._run(self._engine.discovery.containers)
        return pmap({local.container.name: _seen(local, gone) for local in found})

    async def look(self, name: str) -> LocalContainer | None:
        gone = frozenset(self._gone)
        local = await self._run(self._engine.discovery.look, name)
        return _seen(local, gone) if local is not None else None

    async def gone(self) -> PMap[str, LocalContainer]:
        found = await self._run(self._engine.discovery.gone)
        return pmap({local.container.name: local for local in found})

    async def has_image(self, image: str) -> bool:
        return await self.image(image) is not None

    async def image(self, image: str) -> ExactImage | None:
        return await self._run(self._engine.images.image, image)

    async def pull(
        self,
        image: str,
        progress: Callable[[ImagePull], None],
        login: Registry | None = None,
        platform: str | None = None,
    ) -> None:
        images = self._engine.images
        if await self._run(images.has, image, platform):
            return
        await self._pulls.acquire()
        try:
            progress(ImagePull())
            pull = await self._run(images.pull, image, login, platform)
            while (now := await self._run(pull.advance)) is not None:
                progress(now)
        finally:
            self._pulls.release()
        if platform is not None:
            # Docker says so only when a container is made, and its predecessor is gone then.
            await self._run(images.require_platform, image, platform)

    async def prepare(
        self,
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
        secrets: Mapping[str, bytes] = NO_SECRETS,
    ) -> None:
        arguments = translate.create_arguments(container, binds, address)
        if self._hosts_files is not None and container.networks:
            fixed = fixed_hosts(container, address)
            path = await self._run(self._hosts_files.make, container.name, fixed)
            arguments = with_hosts_file(arguments, path)
        given = Secrets(container, secrets)
        if not await self._in_turn(container.name, self._engine.create, arguments, image_id, given):
            raise ImageError(f"image {container.image} is not here: it was removed meanwhile")
        self._unproved[container.name] = frozenset(port.key for port in container.ports)

    async def prestart(self, name: str) -> None:
        await self._begin(name, self._engine.prestart)

    async def start(self, name: str) -> None:
        await self._begin(name, self._engine.start)

    async def stop(
        self, name: str, timeout_seconds: float | None = None, is_exit: bool = True
    ) -> Stopped:
        """Returns when the processes are gone; Docker then tidies up for about 0.1 s.

        If they used up their time, it returns once Docker has said how they ended. Other calls for
        this container wait until Docker has finished with it.
        """
        gone: Deferred[Stopped] = Deferred()

        def settle(result: Failure | Stopped) -> None:
            if not gone.called:
                gone.callback(result)
            elif isinstance(result, Failure):
                self._log.failure("Docker failed to tidy up after a stop", result, container=name)

        stopping = self._lock(name).run(
            lambda: Deferred.fromCoroutine(self._stop(name, timeout_seconds, is_exit, gone))
        )
        stopping.addBoth(settle)
        return await gone

    async def answers(self, name: str, timeout_seconds: float) -> str | None:
        return await self._health.answers(name, timeout_seconds)

    async def probe(self, name: str) -> str | None:
        return await self._health.probe(name)

    async def execute(
        self, name: str, command: tuple[str, ...], timeout_seconds: float
    ) -> Executed:
        return await self._health.execute(name, command, timeout_seconds)

    async def connections(self, name: str) -> int:
        return await self._run(self._engine.connections, name)

    async def remove(self, name: str) -> None:
        await self._in_turn(name, self._engine.remove)
        if self._hosts_files is not None:
            await self._run(self._hosts_files.forget, name)

    async def kept(self) -> tuple[KeptVolume, ...]:
        kept: tuple[KeptVolume, ...]
        kept, due = await self._run(self._engine.kept)
        if due and not self._starting_keepers:
            self._starting_keepers = True
            Deferred.fromCoroutine(self._start_keepers(due)).addErrback(
                lambda failure: self._log.failure("cannot start keepers of volumes", failure)
            )
        return kept

    async def _start_keepers(self, due: Iterable[str]) -> None:
        """One after the other, while others look on: dozens take Docker half a minute."""
        try:
            for keeper in due:
                await self._run(self._engine.start_keeper, keeper)
        finally:
            self._starting_keepers = False

    async def remove_kept(self, name: str) -> None:
        for each in await self._in_turn(name, self._engine.remove_kept):
            self._log.info(
                "removed volume {volume} of {path}: container {container} was deleted",
                container=name,
                path=each.path,
                volume=each.volume,
            )

    async def output(self, name: str, lines: int, follow: bool) -> IOutput:
        reader = await self._run(self._engine.output, name, lines, follow)
        return DockerOutput(self._run, reader)

    async def called(self, instance: str) -> str | None:
        name: str | None = await self._run(self._engine.called, instance)
        return name

    async def watch(self, changed: Callable[[str], None]) -> None:
        """Also calls `changed` for every container after each (re)connection to Docker."""
        delay_seconds = RECONNECT_DELAY_SECONDS_MIN
        while True:
            events = _Events(self._engine)
            try:
                await self._run(events.open)
                delay_seconds = RECONNECT_DELAY_SECONDS_MIN
                self._engine.discovery.attend(True)
                for local in await self._run(self._engine.discovery.containers):
                    changed(local.container.name)
                while (name := await self._run(events.next)) is not None:
                    changed(name)
                self._log.info("Docker ended its stream of events; reconnecting")
            except ContainerError as error:
                self._log.warn("cannot read Docker's events: {error}", error=str(error))
            finally:
                self._engine.discovery.attend(False)
                events.close()
            await deferLater(self._clock, delay_seconds)
            delay_seconds = min(delay_seconds * 2, RECONNECT_DELAY_SECONDS_MAX)

    def close(self) -> None:
        """Close the connections to Docker."""
        self._engine.close()

    async def _begin(self, name: str, start: Callable[[str], None]) -> None:
        """Start it once its ports are free.

        Otherwise Docker would send it connections that are meant for the program that listens
        there, until Docker notices. After the first start the ports belong to the container.
        """
        unproved = self._unproved.get(name, frozenset())
        if unproved:
            listening = await self._listening()
            for port in sorted(unproved.intersection(listening)):
                raise await self._taken(port, listening)
        try:
            await self._in_turn(name, start)
        except PortInUse as error:
            self._unproved[name] = unproved | {error.port}
            listening = await self._listening()
            raise await self._taken(error.port, listening) from error
        self._unproved.pop(name, None)

    async def _taken(self, port: str, listening: PMap[str, Listener]) -> PortInUse:
        """The error that says who has the port, as far as we can find out."""
        listener = listening.get(port, Listener())
        if listener.is_docker and not await self._run(self._engine.publishes, *port_of(port)):
            return PortLost(port)
        return PortInUse(port, listener)

    async def _listening(self) -> PMap[str, Listener]:
        """Who listens at each port of this node, as far as we can find out."""
        if self._listeners is None:
            return pmap()
        try:
            return await self._listeners.discover()
        except FlockerError as error:
            self._log.warn("cannot find out who listens at this node's ports: {error}", error=error)
            return pmap()

    async def _stop(
        self, name: str, timeout_seconds: float | None, is_exit: bool, gone: Deferred[Stopped]
    ) -> Stopped:
        process = await self._run(self._engine.process, name)
        if process is None:
            return Stopped(ran=False)
        if timeout_seconds is None or process.prestarted:
            timeout_seconds = process.stop_timeout_seconds
        began = self._clock.seconds()

        def in_time() -> bool:
            return process.prestarted or self._clock.seconds() - began < timeout_seconds

        def ended(is_gone: bool) -> None:
            if is_gone and stopping:
                self._gone.add(name)
                # Docker does not kill before the time is over. After that, only Docker knows
                # whether it killed the process.
                if in_time() and not gone.called:
                    gone.callback(Stopped(ran=not process.prestarted))

        stopping = True
        if process.pidfd is not None:
            self._run(
                processes.wait_until_gone, process.pidfd, timeout_seconds + STOP_MARGIN_SECONDS
            ).addCallback(ended)
        try:
            killed = await self._run(self._engine.stop, name, process, timeout_seconds, is_exit)
        finally:
            stopping = False
            self._gone.discard(name)
        return Stopped(ran=not process.prestarted, killed=killed and not in_time())

    def _in_turn(
        self, name: str, question: Callable[..., Answer], *arguments: Any
    ) -> Deferred[Answer]:
        return self._lock(name).run(self._run, question, name, *arguments)

    def _lock(self, name: str) -> DeferredLock:
        # The dictionary is weak: a lock lives as long as somebody holds it or waits for it.
        return self._locks.setdefault(name, DeferredLock())


class _Events:
    """One connection to Docker's events: opened and read in threads, closed from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._stream: CancellableStream[Any] | None = None
        self._reading = False
        self._closed = False

    def open(self) -> None:
        stream = self._engine.events()
        with self._lock:
            self._stream = stream
            if self._closed:
                self._let_go(stream)

    def next(self) -> str | None:
        """Block until one of our containers changes; None when there are no more events."""
        stream = self._stream
        assert stream is not None
        with self._lock:
            self._reading = True
        try:
            for event in stream:
                attributes = event["Actor"]["Attributes"]
                name = translate.labelled_name(attributes)
                if name is None:
                    continue
                self._engine.discovery.exit_events.tell(event)
                if event.get("Action") in MOVES:
                    self._engine.discovery.moved(event["Actor"]["ID"])
                    return name
            return None
        finally:
            with self._lock:
                self._reading = False
                if self._closed:
                    self._let_go(stream)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._stream is None:
                return
            if self._reading:
                # This wakes the thread that reads, and that thread does the rest.
                self._stream.close()
            else:
                self._let_go(self._stream)

    def _let_go(self, stream: CancellableStream[Any]) -> None:
        """Close it completely: its own `close` leaves a descriptor to the garbage collector."""
        stream.close()
        response = getattr(stream, "_response", None)
        if response is not None:
            response.close()


def _seen(local: LocalContainer, gone: frozenset[str]) -> LocalContainer:
    """Mark a container as exited whose processes are gone, though Docker still says it runs."""
    is_gone = local.container.name in gone and local.has_processes
    return replace(local, status="exited") if is_gone else local
