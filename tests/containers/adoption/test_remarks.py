"""What a container would lack, and what is in the way of adopting it, is said in words."""

from __future__ import annotations

from typing import Any

import pytest

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.translate import create_arguments
from flocker_lite.model.adoption import Adoption
from flocker_lite.model.records import Container
from flocker_lite.testing.made_up_inspect import inspected, made_up_image

REDIS: dict[str, Any] = {"Image": "redis:latest", "Cmd": ["redis-server"]}


def adopted(
    arguments: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    status: str = "running",
    **more: Any,
) -> Adoption:
    """What a container `db` would become, which was created with these arguments."""
    image = image or made_up_image()
    details = inspected("db", {**REDIS, **(arguments or {})}, image, status)
    return adoption(Inspected(details, image, **more), data_root="/flocker")


def bound(path: str, *, image: dict[str, Any] | None = None, **more: Any) -> Adoption:
    """One with a directory or a file of the node."""
    return adopted({"HostConfig": {"Binds": [f"{path}:/inside"]}}, image, **more)


def test_a_plain_one() -> None:
    """There is nothing to say of a container that says little, but what it is called."""
    found = adopted()
    assert dict(found.fields) == {
        "name": "db",
        "image": "redis:latest",
        "command_line": ["redis-server"],
    }
    assert not found.hindrances
    assert [remark.field for remark in found.not_kept] == ["hostname"]
    assert '"hostname": "' in found.not_kept[0].text


@pytest.mark.parametrize(
    ("host", "field", "words"),
    [
        ({"AutoRemove": True}, "--rm", "start it without --rm"),
        ({"NetworkMode": "host"}, "--network", "a network namespace of its own"),
        ({"NetworkMode": "none"}, "--network", "a network namespace of its own"),
        ({"NetworkMode": "container:abc"}, "--network", "a network namespace of its own"),
        ({"Links": ["/pg:/web/db"]}, "--link", '"networks"'),
        ({"VolumesFrom": ["other"]}, "--volumes-from", "start it with volumes of its own"),
        ({"PidMode": "host"}, "--pid", "the processes of the node"),
        ({"IpcMode": "host"}, "--ipc", "memory that is shared"),
        ({"UTSMode": "host"}, "--uts", "the host name of the node"),
        ({"DeviceRequests": [{"Driver": "nvidia"}]}, "--gpus", "such as GPUs"),
    ],
)
def test_hindrances(host: dict[str, Any], field: str, words: str) -> None:
    """What no container here can have says what to do instead."""
    (remark,) = adopted({"HostConfig": host}).hindrances
    assert remark.field == field
    assert words in remark.text


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"com.docker.swarm.task.id": "x"}, "a task of a Swarm service"),
        ({"io.kubernetes.pod.name": "x"}, "Kubernetes manages it"),
    ],
)
def test_managed_by_others(labels: dict[str, str], words: str) -> None:
    """Whoever manages it would start another one."""
    (remark,) = adopted({"Labels": labels}).hindrances
    assert words in remark.text


def test_compose() -> None:
    """Compose may have made it: that is said, and its labels are left out."""
    labels = {
        "com.docker.compose.project": "shop",
        "com.docker.compose.service": "db",
        "team": "shop",
    }
    found = adopted({"Labels": labels})
    assert found.fields["labels"] == {"team": "shop"}
    assert not found.hindrances
    assert any("service db of project shop" in remark.text for remark in found.not_kept)


