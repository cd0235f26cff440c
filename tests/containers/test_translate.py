"""Our containers in Docker's words, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.containers.translate import (
    CONFIGURATION_LABEL,
    MANAGED_LABEL,
    bind_sources,
    create_arguments,
    health_check,
    is_poisable,
    link_environment,
    local_container,
    made_from,
    our_name,
    own_address,
    poised,
    why_not_running,
)
from flocker_lite.model.codec import CodecError
from flocker_lite.model.records import Container, HealthCheck, Link, Port, RestartPolicy, Volume

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
DATASET = "dddddddd-0000-4000-8000-000000000001"
BINDS = {DATASET: f"/flocker/{DATASET}"}
ADDRESS = "10.79.1.11"

PLAIN = Container("db", NODE, "redis:latest")
FULL = Container(
    name="db",
    node=NODE,
    image="registry.example:5000/redis:7",
    ports=(Port(6379, 7000), Port(6380, 7001), Port(6379, 7002)),
    volumes=(Volume(DATASET, "/data"),),
    environment=pmap({"B": "1=2", "UP_PORT_5432_TCP_PORT": "mine"}),
    links=(Link("up", 5432, 7003),),
    restart_policy=RestartPolicy("on-failure", 5),
    cpu_shares=512,
    memory_limit=2**28,
    command_line=("redis-server", "--appendonly", "yes"),
)


def entry(container: Container, **changes: Any) -> dict[str, Any]:
    """What Docker's list says of a container that was created as we ask."""
    arguments = create_arguments(container, BINDS, ADDRESS)
    made = {
        "Id": "c0ffee",
        "Names": [f"/flocker--{container.name}"],
        "Labels": arguments["Labels"],
        "State": "running",
    }
    return made | changes


def test_nothing_is_asked_for_that_was_not() -> None:
    """A plain container has no limits, no command of its own, and nothing published."""
    arguments = create_arguments(PLAIN, {}, ADDRESS)
    del arguments["Labels"]
    assert arguments == {
        "Image": "redis:latest",
        "Env": [],
        "ExposedPorts": {},
        "HostConfig": {"PortBindings": {}, "Mounts": [], "ExtraHosts": []},
    }


def test_everything_is_asked_for() -> None:
    """Ports, volumes, environment, limits and command reach Docker."""
    arguments = create_arguments(FULL, BINDS, ADDRESS)
    assert arguments["Image"] == "registry.example:5000/redis:7"
    assert arguments["Cmd"] == ["redis-server", "--appendonly", "yes"]
    assert arguments["ExposedPorts"] == {"6379/tcp": {}, "6380/tcp": {}}
    assert arguments["HostConfig"] == {
        "PortBindings": {
            "6379/tcp": [{"HostPort": "7000"}, {"HostPort": "7002"}],
            "6380/tcp": [{"HostPort": "7001"}],
        },
        "Mounts": [{"Type": "bind", "Source": BINDS[DATASET], "Target": "/data"}],
        "ExtraHosts": ["up:10.79.1.11"],
        "CpuShares": 512,
        "Memory": 2**28,
    }


def test_never_a_restart_policy() -> None:
    """Docker would start the container before the agent has looked."""
    policy = RestartPolicy("always")
    arguments = create_arguments(replace(PLAIN, restart_policy=policy), {}, ADDRESS)
    assert "RestartPolicy" not in arguments["HostConfig"]


def test_links() -> None:
    """A link is told by variables that lead to this node."""
    assert link_environment([Link("my-Db_1", 5432, 7003)], ADDRESS) == {
        "MY_DB_1_PORT_5432_TCP": "tcp://10.79.1.11:7003",
        "MY_DB_1_PORT_5432_TCP_ADDR": "10.79.1.11",
        "MY_DB_1_PORT_5432_TCP_PORT": "7003",
        "MY_DB_1_PORT_5432_TCP_PROTO": "tcp",
    }


def test_the_users_environment_wins() -> None:
    """A variable of the user's replaces that of a link."""
    environment = create_arguments(FULL, BINDS, ADDRESS)["Env"]
    assert "UP_PORT_5432_TCP_PORT=mine" in environment
    assert "UP_PORT_5432_TCP=tcp://10.79.1.11:7003" in environment
    assert "B=1=2" in environment
    assert len(environment) == 5


@pytest.mark.parametrize("container", [PLAIN, FULL])
def test_reads_back(container: Container) -> None:
    """A container reads back exactly as it was asked for."""
    local = local_container(entry(container), None)
    assert local is not None
    assert (local.container, local.running, local.end) == (container, True, None)


