"""Our containers in Docker's words, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pyrsistent import pmap

from flocker_lite.containers.translate import (
    CONFIGURATION_LABEL,
    MANAGED_LABEL,
    create_arguments,
    has_init,
    health_check,
    host_name,
    is_prestartable,
    labelled_name,
    made_from,
    needs_data,
    our_name,
    own_address,
    prestarted,
    starts_early,
    why_not_running,
    without_early_start,
)
from flocker_lite.model.codec import CodecError
from flocker_lite.model.container_fields.files import Tmpfs
from flocker_lite.model.records import Container, HealthCheck, Link, Port, RestartPolicy, Volume

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
DATASET = "dddddddd-0000-4000-8000-000000000001"
BINDS = {DATASET: f"/flocker/{DATASET}"}
ADDRESS = "10.79.1.11"

FINGERPRINT_OF_PLAIN = "2804c57c9a60b37d"
"""As releases before host names wrote it."""

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
LOG = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}


def details(container: Container, **changes: Any) -> dict[str, Any]:
    """What Docker's "inspect" says of a container that was created as we ask."""
    arguments = create_arguments(container, BINDS, ADDRESS)
    made = {
        "Id": "c0ffee",
        "Name": f"/flocker--{container.name}",
        "Config": {"Labels": arguments["Labels"], "Image": arguments["Image"]},
        "HostConfig": arguments["HostConfig"],
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
        "HostConfig": {"PortBindings": {}, "Mounts": [], "ExtraHosts": [], "LogConfig": LOG},
        "Hostname": "db",
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
        "LogConfig": LOG,
    }


def test_labels() -> None:
    """The user's labels reach Docker, and none of them takes the place of ours."""
    labels = pmap({"traefik.enable": "true", "flocker-lite.managed": "0"})
    made = create_arguments(replace(PLAIN, labels=labels), {}, ADDRESS)["Labels"]
    assert made["traefik.enable"] == "true"
    assert made["flocker-lite.managed"] == "1"


def test_other_labels_are_another_container() -> None:
    """A container whose labels changed is made anew."""
    made = create_arguments(PLAIN, {}, ADDRESS)["Labels"]
    desired = create_arguments(replace(PLAIN, labels=pmap({"team": "shop"})), {}, ADDRESS)
    assert not made_from(desired, made)
    assert made_from(desired, {**desired["Labels"], "of.the.image": "1"})


def test_never_a_restart_policy() -> None:
    """Docker would start the container before the agent has looked."""
    policy = RestartPolicy("always")
    arguments = create_arguments(replace(PLAIN, restart_policy=policy), {}, ADDRESS)
    assert "RestartPolicy" not in arguments["HostConfig"]


def test_the_users_environment_wins() -> None:
    """A variable of the user's replaces that of a link."""
    environment = create_arguments(FULL, BINDS, ADDRESS)["Env"]
    assert "UP_PORT_5432_TCP_PORT=mine" in environment
    assert "UP_PORT_5432_TCP=tcp://10.79.1.11:7003" in environment
    assert "B=1=2" in environment
    assert len(environment) == 5


@pytest.mark.parametrize("container", [PLAIN, FULL])
def test_ours(container: Container) -> None:
    """What we made is ours under the name that we gave it, and when somebody renamed it."""
    assert our_name(details(container)) == "db"
    assert our_name(details(container, Name="/kv-old")) == "db"
    assert our_name(details(container, Name="/flocker--other")) == "db"


def test_strangers() -> None:
    """What others run of a `docker commit` of ours has our labels, and is theirs."""
    labels = details(FULL)["Config"]["Labels"]
    copied = {"Labels": labels, "Image": "mine:1"}
    assert our_name(details(FULL, Name="/kv", Config=copied)) is None
    assert our_name(details(FULL, Name="/kv", HostConfig={"Mounts": None})) is None
    assert our_name(details(FULL, Config={"Labels": {}, "Image": FULL.image})) is None
    assert our_name(details(FULL, Config={"Labels": None, "Image": FULL.image})) is None


@pytest.mark.parametrize("text", ["", "{", '{"name":"db"}'])
def test_a_label_that_cannot_be_read(text: str) -> None:
    """It names nothing."""
    assert labelled_name({MANAGED_LABEL: "1", CONFIGURATION_LABEL: text}) is None


@pytest.mark.parametrize(
    ("name", "host"), [("db", "db"), ("db.b-2", "db.b-2"), ("my_db", "my-db"), ("_", "container")]
)
def test_host_name(name: str, host: str) -> None:
    """It is the container's name, as far as host names have such letters, wherever it runs."""
    assert host_name(name) == host
    assert create_arguments(replace(PLAIN, name=name), {}, ADDRESS)["Hostname"] == host
    assert len(host_name("n" * 100)) == 63


def test_a_host_name_is_no_difference() -> None:
    """A container that was made before there was one is not made anew for it."""
    arguments = create_arguments(PLAIN, {}, ADDRESS)
    without = {key: value for key, value in arguments.items() if key != "Hostname"}
    assert made_from(without, arguments["Labels"])
    fingerprint = arguments["Labels"]["flocker-lite.fingerprint"]
    assert fingerprint == FINGERPRINT_OF_PLAIN


