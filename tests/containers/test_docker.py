"""In what order DockerContainers asks Docker, with threads that answer when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from flocker_lite.containers.docker import (
    PULLS_MAX,
    RECONNECT_DELAY_SECONDS_MAX,
    RECONNECT_DELAY_SECONDS_MIN,
    DockerContainers,
)
from flocker_lite.containers.processes import RunningProcess
from flocker_lite.containers.pull import Pull
from flocker_lite.errors import ContainerError, ImageError
from flocker_lite.interfaces import Stopped
from flocker_lite.model.records import Container
from flocker_lite.model.state import ImagePull, LocalContainer

DB = Container("db", "aaaaaaaa-0000-4000-8000-000000000001", "redis:latest")
WATCHED = RunningProcess("c0ffee", 5)
UNWATCHED = RunningProcess("c0ffee", None)


class Threads:
    """Keeps what was asked, by the name of the function, until the test answers it."""

    def __init__(self) -> None:
        self._asked: list[tuple[str, Deferred[Any]]] = []

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self._asked.append((function.__name__, answer))
        return answer

    @property
    def asked(self) -> list[str]:
        """What waits for an answer, in the order in which it was asked."""
        return [name for name, _ in self._asked]

    def answer(self, name: str, result: object = None) -> None:
        """Answer the oldest call of that function; an exception makes it fail."""
        index = self.asked.index(name)
        _, answer = self._asked.pop(index)
        if isinstance(result, Exception):
            answer.errback(result)
        else:
            answer.callback(result)


class DockerContainersTests(SynchronousTestCase):
    """No thread and no Docker is needed."""

    def setUp(self) -> None:
        self.threads = Threads()
        self.clock = Clock()
        self.docker = DockerContainers(self.threads, cast(Any, self.clock))
        self.told: list[ImagePull] = []

    def stop(self) -> Deferred[Stopped]:
        """Ask for a stop."""
        return Deferred.fromCoroutine(self.docker.stop("db", 10.0))

    def start(self) -> Deferred[None]:
        """Ask for a start."""
        return Deferred.fromCoroutine(self.docker.start("db"))

    def prepare(self, container: Container = DB) -> Deferred[None]:
        """Ask for a container to be created."""
        return Deferred.fromCoroutine(self.docker.prepare(container, {}, "10.79.1.11"))

    def status(self, docker_says: str) -> str:
        """What discovery makes of a container, given Docker's word for it."""
        discovering = Deferred.fromCoroutine(self.docker.discover())
        self.threads.answer("containers", [LocalContainer(DB, docker_says)])
        return self.successResultOf(discovering)["db"].status

    def test_stop_returns_when_the_processes_are_gone(self) -> None:
        """It does not wait for Docker, and discovery says what is true."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        assert self.status("running") == "running"
        self.assertNoResult(stopping)
        self.threads.answer("wait_until_gone", True)
        self.successResultOf(stopping)
        assert self.status("running") == "exited"
        self.threads.answer("stop")
        assert self.status("running") == "running"

    def test_a_start_waits_until_docker_has_tidied_up(self) -> None:
        """Docker would take it that the container runs already."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        self.threads.answer("wait_until_gone", True)
        self.successResultOf(stopping)
        starting = self.start()
        assert self.threads.asked == ["stop"]
        self.threads.answer("stop")
        assert self.threads.asked == ["start"]
        self.threads.answer("start")
        self.successResultOf(starting)

    def test_other_containers_do_not_wait(self) -> None:
        """Only calls on the same container follow one another."""
        self.stop()
        starting = Deferred.fromCoroutine(self.docker.start("other"))
        self.threads.answer("start")
        self.successResultOf(starting)

    def test_stop_without_a_process_to_watch(self) -> None:
        """Then it is Docker who says when the processes are gone."""
        stopping = self.stop()
        self.threads.answer("process", UNWATCHED)
        assert self.threads.asked == ["stop"]
        self.assertNoResult(stopping)
        self.threads.answer("stop")
        self.successResultOf(stopping)

    def test_stop_of_what_does_not_run(self) -> None:
        """Nothing is done."""
        stopping = self.stop()
        self.threads.answer("process", None)
        assert not self.successResultOf(stopping).ran
        assert self.threads.asked == []

    def test_ends_in_time(self) -> None:
        """Nobody was killed before the time was over, whoever sent a SIGKILL."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        self.clock.advance(9.5)
        self.threads.answer("wait_until_gone", True)
        assert self.successResultOf(stopping) == Stopped(ran=True)
        self.threads.answer("stop", True)

    def test_takes_all_its_time(self) -> None:
        """Whether it ended at the last moment or was killed is what Docker's record says."""
        for killed in (True, False):
            for process in (WATCHED, UNWATCHED):
                stopping = self.stop()
                self.threads.answer("process", process)
                self.clock.advance(10.5)
                if process is WATCHED:
                    self.threads.answer("wait_until_gone", True)
                    assert self.status("running") == "exited"
                self.assertNoResult(stopping)
                self.threads.answer("stop", killed)
                assert self.successResultOf(stopping) == Stopped(True, killed)

    def test_takes_all_its_own_time(self) -> None:
        """Without a time-out, it may take as long as it was made with."""
        own = RunningProcess("c0ffee", None, stop_timeout_seconds=60.0)
        for seconds, killed in ((59.0, False), (61.0, True)):
            stopping = Deferred.fromCoroutine(self.docker.stop("db"))
            self.threads.answer("process", own)
            self.clock.advance(seconds)
            self.threads.answer("stop", True)
            assert self.successResultOf(stopping) == Stopped(True, killed)

    def test_stop_of_what_is_poised(self) -> None:
        """It never ran, and so was not killed."""
        stopping = self.stop()
        self.threads.answer("process", RunningProcess("c0ffee", None, prestarted=True))
        self.threads.answer("stop", True)
        assert self.successResultOf(stopping) == Stopped(ran=False)

    def test_stop_fails(self) -> None:
        """When Docker fails and the processes are there, that is an error."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        self.threads.answer("stop", ContainerError("no"))
        self.failureResultOf(stopping, ContainerError)
        self.threads.answer("wait_until_gone", False)
        assert self.status("running") == "running"

    def test_still_there_after_all_the_time(self) -> None:
        """That the kernel had nothing to tell in time does not end a stop; Docker's word does."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        self.threads.answer("wait_until_gone", False)
        self.assertNoResult(stopping)
        self.threads.answer("stop", ContainerError("tried to kill container"))
        self.failureResultOf(stopping, ContainerError)

    def test_docker_cannot_tidy_up(self) -> None:
        """The stop has returned, so the failure is logged."""
        stopping = self.stop()
        self.threads.answer("process", WATCHED)
        self.threads.answer("wait_until_gone", True)
        self.threads.answer("stop", ContainerError("no"))
        self.successResultOf(stopping)
        assert len(self.flushLoggedErrors(ContainerError)) == 1

    def pull(self, image: str = DB.image, platform: str | None = None) -> Deferred[None]:
        """Ask for an image."""
        pulling = self.docker.pull(image, self.told.append, platform=platform)
        return Deferred.fromCoroutine(pulling)

    def test_pull_tells_how_far_it_is(self) -> None:
        """An image that is not here is pulled, with word of its progress, to the end."""
        pulling = self.pull()
        self.threads.answer("has", False)
        self.threads.answer("pull", Pull(DB.image, iter(())))
        half = ImagePull(50, 100, 0, 1)
        self.threads.answer("advance", half)
        self.assertNoResult(pulling)
        assert self.told == [ImagePull(), half]
        self.threads.answer("advance", None)
        self.successResultOf(pulling)

    def test_pull_of_what_is_here(self) -> None:
        """Docker is not asked to look for a newer one."""
        pulling = self.pull()
        self.threads.answer("has", True)
        self.successResultOf(pulling)
        assert (self.told, self.threads.asked) == ([], [])

    def test_pull_for_another_platform(self) -> None:
        """Whether it is what was asked for is looked at afterwards: Docker may pull another."""
        pulling = self.pull(platform="linux/arm64")
        self.threads.answer("has", False)
        self.threads.answer("pull", Pull(DB.image, iter(())))
        self.threads.answer("advance", None)
        self.threads.answer("require_platform", ImageError("it is for linux/amd64"))
        self.failureResultOf(pulling, ImageError)

    def test_prepare_without_image(self) -> None:
        """It does not pull by itself: a pull is told, and a preparation is not."""
        preparing = self.prepare()
        self.threads.answer("create", False)
        self.failureResultOf(preparing, ImageError)

    def test_pulls_are_limited(self) -> None:
        """A few pulls at a time leave threads for what is urgent; a failed one makes room."""
        for number in range(PULLS_MAX + 1):
            self.pull(f"db-{number}").addErrback(lambda failure: failure.trap(ImageError))
            self.threads.answer("has", False)
        assert self.threads.asked == ["pull"] * PULLS_MAX
        self.threads.answer("pull", ImageError("no"))
        assert self.threads.asked == ["pull"] * PULLS_MAX


