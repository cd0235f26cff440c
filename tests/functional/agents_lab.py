"""A lab whose agents look at their nodes all the time, and the REST API as a test speaks to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

from admin.hosts import Lab, Node
from admin.hosts.files import AGENT_FILE
from admin.story.player import Player

CHECKOUT = Path(__file__).resolve().parents[2]
COUNTED_SOCKET = "/run/counted-docker.sock"
CALLS_FILE = "run/docker-calls.log"
DISCOVERY_SECONDS = 1.0
"""Each look takes an agent 0.03 s of processor time, most of it for commands."""
WAIT_SECONDS = 60.0
ANSWER_SECONDS_MAX = 10.0
POLL_SECONDS = 0.05
SLEEP = ["sh", "-c", "trap exit TERM; sleep 1000000 & wait"]


def wait_for(good: Callable[[], Any], what: str, timeout_seconds: float = WAIT_SECONDS) -> Any:
    """The first true value of `good`; AssertionError when there is none in time."""
    ends = time.monotonic() + timeout_seconds
    while True:
        value = good()
        if value:
            return value
        assert time.monotonic() < ends, f"not in {timeout_seconds:g} s: {what}"
        time.sleep(POLL_SECONDS)


class Cluster:
    """The lab, with short words for what tests do all the time."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.player = Player(f"http://{lab.node('control').address}:4523/v1", lambda text: None)

    def node(self, name: str) -> Node:
        return self.lab.node(name)

    def docker(self, node: str, *arguments: str) -> str:
        """Docker's own command on a node."""
        return self.node(node).run(["docker", *arguments]).stdout.strip()

    def inspect(self, node: str, name: str) -> Any:
        """All that Docker says of a container, by its name in the API."""
        (details,) = json.loads(self.docker(node, "inspect", f"flocker--{name}"))
        return details

    def create(self, node: str, name: str, **fields: Any) -> None:
        """A container on the node; it sleeps unless the fields say otherwise."""
        body = {"image": "redis:latest", "command_line": SLEEP, **fields}
        body = {key: value for key, value in body.items() if value is not None}
        self.player.post(
            "/configuration/containers",
            {"host": self.node(node).address, "name": name, **body},
        )

    def dataset(self, node: str, **fields: Any) -> str:
        """A new dataset on the node."""
        dataset_id = str(uuid4())
        self.player.post(
            "/configuration/datasets",
            {"primary": self.node(node).address, "dataset_id": dataset_id, **fields},
        )
        return dataset_id

    def delete(self, *names: str) -> None:
        """Delete containers and wait until they are gone."""
        for name in names:
            self.player.delete(f"/configuration/containers/{name}")
        self.gone(*names)

    def gone(self, *names: str) -> None:
        """Wait until no node has them; else AssertionError with what the agents said last.

        A few dozen containers take a busy Docker more than a minute, so the time begins anew
        whenever one of them is gone.
        """
        left = set(names)
        while left:
            left = self._fewer(left)

    def _fewer(self, names: set[str]) -> set[str]:
        """Those of them that are left, once one is gone."""

        def fewer() -> list[set[str]]:
            left = names & set(self.states())
            return [left] if left < names else []

        try:
            (left,) = wait_for(fewer, f"any of {sorted(names)} gone")
        except AssertionError as error:
            logs = [self.node(node).log_tail("flocker-agent") for node in ("n1", "n2")]
            raise AssertionError("\n".join([str(error), str(self.states()), *logs])) from None
        return left

    def get(self, path: str) -> Any:
        """The answer of the REST API, an error too; without a process of its own for each look."""
        try:
            with urlopen(f"{self.player.api}{path}", timeout=ANSWER_SECONDS_MAX) as answer:
                return json.load(answer)
        except HTTPError as error:
            return json.load(error)

    def states(self) -> dict[str, Any]:
        """What the state says of each container, by name."""
        return {item["name"]: item for item in self.get("/state/containers")}

    def state(self, name: str, good: Callable[[Any], Any], timeout_seconds: float = 60.0) -> Any:
        """What the state says of a container, as soon as that is good; {} stands for nothing."""

        def look() -> Any:
            found = self.states().get(name, {})
            seen.append(found)
            return found if good(found) else None

        seen: list[Any] = []
        try:
            return wait_for(look, f"state of {name}", timeout_seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {seen[-1]}") from None

    def running(self, *names: str, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until these run."""
        for name in names:
            self.state(name, lambda found: found.get("running"), timeout_seconds)

    def cured(self, name: str, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until it runs and its error is gone, which is a moment later than that it runs."""
        self.state(
            name, lambda found: found.get("running") and "error" not in found, timeout_seconds
        )

    def kill(self, node: str, name: str) -> None:
        """The container's first process dies, and Docker was not asked."""
        self.node(node).run(["kill", "-9", str(self.inspect(node, name)["State"]["Pid"])])

    def restart_agent(self, node: str) -> None:
        """The agent dies without a word, and starts again."""
        self.node(node).kill_service("flocker-agent")
        self.node(node).start_service("flocker-agent")

    def calls(self, node: str) -> list[str]:
        """The paths of all calls to Docker so far, of a node whose calls are counted."""
        return (self.node(node).root / CALLS_FILE).read_text().splitlines()

    def passes(self, node: str, count: int) -> list[str]:
        """Let the agent look at its whole node so many times more; the calls that it took."""
        before = len(self.calls(node))

        def looked(times: int) -> bool:
            lists = [path for path in self.calls(node)[before:] if "/containers/json" in path]
            return len(lists) >= times

        for number in range(1, count + 2):
            wait_for(partial(looked, number), f"pass {number} of {count + 1}")
        return self.calls(node)[before:]


@contextmanager
def agents_lab(
    name: str, subnet: str, more: str = "", *, pulled: bool = True, counted: bool = False
) -> Iterator[Cluster]:
    """A lab of two nodes whose agents pass all the time, with `more` in their configuration.

    With `pulled` the nodes have all images; with `counted` the calls to Docker of n1 are counted.
    """
    options = f"discovery-seconds: {DISCOVERY_SECONDS}\n{more}"
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(name, subnet, pulled=pulled, agent_options=options))
        cluster = Cluster(lab)
        if counted:
            counter = start_counter(lab.node("n1"))
            stack.callback(stop_counter, counter)
            count_calls(cluster)
        yield cluster


def count_calls(cluster: Cluster) -> None:
    """Start the agent of n1 anew so that it asks the Docker whose calls are counted."""
    node = cluster.node("n1")
    path = node.root / AGENT_FILE
    path.write_text(f"{path.read_text()}docker-socket: {COUNTED_SOCKET}\n")
    node.stop_service("flocker-agent")
    node.start_service("flocker-agent")
    # What the agent of before reported stays for two minutes.
    cluster.player.poll(
        "/state/nodes",
        lambda nodes: len(nodes) == 2 and not any(node.get("away") for node in nodes),
    )


def start_counter(node: Node) -> subprocess.Popen[Any]:
    """Have the calls to the node's Docker counted."""
    (node.root / CALLS_FILE).touch()
    counter = node.spawn(
        [
            *(sys.executable, "-m", "tests.functional.docker_counter"),
            *(COUNTED_SOCKET, "/run/docker.sock", f"/{CALLS_FILE}"),
        ],
        env={"PYTHONPATH": str(CHECKOUT)},
    )
    wait_for((node.root / COUNTED_SOCKET.lstrip("/")).exists, "the counter")
    return counter


def stop_counter(counter: subprocess.Popen[Any]) -> None:
    """End it, unless it died with its node."""
    if counter.poll() is None:
        os.killpg(counter.pid, signal.SIGTERM)
    counter.wait(10)