def test_ours() -> None:
    """One of flocker_lite's is known by its labels."""
    arguments = create_arguments(Container("web", "a", "redis:latest"), {}, "10.0.0.1")
    image = made_up_image()
    details = inspected("flocker--web", arguments, image)
    (remark,) = adoption(Inspected(details, image)).hindrances
    assert remark.text == "it is container web of flocker_lite already"


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        ({"HostConfig": {"DnsOptions": ["ndots:1"]}}, "--dns-option", "['ndots:1']"),
        ({"HostConfig": {"Runtime": "kata"}}, "--runtime", "kata"),
        ({"HostConfig": {"OfALaterDocker": {"x": 1}}}, "OfALaterDocker", "no field says this"),
        ({"MacAddress": "02:42:00:00:00:01"}, "--mac-address", "02:42"),
        ({"StopTimeout": -1}, "stop_timeout_seconds", "without end"),
        ({"HostConfig": {"UsernsMode": "private"}}, "userns_mode", "private"),
        ({"HostConfig": {"MaskedPaths": []}}, "security_opt", "systempaths=unconfined"),
        ({"HostConfig": {"PortBindings": {"9/sctp": [{"HostPort": "9"}]}}}, "ports", "only TCP"),
        ({"HostConfig": {"ExtraHosts": ["no address"]}}, "extra_hosts", "no address"),
    ],
)
def test_not_kept(arguments: dict[str, Any], field: str, words: str) -> None:
    """What no field says is named, by the option of `docker run` where there is one."""
    said = [remark.text for remark in adopted(arguments).not_kept if remark.field == field]
    assert len(said) == 1
    assert words in said[0]


def test_states() -> None:
    """One that does not run would not be started; one that is paused would run."""
    stopped = adopted(status="exited")
    assert stopped.fields["running"] is False
    assert any("does not run now" in remark.text for remark in stopped.not_kept)
    paused = adopted(status="paused")
    assert "running" not in paused.fields
    assert any("paused" in remark.text for remark in paused.not_kept)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/var/run/docker.sock", "a path of the node's own system"),
        ("/etc/localtime", "a path of the node's own system"),
        ("/var/lib", "a path of the node's own system"),
        ("/srv/file", "a file or a socket"),
    ],
)
def test_binds_that_stay(path: str, why: str) -> None:
    """Files, sockets and what belongs to the node's own system are not taken."""
    found = bound(path, no_directories={"/srv/file"})
    (source,) = found.sources
    assert (source.take, source.dataset) == (False, None)
    assert why in source.why
    assert "bind_mounts" not in found.fields
    (remark,) = [each for each in found.not_kept if each.field == "bind_mounts"]
    assert f"write `allow: [{source.path}]` into" in remark.text.lower()


def test_datasets_of_ours() -> None:
    """A directory that has datasets is neither taken nor given away."""
    for path in ("/flocker/x", "/flocker", "/"):
        found = bound(path)
        (source,) = found.sources
        assert not source.take
        assert [remark.field for remark in found.hindrances] == ["volumes"]
        assert not [remark for remark in found.not_kept if remark.field == "bind_mounts"]


def test_volumes_of_other_drivers() -> None:
    """Data that is elsewhere has to come here first; a volume that is a directory is one."""
    image = made_up_image()
    details = inspected("db", {**REDIS, "HostConfig": {"Binds": ["v:/data"]}}, image)

    def looked(driver: str, **options: str) -> Adoption:
        details["Mounts"][0]["Driver"] = driver
        return adoption(Inspected(details, image, {"v": {"Options": options}}))

    for found in (looked("rexray"), looked("local", type="nfs", o="addr=10.0.0.9")):
        assert not found.sources[0].take
        assert [remark.field for remark in found.hindrances] == ["volumes"]
        assert "first" in found.hindrances[0].text
    found = looked("local", type="none", o="bind", device="/srv/data")
    assert (found.sources[0].take, found.sources[0].path) == (True, "/srv/data")


def test_the_same_data_twice() -> None:
    """A dataset has one path in a container."""
    found = adopted({"HostConfig": {"Binds": ["v:/data", "v:/again"]}})
    assert [source.take for source in found.sources] == [True, False]
    assert "two paths" in found.hindrances[0].text


def test_names_of_datasets() -> None:
    """Two that would be called the same are told apart by a number."""
    found = adopted({"HostConfig": {"Binds": ["/srv/a:/x/data", "/srv/b:/y/data"]}})
    assert [source.dataset for source in found.sources] == ["db-data", "db-data-2"]