class WatchTests(SynchronousTestCase):
    """The connection for events, which is made again and again."""

    def setUp(self) -> None:
        self.threads = Threads()
        self.clock = Clock()
        self.changed: list[str] = []
        docker = DockerContainers(self.threads, cast(Any, self.clock))
        self.watching = Deferred.fromCoroutine(docker.watch(self.changed.append))

    def test_tells(self) -> None:
        """Each event is told, and on connection all that may have changed unseen."""
        self.threads.answer("open")
        self.threads.answer("containers", [LocalContainer(DB, "running")])
        self.threads.answer("next", "other")
        assert self.changed == ["db", "other"]
        assert self.threads.asked == ["next"]

    def test_connects_again(self) -> None:
        """After the end of the stream, it is opened again a little later."""
        self.threads.answer("open")
        self.threads.answer("containers", [])
        self.threads.answer("next", None)
        assert self.threads.asked == []
        self.clock.advance(RECONNECT_DELAY_SECONDS_MIN)
        assert self.threads.asked == ["open"]

    def test_backs_off(self) -> None:
        """Each failure doubles the wait, up to a limit, and a success makes it short again."""
        delays = []
        for _ in range(9):
            self.threads.answer("open", ContainerError("away"))
            (call,) = self.clock.getDelayedCalls()
            delays.append(call.getTime() - self.clock.seconds())
            self.clock.advance(delays[-1])
        assert delays[:3] == [RECONNECT_DELAY_SECONDS_MIN * factor for factor in (1, 2, 4)]
        assert delays[-1] == RECONNECT_DELAY_SECONDS_MAX
        self.threads.answer("open")
        self.threads.answer("containers", ContainerError("away"))
        self.clock.advance(RECONNECT_DELAY_SECONDS_MIN)
        assert self.threads.asked == ["open"]

    def test_cancelled(self) -> None:
        """It can be cancelled while it reads and while it waits, and leaves no call behind."""
        self.threads.answer("open", ContainerError("away"))
        self.watching.cancel()
        self.failureResultOf(self.watching, CancelledError)
        assert self.clock.getDelayedCalls() == []
