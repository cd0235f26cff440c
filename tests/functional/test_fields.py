"""Every field of a container on a real Docker: as it was asked for, read back, and left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from admin.hosts.errors import LabError
from tests.functional.agents_lab import Cluster, agents_lab, wait_for
from tests.functional.field_tables import (
    combinations,
    files,
    identity,
    life,
    network,
    process,
    resources,
    secrets,
    security,
)
from tests.functional.field_tables.field import DATASETS, FIFTH, SECOND, name_of
from tests.functional.field_tables.life import CHECK_TIMES, FAILING

PASSES = 20
MOVE_SECONDS = 80.0
FIELDS = {
    **identity.FIELDS,
    **process.FIELDS,
    **resources.FIELDS,
    **security.FIELDS,
    **secrets.FIELDS,
    **files.FIELDS,
    **network.FIELDS,
    **life.FIELDS,
    **combinations.FIELDS,
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Cluster]:
    """Two nodes with nothing on them."""
    with agents_lab("test-fields", "10.85.0.0/24", security.ALLOW, counted=True) as cluster:
        yield cluster


def run_with(lab: Cluster, node: str, dataset_id: str, image: str, *command: str) -> None:
    """Run a command as root in a container of the image, with the dataset at /data."""

    def mounted() -> str | None:
        found = [each for each in lab.get("/state/datasets") if each["dataset_id"] == dataset_id]
        return found[0].get("path") if found else None

    path = wait_for(mounted, "the dataset")
    program, *arguments = command
    run = ("run", "--rm", "--volume", f"{path}:/data", "--user", "0", "--entrypoint", program)
    lab.docker(node, *run, image, *arguments)


@pytest.fixture(scope="module")
def before_the_move(lab: Cluster) -> dict[str, Any]:
    """What was seen of the containers at one node; after that they were moved to another."""
    for dataset_id in DATASETS:
        lab.dataset("n2", dataset_id=dataset_id, metadata={"name": name_of(dataset_id)})
    # As docs/containers.rst says, for an image whose programs do not begin as root.
    run_with(lab, "n2", FIFTH, "postgres", "chown", "postgres", "/data")
    for dataset_id, command in files.MADE_BEFORE.items():
        run_with(lab, "n2", dataset_id, "redis", "sh", "-c", command)
    for name, value in secrets.SECRETS.items():
        lab.player.post("/configuration/secrets", {"name": name, "value": value})
    for name, field in FIELDS.items():
        lab.create("n2", name, **field.body)
    for name in FIELDS:
        lab.state(name, lambda state: state.get("running") and "error" not in state)
    found = {name: seen_at_last(lab, "n2", name) for name in FIELDS}
    here = lab.node("n1").address
    for name in FIELDS:
        lab.player.post(f"/configuration/containers/{name}", {"host": here})
    await_all(lab, here)
    return found


def await_all(lab: Cluster, address: str) -> None:
    """Wait until all containers run there. A few move at a time and the others queue, so the time
    that MOVE_SECONDS allows begins anew with each arrival."""
    left = set(FIELDS)

    def arrived() -> set[str]:
        states = lab.states()
        there = {name for name, state in states.items() if state["host"] == address}
        return {name for name in left & there if states[name]["running"]}

    while left:
        left -= wait_for(arrived, f"any of {sorted(left)} at {address}", MOVE_SECONDS)


@pytest.fixture(scope="module")
def cluster(lab: Cluster, before_the_move: dict[str, Any]) -> Cluster:
    """All of the containers run, beside what is not ours."""
    lab.docker("n1", "run", "--detach", "--name", "stranger", "redis", "sleep", "1000000")
    lab.docker("n1", "volume", "create", "strange-data")
    lab.docker("n1", "tag", "redis:latest", "strange-image:1")
    return lab


Run = tuple[str, str]
"""What tells whether it is the same container, in the same run."""


def run_in(details: Any) -> Run:
    """That of a container of which Docker says this."""
    return details["Id"], details["State"]["StartedAt"]


def run_of(cluster: Cluster, name: str) -> Run:
    """That of one container."""
    return run_in(cluster.inspect("n1", name))


def runs(cluster: Cluster) -> dict[str, Run]:
    """Those of all containers by name, from one command."""
    said = cluster.docker("n1", "inspect", *(f"flocker--{name}" for name in FIELDS))
    return {name: run_in(details) for name, details in zip(FIELDS, json.loads(said), strict=True)}


@pytest.fixture(scope="module")
def lives(cluster: Cluster) -> list[dict[str, Run]]:
    """The lives of all containers, before and after many passes of the agent."""
    before = runs(cluster)
    cluster.passes("n1", PASSES)
    return [before, runs(cluster)]


def seen(cluster: Cluster, node: str, name: str) -> Any:
    """What is seen of the field there, by Docker or inside."""
    field = FIELDS[name]
    if isinstance(field.look, str):
        return cluster.docker(node, "exec", f"flocker--{name}", "sh", "-c", field.look)
    return field.look(cluster.inspect(node, name))


def seen_at_last(cluster: Cluster, node: str, name: str) -> Any:
    """The same, once what is expected is seen, or when that took too long: a database comes up."""
    found: list[Any] = []

    def looked() -> bool:
        try:
            found.append(seen(cluster, node, name))
        except LabError as error:
            found.append(str(error))
        return bool(found[-1] == FIELDS[name].expected)

    with suppress(AssertionError):
        wait_for(looked, name)
    return found[-1]


@pytest.mark.parametrize("name", FIELDS)
def test_in_docker(cluster: Cluster, before_the_move: dict[str, Any], name: str) -> None:
    """The container has the field as it was asked for, before and after a move."""
    assert before_the_move[name] == FIELDS[name].expected
    assert seen_at_last(cluster, "n1", name) == FIELDS[name].expected


@pytest.mark.parametrize("name", FIELDS)
def test_read_back(cluster: Cluster, name: str) -> None:
    """The state has the field as it was asked for."""
    state = cluster.states()[name]
    for key, value in FIELDS[name].shown.items():
        assert state.get(key) == value
    assert "error" not in state


@pytest.mark.parametrize("name", FIELDS)
def test_left_alone(lives: list[dict[str, Run]], name: str) -> None:
    """After many passes it is the same container, in the same run."""
    before, after = lives
    assert after[name] == before[name]


def test_inside(cluster: Cluster) -> None:
    """The limits are in force, and each volume is a file system of its own."""
    limit = cluster.docker(
        "n1", "exec", "flocker--memory_limit", "sh", "-c",
        "cat /sys/fs/cgroup/memory.max 2>/dev/null || "
        "cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
    )  # fmt: skip
    assert limit == str(64 * 2**20)
    cluster.docker("n1", "exec", "flocker--volumes", "sh", "-c", "echo one > /first/f")
    listed = cluster.docker("n1", "exec", "flocker--volumes", "sh", "-c", "ls /first /second")
    assert listed.split() == ["/first:", "f", "/second:"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("environment", {"environment": {"GREETING": "hello"}}),
        ("ports", {"ports": [{"internal": 81, "external": 7103}]}),
        ("links", {"links": [{"alias": "other", "local_port": 1, "remote_port": 7102}]}),
        ("cpu_shares", {"cpu_shares": 256}),
        ("memory_limit", {"memory_limit": 128 * 2**20}),
        ("command_line", {"command_line": ["sh", "-c", "trap exit TERM; sleep 2000000 & wait"]}),
        ("volumes", {"volumes": [{"dataset_id": SECOND, "mountpoint": "/second"}]}),
        ("health_check_port", {"health_check": {**CHECK_TIMES, "command": ["true"]}}),
    ],
)
def test_changed(cluster: Cluster, name: str, body: dict[str, Any]) -> None:
    """A field that is changed restarts exactly that container."""
    before = runs(cluster)
    cluster.player.post(f"/configuration/containers/{name}", body)
    (key, value), *_ = body.items()
    cluster.state(name, lambda state: state.get(key) == value and state["running"])
    after = runs(cluster)
    assert {other for other in FIELDS if before[other] != after[other]} == {name}


def test_changed_secret(cluster: Cluster) -> None:
    """A new value replaces exactly the container that uses it, and no answer has it."""
    before = runs(cluster)
    cluster.player.post("/configuration/secrets/pg", {"value": "hunter3"})
    look = ("exec", "flocker--secrets", "sh", "-c", "echo $PASSWORD; cat /run/secrets/pg")

    def replaced() -> bool:
        try:
            return cluster.docker("n1", *look) == "hunter3\nhunter3"
        except LabError:
            return False

    wait_for(replaced, "the new value")
    after = runs(cluster)
    assert {other for other in FIELDS if before[other] != after[other]} == {"secrets"}
    for path in ("configuration/secrets", "configuration/containers", "state/containers"):
        assert "hunter" not in str(cluster.get(f"/{path}"))


def test_changed_restart_policy(cluster: Cluster) -> None:
    """Another restart policy needs no other container."""
    before = run_of(cluster, "restart_policy")
    body = {"restart_policy": {"name": "always"}}
    cluster.player.post("/configuration/containers/restart_policy", body)
    cluster.passes("n1", 3)
    assert run_of(cluster, "restart_policy") == before
    cluster.kill("n1", "restart_policy")
    wait_for(lambda: run_of(cluster, "restart_policy")[1] != before[1], "a restart")


@pytest.mark.parametrize("name", FAILING)
def test_not_healthy(cluster: Cluster, name: str) -> None:
    """A health check that fails is said in words, the container runs on, and a cure is seen."""
    body, said, cure = FAILING[name]
    cluster.player.post(f"/configuration/containers/{name}", body)

    def is_seen(state: dict[str, Any]) -> bool:
        # The error may be there before the look that finds the new container.
        return (
            said in state.get("error", "")
            and state["running"]
            and state["health_check"] == body["health_check"]
        )

    cluster.state(name, is_seen)
    before = run_of(cluster, name)
    cluster.docker("n1", "exec", f"flocker--{name}", *cure)
    state = cluster.state(name, lambda state: "error" not in state)
    assert state["running"]
    assert run_of(cluster, name) == before


def test_a_health_check_that_hangs(cluster: Cluster) -> None:
    """It is cut off, and leaves no process behind."""
    check = {"command": ["sleep", "1234"], "timeout_seconds": 0.5, "start_period_seconds": 2}
    cluster.player.post("/configuration/containers/health_check_command", {"health_check": check})
    said = "not healthy: `sleep 1234` did not end in time"
    cluster.state("health_check_command", lambda state: state.get("error") == said)
    top = cluster.docker("n1", "top", "flocker--health_check_command")
    assert top.count("sleep 1234") <= 1


def test_subpaths_that_are_not_there(cluster: Cluster) -> None:
    """A link in the data leads nowhere, and a directory that is missing is waited for."""
    dataset_id = cluster.dataset("n1")
    run_with(cluster, "n1", dataset_id, "redis", "ln", "-s", "/etc", "/data/out")
    volume = {"dataset_id": dataset_id, "mountpoint": "/data", "subpath": "out/cron.d"}
    cluster.create("n1", "leads_out", volumes=[volume])
    path = f"/flocker/{dataset_id}/out/cron.d"
    said = f"{path} leads through a symbolic link, out: name the directory itself"
    assert not cluster.state("leads_out", lambda state: said in state.get("error", ""))["running"]
    volumes = [{**volume, "subpath": "pg"}]
    cluster.player.post("/configuration/containers/leads_out", {"volumes": volumes})
    said = f"/flocker/{dataset_id}/pg is not there: make this directory"
    assert not cluster.state("leads_out", lambda state: said in state.get("error", ""))["running"]
    run_with(cluster, "n1", dataset_id, "redis", "mkdir", "/data/pg")
    cluster.state("leads_out", lambda state: state["running"] and "error" not in state)
    cluster.delete("leads_out")


def test_an_image_that_is_not_to_be_had_stops_nothing(cluster: Cluster) -> None:
    """The container goes on running until the image of the next one is here."""
    before = run_of(cluster, "plain")
    registry = f"{cluster.node('registry').address}:5000"
    body = {"image": f"{registry}/there-is-none:latest"}
    cluster.player.post("/configuration/containers/plain", body)
    state = cluster.state("plain", lambda state: "error" in state)
    assert state["running"]
    assert "no such image or tag" in state["error"]
    assert run_of(cluster, "plain") == before
    cluster.player.post("/configuration/containers/plain", {"image": "redis:latest"})
    cluster.state("plain", lambda state: "error" not in state)
    assert run_of(cluster, "plain") == before


def test_strangers(cluster: Cluster) -> None:
    """Containers, volumes and images of others are as they were."""
    assert cluster.docker("n1", "inspect", "--format", "{{.State.Running}}", "stranger") == "true"
    assert cluster.docker("n1", "volume", "ls", "--quiet") != ""
    assert "strange-data" in cluster.docker("n1", "volume", "ls", "--quiet").split()
    assert cluster.docker("n1", "images", "--quiet", "strange-image:1")
    cluster.delete(*FIELDS)
    # The agent lets go of what it kept of deleted ones once it is told that they are deleted.
    listed = ("ps", "--all", "--format", "{{.Names}}")
    wait_for(lambda: cluster.docker("n1", *listed) == "stranger", "nothing is kept of them")
    assert "strange-data" in cluster.docker("n1", "volume", "ls", "--quiet").split()
    assert cluster.docker("n1", "images", "--quiet", "strange-image:1")