def test_strangers() -> None:
    """Only what carries both our label and our prefix is ours."""
    labels = {MANAGED_LABEL: "1"}
    assert our_name(["/flocker--db"], labels) == "db"
    assert our_name(["/other/alias", "/flocker--db"], labels) == "db"
    assert our_name(["/db"], labels) is None
    assert our_name(["/flocker--db"], {}) is None
    assert our_name(["/flocker--db"], None) is None
    assert local_container(entry(PLAIN, Labels={"a": "b"}), None) is None


def test_a_label_that_cannot_be_read() -> None:
    """A container of ours whose label is not what we write is an error, not a stranger."""
    for text in ("", "{", '{"name":"db"}', '{"name":"x","node":"n","image":"i:t"}'):
        labels = {MANAGED_LABEL: "1", CONFIGURATION_LABEL: text}
        with pytest.raises(CodecError):
            local_container(entry(PLAIN, Labels=labels), None)


def test_made_from() -> None:
    """A container is told from one with another configuration, path, or address of its links."""
    labels = create_arguments(FULL, BINDS, ADDRESS)["Labels"]
    assert made_from(create_arguments(FULL, dict(BINDS), ADDRESS), labels)
    assert not made_from(create_arguments(FULL, BINDS, "10.79.1.12"), labels)
    assert not made_from(create_arguments(FULL, {DATASET: "/elsewhere"}, ADDRESS), labels)
    other = replace(FULL, restart_policy=RestartPolicy("always"))
    assert not made_from(create_arguments(other, BINDS, ADDRESS), labels)
    assert not made_from(create_arguments(FULL, BINDS, ADDRESS), {})


def test_poised() -> None:
    """The program is the gate's, and becomes the image's; mounts that come later are let in."""
    arguments = create_arguments(FULL, BINDS, ADDRESS)
    image = {"Entrypoint": ["entry.sh"], "Cmd": ["serve"]}
    made = poised(arguments, image, "/gates/db", "/.gate")
    assert made is not None
    command = list(FULL.command_line or ["serve"])
    assert (made["Entrypoint"], made["Cmd"]) == (["/.gate/hold", "entry.sh", *command], [])
    data, gate = made["HostConfig"]["Mounts"]
    assert data["BindOptions"] == {"Propagation": "rslave"}
    assert (gate["Source"], gate["Target"], gate["ReadOnly"]) == ("/gates/db", "/.gate", True)
    assert is_poisable(made["Labels"])
    assert not is_poisable(arguments["Labels"])
    assert made_from(arguments, made["Labels"])
    bare = {key: value for key, value in arguments.items() if key != "Cmd"}
    assert poised(bare, {"Entrypoint": None, "Cmd": None}, "/gates/db", "/.gate") is None


def test_bind_sources() -> None:
    """The paths of binds, of what Docker says of a container, which may have other mounts too."""
    mounts = [
        {"Type": "volume", "Source": "v", "Target": "/v"},
        {"Type": "bind", "Source": "/gate", "Target": "/g", "ReadOnly": True},
        {"Type": "bind", "Source": "/flocker/d", "Target": "/data"},
    ]
    assert bind_sources({"HostConfig": {"Mounts": mounts}}) == ("/flocker/d",)
    assert bind_sources({"HostConfig": {"Mounts": None}}) == ()
    assert bind_sources({"HostConfig": {}}) == ()


def test_health_check() -> None:
    """It is among what the container was made from."""
    check = HealthCheck(port=80, path="/")
    labels = create_arguments(replace(PLAIN, health_check=check), {}, ADDRESS)["Labels"]
    assert health_check(labels) == check
    assert health_check(create_arguments(PLAIN, {}, ADDRESS)["Labels"]) is None
    with pytest.raises(CodecError):
        health_check({})


def test_another_health_check() -> None:
    """A container with another one was made from something else."""
    other = create_arguments(replace(PLAIN, health_check=HealthCheck(port=80)), {}, ADDRESS)
    assert not made_from(other, create_arguments(PLAIN, {}, ADDRESS)["Labels"])


def test_own_address() -> None:
    """That in the first network that gave it one, with either version of IP."""
    ipv4 = {"IPAddress": "172.17.0.2", "GlobalIPv6Address": ""}
    ipv6 = {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}
    none = {"IPAddress": "", "GlobalIPv6Address": ""}
    for networks, address in (
        ({"bridge": ipv4}, "172.17.0.2"),
        ({"bridge": none, "other": ipv6}, "fd00::2"),
        ({"none": none}, ""),
        ({}, ""),
    ):
        assert own_address({"NetworkSettings": {"Networks": networks}}) == address


def test_why_not_running() -> None:
    """It ended, or has not begun."""
    ended = {"Status": "exited", "ExitCode": 137}
    assert why_not_running(ended) == "it does not run: exit code 137"
    assert why_not_running({"Status": "created"}) == "it does not run: it is created"
