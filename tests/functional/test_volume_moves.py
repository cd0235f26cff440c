"""Volumes of real Dockers on two nodes: they go where a container is started, and nobody loses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess

import pytest

from tests.functional.agents_lab import wait_for
from tests.functional.volumes_lab import IMAGE, SLEEP, Dockers, volumes_lab

KILLED_SECONDS = 0.5
"""How long an agent is away, or does not read; Docker tries again for 15 or 30 s."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Dockers]:
    """Two nodes."""
    with volumes_lab("test-volume-moves", "10.90.13.0/24") as lab:
        yield lab


@pytest.fixture
def dockers(lab: Dockers, request: pytest.FixtureRequest) -> Iterator[Dockers]:
    """A volume `data` with a file on n1; the next test has another dataset."""
    name = f"name={request.node.name.split('[')[0]}"
    for node in ("n1", "n2"):
        lab.volume(node, "data", name)
    lab.once("n1", "data", "echo row >/data/file")
    yield lab
    lab.clean("n1", "n2")


def again(dockers: Dockers, node: str, name: str, *options: str) -> None:
    """Create the volume anew, with options."""
    dockers.docker(node, "volume", "rm", "data")
    dockers.volume(node, "data", f"name={name}", *options)


def test_unused(dockers: Dockers) -> None:
    """It comes to the node that starts a container with it, and goes back."""
    began = time.monotonic()
    assert dockers.once("n2", "data", "cat /data/file; echo more >>/data/file") == "row"
    print(f"to n2: {time.monotonic() - began:.2f} s")
    began = time.monotonic()
    assert dockers.once("n1", "data", "cat /data/file") == "row\nmore"
    print(f"back to n1: {time.monotonic() - began:.2f} s")
    assert dockers.inspected("n1", "data")["Status"]["node"] == dockers.node("n1").address


def test_in_use(dockers: Dockers) -> None:
    """A container that uses it elsewhere keeps it, and Docker's error names it and its node."""
    dockers.start("n1", "web", "data")
    said = dockers.error("n2", "run", "--rm", "--volume", "data:/data", IMAGE, "true")
    assert f"in use at {dockers.node('n1').address} by container web" in said
    assert dockers.docker("n1", "exec", "web", "cat", "/data/file") == "row"
    dockers.docker("n1", "rm", "--force", "web")
    assert dockers.once("n2", "data", "cat /data/file") == "row"


def test_follow(dockers: Dockers) -> None:
    """With conflict=follow the container elsewhere is stopped, unless Docker would restart it."""
    again(dockers, "n2", "test_follow", "conflict=follow")
    dockers.start("n1", "web", "data", "--restart", "unless-stopped")
    run = ("run", "--rm", "--volume", "data:/data", IMAGE, "cat", "/data/late")
    assert "docker update --restart=no web" in dockers.error("n2", *run)
    dockers.docker("n1", "update", "--restart=no", "web")
    dockers.docker("n1", "exec", "web", "sh", "-c", "echo later >/data/late")
    assert dockers.docker("n2", *run) == "later"
    assert dockers.docker("n1", "ps", "--quiet", "--filter", "name=web") == ""


def test_follow_fails(dockers: Dockers) -> None:
    """While the volume cannot go, the container that was stopped for it runs again."""
    again(dockers, "n2", "test_follow_fails", "conflict=follow")
    dockers.start("n1", "web", "data")
    started = ("inspect", "--format", "{{.State.Running}} {{.State.StartedAt}}", "web")
    instance = dockers.docker("n1", *started)
    run = ("run", "--rm", "--volume", "data:/data", IMAGE, "cat", "/data/file")

    def goes_on() -> bool:
        """It runs again; or the switch was over before the cable was out, at one end at least."""
        state = dockers.docker("n1", *started)
        runs_again = state.startswith("true") and state != instance
        return runs_again or dockers.lease("n1", "data").startswith("released")

    with ThreadPoolExecutor() as threads:
        running = threads.submit(dockers.tried, "n2", *run)
        wait_for(lambda: dockers.docker("n1", *started) != instance, "the stop")
        dockers.node("n2").cut()
        try:
            wait_for(lambda: goes_on() or running.done(), "the container")
        finally:
            dockers.node("n2").heal()
        said = running.result()
    # If Docker's user was told that it does not come, the node has tried again nevertheless.
    assert said.stdout.strip() == "row" or "does not come here" in said.stderr, said
    assert dockers.docker("n2", *run) == "row"