def test_made_from() -> None:
    """A container is told from one with another configuration, path, or address of its links."""
    labels = create_arguments(FULL, BINDS, ADDRESS)["Labels"]
    assert made_from(create_arguments(FULL, dict(BINDS), ADDRESS), labels)
    assert not made_from(create_arguments(FULL, BINDS, "10.79.1.12"), labels)
    assert not made_from(create_arguments(FULL, {DATASET: "/elsewhere"}, ADDRESS), labels)
    other = replace(FULL, restart_policy=RestartPolicy("always"))
    assert not made_from(create_arguments(other, BINDS, ADDRESS), labels)
    assert not made_from(create_arguments(FULL, BINDS, ADDRESS), {})


def test_prestarted() -> None:
    """The first program is the gate's; mounts that come later are let in; `docker commit` works."""
    arguments = create_arguments(FULL, BINDS, ADDRESS)
    made = prestarted(arguments, "/gates/db", "/.gate", None)
    assert made is not None
    assert (made.get("Entrypoint"), made["Cmd"]) == (None, list(FULL.command_line or ()))
    host = made["HostConfig"]
    data, gate, program = host["Mounts"]
    assert host["Init"]
    assert data["BindOptions"] == {"Propagation": "rslave"}
    assert (gate["Source"], gate["Target"], gate["ReadOnly"]) == ("/gates/db", "/.gate", True)
    assert (program["Source"], program["Target"]) == ("/gates/db/hold", "/sbin/docker-init")
    assert program["ReadOnly"]
    assert is_prestartable(made["Labels"])
    assert not is_prestartable(arguments["Labels"])
    assert made_from(arguments, made["Labels"])


MOUNTPOINT = FULL.volumes[0].mountpoint


@pytest.mark.parametrize(
    ("image", "late"),
    [
        ({}, False),
        ({"WorkingDir": MOUNTPOINT, "Volumes": {"/elsewhere": {}}}, False),
        ({"WorkingDir": f"{MOUNTPOINT}-2"}, False),
        ({"WorkingDir": f"{MOUNTPOINT}/work"}, True),
        ({"Volumes": {f"{MOUNTPOINT}/cache": {}}}, True),
    ],
)
def test_what_docker_makes_in_a_dataset(image: dict[str, Any], late: bool) -> None:
    """A container is not started before its data when Docker would make something in that."""
    arguments = create_arguments(FULL, BINDS, ADDRESS)
    assert needs_data(arguments, image) == late
    assert starts_early(arguments["Labels"])
    assert not starts_early(without_early_start(arguments)["Labels"])
    assert made_from(arguments, without_early_start(arguments)["Labels"])


def test_a_dataset_in_a_dataset() -> None:
    """Nor is one of which one dataset is mounted in another."""
    inner = "dddddddd-0000-4000-8000-000000000099"
    volumes = (*FULL.volumes, Volume(inner, f"{MOUNTPOINT}/inner"))
    binds = {**BINDS, inner: f"/flocker/{inner}"}
    assert needs_data(create_arguments(replace(FULL, volumes=volumes), binds, ADDRESS), {})


@pytest.mark.parametrize("how", [{"read_only": True}, {"subpath": "pg/16"}])
def test_a_dataset_as_it_would_not_appear(how: dict[str, Any]) -> None:
    """Nor one that has a dataset read only, or a directory of one."""
    (volume,) = FULL.volumes
    inside = replace(FULL, volumes=(replace(volume, **how),))
    assert needs_data(create_arguments(inside, BINDS, ADDRESS), {})


def test_prestarted_read_only() -> None:
    """What is mounted on the node later does not appear in what is read only."""
    (volume,) = FULL.volumes
    inside = replace(FULL, volumes=(replace(volume, read_only=True),))
    made = prestarted(create_arguments(inside, BINDS, ADDRESS), "/gates/db", "/.gate", None)
    assert made is not None
    assert made["HostConfig"]["Mounts"][0] == {
        "Type": "bind",
        "Source": BINDS[DATASET],
        "Target": MOUNTPOINT,
        "ReadOnly": True,
    }


def test_a_file_system_in_memory_in_a_dataset() -> None:
    """Nor one that has a file system in memory there."""
    inside = replace(FULL, tmpfs=pmap({f"{MOUNTPOINT}/cache": Tmpfs()}))
    assert needs_data(create_arguments(inside, BINDS, ADDRESS), {})
    beside = replace(FULL, tmpfs=pmap({"/cache": Tmpfs()}))
    assert not needs_data(create_arguments(beside, BINDS, ADDRESS), {})


def test_prestarted_without_init() -> None:
    """Where Docker has no init program the entrypoint is the gate's, and becomes the image's."""
    arguments = create_arguments(FULL, BINDS, ADDRESS)
    image = {"Entrypoint": ["entry.sh"], "Cmd": ["serve"]}
    made = prestarted(arguments, "/gates/db", "/.gate", image)
    assert made is not None
    command = list(FULL.command_line or ["serve"])
    assert (made["Entrypoint"], made["Cmd"]) == (["/.gate/hold", "entry.sh", *command], [])
    bare = {key: value for key, value in arguments.items() if key != "Cmd"}
    assert prestarted(bare, "/gates/db", "/.gate", {"Entrypoint": None, "Cmd": None}) is None


@pytest.mark.parametrize(
    ("api_version", "commit", "has"),
    [
        ("1.41", {"ID": "de40ad0"}, True),
        ("1.41", {"ID": ""}, True),
        ("1.41", {"ID": "N/A"}, False),
        ("1.26", {"ID": "949e6fa"}, False),
    ],
)
def test_has_init(api_version: str, commit: dict[str, str], has: bool) -> None:
    """Docker says when it does not find its own; older ones had it elsewhere."""
    assert has_init({"ApiVersion": api_version}, {"InitCommit": commit}) is has


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
