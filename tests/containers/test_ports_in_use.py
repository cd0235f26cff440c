"""A port that somebody else has: from what Docker says to what the user is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers.docker import DockerContainers
from flocker_lite.containers.errors import port_in_use
from flocker_lite.errors import FlockerError, PortInUse
from flocker_lite.model.state import Listener
from flocker_lite.testing.memory_listeners import MemoryListeners

PROXY = (
    "driver failed programming external connectivity on endpoint flocker--db (0a1b2c:7): Error "
    "starting userland proxy: listen tcp4 0.0.0.0:7000: bind: address already in use"
)


@pytest.mark.parametrize(
    ("said", "port"),
    [
        (PROXY, "7000"),
        ("listen tcp6 [::]:7000: bind: address already in use", "7000"),
        ("listen udp4 0.0.0.0:53: bind: address already in use", "53/udp"),
        ("failed to bind host port 0.0.0.0:53/udp: address already in use", "53/udp"),
        ("Bind for 0.0.0.0:7000 failed: port is already allocated", "7000"),
        (
            "failed to bind host port for 0.0.0.0:7000:172.17.0.2:80/tcp: address already in use",
            "7000",
        ),
        ("failed to bind host port 0.0.0.0:7000/tcp: address already in use", "7000"),
        ("dial tcp 10.0.0.1:7000: connection refused", None),
        ("address already in use", None),
    ],
)
def test_what_docker_says(said: str, port: str | None) -> None:
    """The port of the node, in the words of several releases."""
    assert port_in_use(said) == port


class PortInUseTests(SynchronousTestCase):
    """A start that Docker refused."""

    def told(self, **options: Any) -> str:
        """What the user reads."""

        def refuse(function: object, *arguments: object) -> Deferred[Any]:
            return fail(PortInUse("7000"))

        docker = DockerContainers(refuse, cast(Any, Clock()), **options)
        return str(self.failureResultOf(Deferred.fromCoroutine(docker.start("db"))).value)

    def test_who_has_it(self) -> None:
        """The process that listens is named, with what to do."""
        listeners = MemoryListeners({"7000": Listener("nginx", 8)})
        assert self.told(listeners=listeners) == (
            "port 7000 of this node is in use by nginx (pid 8): stop that, or give the container "
            "another external port"
        )

    def test_left_by_a_docker_that_died(self) -> None:
        """It is Docker that listens, and for no container: whom to stop is not said."""
        for published in (True, False):

            def refuse(
                function: Callable[..., object], *arguments: object, published: bool = published
            ) -> Deferred[Any]:
                asked = function.__name__ == "publishes"
                return succeed(published) if asked else fail(PortInUse("7000"))

            listeners = MemoryListeners({"7000": Listener("docker-proxy", 8)})
            docker = DockerContainers(refuse, cast(Any, Clock()), listeners=listeners)
            for _ in range(2):
                starting = Deferred.fromCoroutine(docker.start("db"))
                said = str(self.failureResultOf(starting, PortInUse).value)
                assert ("another container of Docker" in said) == published
                assert ("Restart Docker" in said) != published

    def test_docker_is_not_asked_again(self) -> None:
        """Each time it would take the connections of whoever listens, until it is refused."""
        asked: list[str] = []

        def refuse(function: object, name: str, *arguments: object) -> Deferred[Any]:
            asked.append(name)
            return fail(PortInUse("7000")) if listeners.listening else succeed(None)

        listeners = MemoryListeners({"7000": Listener("nginx", 8)})
        docker = DockerContainers(refuse, cast(Any, Clock()), listeners=listeners)
        for _ in range(3):
            self.failureResultOf(Deferred.fromCoroutine(docker.start("db")), PortInUse)
        assert asked == ["db"]
        listeners.listening.clear()
        self.successResultOf(Deferred.fromCoroutine(docker.start("db")))
        assert asked == ["db", "db"]

    def test_it_cannot_be_told(self) -> None:
        """Then Docker says what it can."""
        listeners = MemoryListeners(error=FlockerError("no ss here"))
        for said in (self.told(listeners=listeners), self.told(listeners=listeners)):
            assert said.startswith("port 7000 of this node is in use by something else: ")

    def test_nobody_knows(self) -> None:
        """It is something else in any case."""
        for options in ({}, {"listeners": MemoryListeners()}):
            assert self.told(**options).startswith(
                "port 7000 of this node is in use by something else: "
            )
