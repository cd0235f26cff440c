"""Every field of a container on a real Docker: as it was asked for, read back, and left alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functional.agents_lab import Cluster, agents_lab, wait_for

PASSES = 20
CHECK_TIMES = {"timeout_seconds": 5, "start_period_seconds": 30}
FAILING_TIMES = {"timeout_seconds": 2, "start_period_seconds": 1}
LABEL = "flocker-lite.configuration"
FIRST = "11111111-0000-4000-8000-000000000001"
SECOND = "11111111-0000-4000-8000-000000000002"


@dataclass(frozen=True)
class Field:
    """A field of a container: the body that has it, and what Docker says when it is there."""

    body: dict[str, Any]
    in_docker: Callable[[Any], Any]
    expected: Any


def mounts(details: Any) -> list[tuple[str, str]]:
    """Where in the node, and where in the container."""
    return sorted(
        (mount["Source"], mount["Destination"])
        for mount in details["Mounts"]
        if mount["Type"] == "bind" and mount["RW"]
    )


def checked(check: dict[str, Any], **fields: Any) -> Field:
    """A health check, which Docker has among what the container was made from."""
    return Field(
        {"health_check": {**CHECK_TIMES, **check}, **fields},
        lambda details: {
            key: json.loads(details["Config"]["Labels"][LABEL])["health_check"][key]
            for key in check
        },
        check,
    )


FIELDS = {
    "plain": Field({}, lambda details: details["HostConfig"]["Memory"], 0),
    "environment": Field(
        {"environment": {"GREETING": 'g\'day = "\N{SNOWMAN}"', "EMPTY": ""}},
        lambda details: sorted(e for e in details["Config"]["Env"] if "PATH" not in e),
        ["EMPTY=", 'GREETING=g\'day = "\N{SNOWMAN}"'],
    ),
    "ports": Field(
        {"ports": [{"internal": 80, "external": 7100}, {"internal": 80, "external": 7101}]},
        lambda details: [b["HostPort"] for b in details["HostConfig"]["PortBindings"]["80/tcp"]],
        ["7100", "7101"],
    ),
    "links": Field(
        {"links": [{"alias": "Data_Base", "local_port": 6379, "remote_port": 7102}]},
        lambda details: [entry.split(":")[0] for entry in details["HostConfig"]["ExtraHosts"]],
        ["Data_Base"],
    ),
    "restart_policy": Field(
        {"restart_policy": {"name": "on-failure", "maximum_retry_count": 3}},
        lambda details: details["HostConfig"]["RestartPolicy"]["Name"] or "no",
        "no",
    ),
    "cpu_shares": Field(
        {"cpu_shares": 512}, lambda details: details["HostConfig"]["CpuShares"], 512
    ),
    "memory_limit": Field(
        {"memory_limit": 64 * 2**20}, lambda details: details["HostConfig"]["Memory"], 64 * 2**20
    ),
    "command_line": Field(
        {"command_line": ["sh", "-c", "echo 'two  words'; trap exit TERM; sleep 1000000 & wait"]},
        lambda details: details["Config"]["Cmd"],
        ["sh", "-c", "echo 'two  words'; trap exit TERM; sleep 1000000 & wait"],
    ),
    "volumes": Field(
        {
            "volumes": [
                {"dataset_id": FIRST, "mountpoint": "/first"},
                {"dataset_id": SECOND, "mountpoint": "/second"},
            ]
        },
        mounts,
        [(f"/flocker/{FIRST}", "/first"), (f"/flocker/{SECOND}", "/second")],
    ),
    "health_check_port": checked({"port": 6379}, command_line=["redis-server"]),
    "health_check_path": checked(
        {"port": 80, "path": "/"}, image="nginx:latest", command_line=None
    ),
    "health_check_command": checked(
        {"command": ["redis-cli", "ping"]}, command_line=["redis-server"]
    ),
}

# What fails, what is said of it, and what is done in the container to cure it.
FAILING: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "health_check_port": (
        {"health_check": {"port": 6380, **FAILING_TIMES}},
        "not healthy: nothing accepts connections at port 6380",
        ["redis-server", "--port", "6380", "--daemonize", "yes"],
    ),
    "health_check_path": (
        {"health_check": {"port": 80, "path": "/ready.html", **FAILING_TIMES}},
        "/ready.html answered 404",
        [
            "sh",
            "-c",
            "for d in /var/www/html /usr/share/nginx/html; do echo yes >$d/ready.html; done",
        ],
    ),
    "health_check_command": (
        {"health_check": {"command": ["ls", "/tmp/ready"], **FAILING_TIMES}},
        "not healthy: `ls /tmp/ready` exited with 2: ls: cannot access",
        ["touch", "/tmp/ready"],
    ),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """All of the containers run, beside what is not ours."""
    with agents_lab("test-fields", "10.85.0.0/24") as cluster:
        for dataset_id, metadata in ((FIRST, {"name": "first", "a": "b"}), (SECOND, {})):
            cluster.dataset("n1", dataset_id=dataset_id, metadata=metadata)
        for name, field in FIELDS.items():
            cluster.create("n1", name, **field.body)
        cluster.running(*FIELDS)
        cluster.docker("n1", "run", "--detach", "--name", "stranger", "redis", "sleep", "1000000")
        cluster.docker("n1", "volume", "create", "strange-data")
        cluster.docker("n1", "tag", "redis:latest", "strange-image:1")
        yield cluster


def life(cluster: Cluster, name: str) -> tuple[str, str]:
    """What tells whether it is the same container, in the same run."""
    details = cluster.inspect("n1", name)
    return details["Id"], details["State"]["StartedAt"]


@pytest.fixture(scope="module")
def lives(cluster: Cluster) -> list[dict[str, tuple[str, str]]]:
    """The lives of all containers, before and after many passes of the agent."""
    before = {name: life(cluster, name) for name in FIELDS}
    cluster.passes("n1", PASSES)
    return [before, {name: life(cluster, name) for name in FIELDS}]


@pytest.mark.parametrize("name", FIELDS)
def test_in_docker(cluster: Cluster, name: str) -> None:
    """Docker has the field as it was asked for."""
    field = FIELDS[name]
    assert field.in_docker(cluster.inspect("n1", name)) == field.expected


@pytest.mark.parametrize("name", FIELDS)
def test_read_back(cluster: Cluster, name: str) -> None:
    """The state has the field as it was asked for."""
    state = cluster.states()[name]
    for key, value in FIELDS[name].body.items():
        assert state.get(key) == value
    assert "error" not in state


@pytest.mark.parametrize("name", FIELDS)
def test_left_alone(lives: list[dict[str, tuple[str, str]]], name: str) -> None:
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
    before = {other: life(cluster, other) for other in FIELDS}
    cluster.player.post(f"/configuration/containers/{name}", body)
    (key, value), *_ = body.items()
    cluster.state(name, lambda state: state.get(key) == value and state["running"])
    after = {other: life(cluster, other) for other in FIELDS}
    assert {other for other in FIELDS if before[other] != after[other]} == {name}


def test_changed_restart_policy(cluster: Cluster) -> None:
    """Another restart policy needs no other container."""
    before = life(cluster, "restart_policy")
    body = {"restart_policy": {"name": "always"}}
    cluster.player.post("/configuration/containers/restart_policy", body)
    cluster.passes("n1", 3)
    assert life(cluster, "restart_policy") == before
    cluster.kill("n1", "restart_policy")
    wait_for(lambda: life(cluster, "restart_policy")[1] != before[1], "a restart")


@pytest.mark.parametrize("name", FAILING)
def test_not_healthy(cluster: Cluster, name: str) -> None:
    """A health check that fails is said in words, the container runs on, and a cure is seen."""
    body, said, cure = FAILING[name]
    cluster.player.post(f"/configuration/containers/{name}", body)
    state = cluster.state(name, lambda state: "error" in state and state["running"])
    assert state["health_check"] == body["health_check"]
    assert said in state["error"]
    before = life(cluster, name)
    cluster.docker("n1", "exec", f"flocker--{name}", *cure)
    state = cluster.state(name, lambda state: "error" not in state)
    assert state["running"]
    assert life(cluster, name) == before


def test_a_health_check_that_hangs(cluster: Cluster) -> None:
    """It is cut off, and leaves no process behind."""
    check = {"command": ["sleep", "1234"], "timeout_seconds": 0.5, "start_period_seconds": 2}
    cluster.player.post("/configuration/containers/health_check_command", {"health_check": check})
    said = "not healthy: `sleep 1234` did not end in time"
    cluster.state("health_check_command", lambda state: state.get("error") == said)
    top = cluster.docker("n1", "top", "flocker--health_check_command")
    assert top.count("sleep 1234") <= 1


def test_an_image_that_is_not_to_be_had_stops_nothing(cluster: Cluster) -> None:
    """The container goes on running until the image of the next one is here."""
    before = life(cluster, "plain")
    registry = f"{cluster.node('registry').address}:5000"
    body = {"image": f"{registry}/there-is-none:latest"}
    cluster.player.post("/configuration/containers/plain", body)
    state = cluster.state("plain", lambda state: "error" in state)
    assert state["running"]
    assert "no such image or tag" in state["error"]
    assert life(cluster, "plain") == before
    cluster.player.post("/configuration/containers/plain", {"image": "redis:latest"})
    cluster.state("plain", lambda state: "error" not in state)
    assert life(cluster, "plain") == before


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
