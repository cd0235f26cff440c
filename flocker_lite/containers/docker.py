"""IContainers with the Docker engine of this node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
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
from flocker_lite.containers.engine import Engine
from flocker_lite.containers.health import Health, RunInThread
from flocker_lite.containers.poising import Poising
from flocker_lite.errors import ContainerError, FlockerError, ImageError, PortInUse
from flocker_lite.interfaces import IContainers, IListeners, Stopped
from flocker_lite.model.exact_images import ExactImage
from flocker_lite.model.records import Container, DatasetId
from flocker_lite.model.state import ImagePull, KeptVolume, Listener, LocalContainer

SOCKET_PATH = "/run/docker.sock"
THREADS = 32
"""How large the pool behind `run_in_thread` should be: each call in progress takes one or two."""
PULLS_MAX = 4
STOP_MARGIN_SECONDS = 60.0
RECONNECT_DELAY_SECONDS_MIN = 0.5
RECONNECT_DELAY_SECONDS_MAX = 30.0

Answer = TypeVar("Answer")


@implementer(IContainers)
class DockerContainers:
    """Containers of ours at this node's Docker engine; all others are never touched.

    The calls on one container follow one another, those on different ones run side by side.
    """

    _log = Logger()

    def __init__(
        self,
        run_in_thread: RunInThread,
        reactor: Any,
        socket_path: str = SOCKET_PATH,
        root: Path = Path("/"),
        poising: Poising | None = None,
        listeners: IListeners | None = None,
        fenced: Path | None = None,
    ) -> None:
        """`reactor` is for time, and for TCP to containers that have a health check.

        `root` is where the engine's machine has its file system, seen from here.

        Without `poising` no container is poisable; with `listeners` it is told who has a port.
        In the folder `fenced` a file's name is the id of a container that a fence killed.
        """
        self._run = run_in_thread
        self._listeners = listeners
        self._clock = reactor
        self._engine = Engine(socket_path, root, poising, fenced)
        self._health = Health(self._engine, run_in_thread, reactor)
        self._locks: WeakValueDictionary[str, DeferredLock] = WeakValueDictionary()
        self._pulls = DeferredSemaphore(PULLS_MAX)
        self._gone: set[str] = set()
        self._unproved: dict[str, frozenset[int]] = {}

    async def discover(self) -> PMap[str, LocalContainer]:
        gone = frozenset(self._gone)
        found = await self._run(self._engine.looks.containers)
        return pmap({local.container.name: _seen(local, gone) for local in found})

    async def look(self, name: str) -> LocalContainer | None:
        gone = frozenset(self._gone)
        local = await self._run(self._engine.looks.look, name)
        return _seen(local, gone) if local is not None else None

    async def has_image(self, image: str) -> bool:
        return await self.image(image) is not None

    async def image(self, image: str) -> ExactImage | None:
        return await self._run(self._engine.image, image)

    async def pull(self, image: str, progress: Callable[[ImagePull], None]) -> None:
        if await self.has_image(image):
            return
        await self._pulls.acquire()
        try:
            progress(ImagePull())
            pull = await self._run(self._engine.pull, image)
            while (now := await self._run(pull.advance)) is not None:
                progress(now)
        finally:
            self._pulls.release()

    async def prepare(
        self,
        container: Container,
        binds: Mapping[DatasetId, str],
        address: str,
        image_id: str | None = None,
    ) -> None:
        arguments = translate.create_arguments(container, binds, address)
        if not await self._in_turn(container.name, self._engine.create, arguments, image_id):
            raise ImageError(f"image {container.image} is not here: it was removed meanwhile")
        self._unproved[container.name] = frozenset(port.external for port in container.ports)

    async def poise(self, name: str) -> None:
        await self._begin(name, self._engine.poise)

    async def start(self, name: str) -> None:
        await self._begin(name, self._engine.start)

    async def stop(self, name: str, timeout_seconds: float) -> Stopped:
        """Returns when the processes are gone; Docker still tidies up for about 0.1 s then.

        What is asked of this container meanwhile waits until Docker is through with it.
        """
        gone: Deferred[Stopped] = Deferred()

        def settle(result: Failure | Stopped) -> None:
            if not gone.called:
                gone.callback(result)
            elif isinstance(result, Failure):
                self._log.failure("Docker could not tidy up after a stop", result, container=name)

        stopping = self._lock(name).run(
            lambda: Deferred.fromCoroutine(self._stop(name, timeout_seconds, gone))
        )
        stopping.addBoth(settle)
        return await gone

    async def answers(self, name: str, timeout_seconds: float) -> str | None:
        return await self._health.answers(name, timeout_seconds)

    async def remove(self, name: str) -> None:
        await self._in_turn(name, self._engine.remove)

    async def kept(self) -> tuple[KeptVolume, ...]:
        return await self._run(self._engine.kept)

    async def remove_kept(self, name: str) -> None:
        for each in await self._in_turn(name, self._engine.remove_kept):
            self._log.info(
                "removed volume {volume} of {path}: container {container} was deleted",
                container=name,
                path=each.path,
                volume=each.volume,
            )

    async def called(self, instance: str) -> str | None:
        name: str | None = await self._run(self._engine.called, instance)
        return name

    async def watch(self, changed: Callable[[str], None]) -> None:
        """Also calls `changed` for every container whenever it has (re)connected to Docker."""
        delay_seconds = RECONNECT_DELAY_SECONDS_MIN
        while True:
            events = _Events(self._engine)
            try:
                await self._run(events.open)
                delay_seconds = RECONNECT_DELAY_SECONDS_MIN
                self._engine.looks.attend(True)
                for local in await self._run(self._engine.looks.containers):
                    changed(local.container.name)
                while (name := await self._run(events.next)) is not None:
                    changed(name)
                self._log.info("Docker ended its stream of events; connecting again")
            except ContainerError as error:
                self._log.warn("Docker's events cannot be read", error=str(error))
            finally:
                self._engine.looks.attend(False)
                events.close()
            await deferLater(self._clock, delay_seconds)
            delay_seconds = min(delay_seconds * 2, RECONNECT_DELAY_SECONDS_MAX)

    def close(self) -> None:
        """Let go of the connections to Docker."""
        self._engine.close()

    async def _begin(self, name: str, start: Callable[[str], None]) -> None:
        """Not before its ports are free: Docker leads connections to it until it finds out itself.

        They were meant for the software that listens there. Once it had its ports they are its own.
        """
        unproved = self._unproved.get(name, frozenset())
        if unproved:
            listening = await self._listening()
            for port in sorted(unproved.intersection(listening)):
                raise PortInUse(port, listening[port])
        try:
            await self._in_turn(name, start)
        except PortInUse as error:
            self._unproved[name] = unproved | {error.port}
            listening = await self._listening()
            raise PortInUse(error.port, listening.get(error.port, Listener())) from error
        self._unproved.pop(name, None)

    async def _listening(self) -> PMap[int, Listener]:
        """Who has which port of this node, as far as it can be told."""
        if self._listeners is None:
            return pmap()
        try:
            return await self._listeners.discover()
        except FlockerError as error:
            self._log.warn("who listens at this node's ports is not known: {error}", error=error)
            return pmap()

    async def _stop(self, name: str, timeout_seconds: float, gone: Deferred[Stopped]) -> Stopped:
        process = await self._run(self._engine.process, name)
        if process is None:
            return Stopped(ran=False)
        if process.poised:
            timeout_seconds = 0.0
        began = self._clock.seconds()

        def stopped() -> Stopped:
            # By then Docker has killed it, which it tells later, if at all.
            is_late = self._clock.seconds() - began >= timeout_seconds
            return Stopped(ran=not process.poised, killed=is_late and not process.poised)

        def ended(is_gone: bool) -> None:
            if is_gone and stopping:
                self._gone.add(name)
                if not gone.called:
                    gone.callback(stopped())

        stopping = True
        if process.pidfd is not None:
            self._run(
                processes.wait_until_gone, process.pidfd, timeout_seconds + STOP_MARGIN_SECONDS
            ).addCallback(ended)
        try:
            await self._run(self._engine.stop, name, process.container_id, timeout_seconds)
        finally:
            stopping = False
            self._gone.discard(name)
        return stopped()

    def _in_turn(
        self, name: str, question: Callable[..., Answer], *arguments: Any
    ) -> Deferred[Answer]:
        return self._lock(name).run(self._run, question, name, *arguments)

    def _lock(self, name: str) -> DeferredLock:
        # The dictionary is weak: a lock lives as long as somebody holds or awaits it.
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = DeferredLock()
        return lock


class _Events:
    """One connection to Docker's events: opened and read in threads, closed from any."""

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
        """Block until something becomes of one of ours; None when there are no more events."""
        stream = self._stream
        assert stream is not None
        with self._lock:
            self._reading = True
        try:
            for event in stream:
                attributes = event["Actor"]["Attributes"]
                name = translate.labelled_name(attributes)
                if name is not None:
                    self._engine.looks.moved(event["Actor"]["ID"])
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
                # It wakes the thread that reads, which does the rest.
                self._stream.close()
            else:
                self._let_go(self._stream)

    def _let_go(self, stream: CancellableStream[Any]) -> None:
        """Close it for good: its own `close` leaves a descriptor to the garbage collector."""
        stream.close()
        response = getattr(stream, "_response", None)
        if response is not None:
            response.close()


def _seen(local: LocalContainer, gone: frozenset[str]) -> LocalContainer:
    """Docker says that it runs until it has tidied up; its processes are gone."""
    is_gone = local.container.name in gone and local.has_processes
    return replace(local, status="exited") if is_gone else local