def test_ports_that_docker_chose() -> None:
    """They stay as they are now, and that is said."""
    found = adopted({"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}})
    assert found.fields["ports"] == [{"internal": 80, "external": 49153}]
    assert any("Docker chose 49153" in remark.text for remark in found.not_kept)


def test_images() -> None:
    """An image has to have a name, and the name has to mean what runs."""
    named = made_up_image(name="shop:1")
    image_id = named["Id"]
    assert adopted({"Image": image_id}, named).fields["image"] == "shop:1"
    nameless = {**named, "RepoTags": []}
    found = adopted({"Image": image_id}, nameless)
    assert "image" not in found.fields
    assert "docker tag" in found.hindrances[0].text
    moved = adopted({"Image": "shop"}, named)
    assert any("is another image by now" in remark.text for remark in moved.not_kept)
    assert not [
        remark
        for remark in adopted({"Image": "docker.io/library/shop:1"}, named).not_kept
        if remark.field == "image"
    ]


@pytest.mark.parametrize(
    ("own", "image", "expected"),
    [
        ({}, {"Cmd": ["x"]}, {"command_line": ["redis-server"]}),
        ({"Cmd": ["x"]}, {"Cmd": ["x"]}, {}),
        (
            {"Entrypoint": [""], "Cmd": ["sh", "-c", "y"]},
            {"Entrypoint": ["e"]},
            {"entrypoint": ["sh"], "command_line": ["-c", "y"]},
        ),
        (
            {"Entrypoint": ["e"], "Cmd": None},
            {"Entrypoint": ["e"], "Cmd": ["x"]},
            {"entrypoint": ["e"]},
        ),
    ],
)
def test_programs(
    own: dict[str, Any], image: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    """What is carried out is the same, whatever the image says."""
    fields = adopted(own, made_up_image(image)).fields
    found = {key: fields[key] for key in ("entrypoint", "command_line") if key in fields}
    assert found == expected


@pytest.mark.parametrize(
    ("check", "image", "expected"),
    [
        ({"Test": ["CMD", "x"]}, {"Test": ["CMD", "x"]}, None),
        ({"Test": ["NONE"]}, None, None),
        (
            {"Test": ["CMD-SHELL", "x || y"], "Timeout": 2 * 10**9, "StartPeriod": 5 * 10**9},
            None,
            {
                "command": ["/bin/sh", "-c", "x || y"],
                "timeout_seconds": 2.0,
                "interval_seconds": 30.0,
                "retries": 3,
                "start_period_seconds": 95.0,
            },
        ),
    ],
)
def test_health_checks(check: Any, image: Any, expected: Any) -> None:
    """A container's own HEALTHCHECK is one of ours, and waits as long as Docker's."""
    config = {"Healthcheck": image} if image else {}
    found = adopted({"Healthcheck": check}, made_up_image(config))
    assert found.fields.get("health_check") == expected


def test_no_health_check() -> None:
    """One that was switched off would be there again."""
    image = made_up_image({"Healthcheck": {"Test": ["CMD", "x"]}})
    found = adopted({"Healthcheck": {"Test": ["NONE"]}}, image)
    assert any(remark.field == "health_check" for remark in found.not_kept)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"Name": ""}, None),
        ({"Name": "always"}, {"name": "always"}),
        ({"Name": "unless-stopped"}, {"name": "always"}),
        ({"Name": "on-failure", "MaximumRetryCount": 0}, {"name": "on-failure"}),
        (
            {"Name": "on-failure", "MaximumRetryCount": 3},
            {"name": "on-failure", "maximum_retry_count": 3},
        ),
    ],
)
def test_restart_policies(policy: dict[str, Any], expected: Any) -> None:
    """Docker's policies in our words."""
    found = adopted({"HostConfig": {"RestartPolicy": policy}})
    assert found.fields.get("restart_policy") == expected


def test_networks() -> None:
    """A network of Docker's becomes one of ours, in which others have to come along."""
    endpoints = {"back": {"Aliases": ["pg"], "IPAMConfig": {"IPv4Address": "172.18.0.9"}}}
    found = adopted({"NetworkingConfig": {"EndpointsConfig": endpoints}})
    assert found.fields["networks"] == {"back": {"aliases": ["pg"]}}
    said = [remark.text for remark in found.not_kept if remark.field == "networks"]
    assert "bring them along as well" in said[0]
    assert "fixed address" in said[1]


def test_cpus_by_quota() -> None:
    """Half of a processor, in the older way of saying it."""
    assert adopted({"HostConfig": {"CpuQuota": 50_000}}).fields["cpus"] == 0.5