def test_both_at_once(dockers: Dockers) -> None:
    """Of two nodes that start a container at the same moment one has the volume."""

    def start(node: str) -> tuple[int, str]:
        run = ("run", "--detach", "--name", "web", "--volume", "data:/data", *SLEEP)
        done = dockers.tried(node, *run)
        return done.returncode, done.stderr

    for _ in range(3):
        with ThreadPoolExecutor() as threads:
            results = list(threads.map(start, ("n1", "n2")))
        assert sorted(code == 0 for code, _ in results) == [False, True], results
        (said,) = (said for code, said in results if code != 0)
        assert "10.90.13." in said
        for node in ("n1", "n2"):
            dockers.tried(node, "rm", "--force", "web")


def test_control_service_is_away(dockers: Dockers) -> None:
    """What is here starts without it; what is elsewhere does not come, and Docker says why.

    After a power loss Docker keeps its list, and nothing is mounted: somebody else may have it.
    """
    run = ("run", "--rm", "--volume", "data:/data", IMAGE)
    dockers.node("control").cut()
    try:
        # Docker waits for both answers at once: a silent cable is no quick refusal.
        with ThreadPoolExecutor() as threads:
            elsewhere = threads.submit(dockers.error, "n2", *run, "true")
            dockers.start("n1", "web", "data")
            dockers.make_durable("n1")
            dockers.node("n1").crash()
            dockers.node("n1").start()
            assert dockers.volumes("n1") == ["data"]
            assert "control service" in dockers.error("n1", *run, "true")
            assert "control service" in elsewhere.result()
    finally:
        dockers.node("control").heal()
    wait_for(
        lambda: dockers.tried("n1", *run, "cat", "/data/file").stdout.strip() == "row", "the data"
    )


def test_agent_is_killed(dockers: Dockers) -> None:
    """An agent that is killed before one of Docker's requests, or has one, loses no volume.

    Docker repeats a request that it could not send. One that it had sent it repeats without its
    body, and so in vain; it may not take that for the end of the volume.
    """
    node = "n2"

    def meanwhile(*command: str, is_read: bool = False) -> CompletedProcess[str]:
        if is_read:
            dockers.node(node).run(["sh", "-c", "kill -STOP $(cat /run/flocker-agent.pid)"])
        else:
            dockers.node(node).kill_service("flocker-agent")
        with ThreadPoolExecutor() as threads:
            doing = threads.submit(dockers.tried, node, *command)
            time.sleep(KILLED_SECONDS)
            if is_read:
                dockers.node(node).kill_service("flocker-agent")
            dockers.node(node).start_service("flocker-agent")
            done = doing.result()
        assert is_read or done.returncode == 0, done.stderr
        return done

    meanwhile("volume", "create", "--driver", "flocker", "other")
    meanwhile("run", "--detach", "--name", "web", "--volume", "data:/data", *SLEEP)
    assert dockers.docker(node, "exec", "web", "cat", "/data/file") == "row"
    meanwhile("stop", "--time", "1", "web")
    said = meanwhile("start", "web", is_read=True).stderr
    assert "no such volume" not in said
    dockers.docker(node, "volume", "prune", "--force")
    dockers.docker(node, "start", "web")
    assert dockers.docker(node, "exec", "web", "cat", "/data/file") == "row"
    meanwhile("rm", "--force", "web")
    meanwhile("volume", "rm", "other")


def test_full_pool(dockers: Dockers) -> None:
    """Where there is no room the container does not start, and Docker says why."""
    pool = dockers.node("n2").pool
    dockers.once("n1", "data", "head -c 60000000 /dev/urandom >/data/large")
    dockers.node("n2").run(["zfs", "set", "quota=20m", f"{pool}/flocker-lite"])
    try:
        began = time.monotonic()
        said = dockers.error("n2", "run", "--rm", "--volume", "data:/data", IMAGE, "true")
        print(f"after {time.monotonic() - began:.1f} s: {said}")
        assert "volume data" in said
    finally:
        dockers.node("n2").run(["zfs", "set", "quota=none", f"{pool}/flocker-lite"])
