"""What is released can be adopted again as it was; and what a plain container lacks is said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from pyrsistent import pmap

from flocker_lite.containers.adoption.draft import Inspected
from flocker_lite.containers.adoption.release import Taken, plain_arguments, release
from flocker_lite.containers.adoption.translation import adoption
from flocker_lite.containers.translate import OUR_LABELS
from flocker_lite.model.container_fields.failover import AUTOMATIC, Failover
from flocker_lite.model.container_fields.identity import Membership
from flocker_lite.model.container_fields.secrets import SecretFile
from flocker_lite.model.container_fields.switching import SwitchHook
from flocker_lite.model.records import Container, HealthCheck, Link, Port, Volume
from flocker_lite.testing.made_up_inspect import inspected, made_up_image
from tests.containers.adoption.containers_to_adopt import IMAGE_CONFIGS, containers
from tests.containers.adoption.test_there_and_back import ALLOW, container_of

VOLUMES = {"d1": "one", "d2": "two", "d3": "three"}
WEB = Container("web", "n1", "web:1")


def plain(container: Container, image: dict[str, Any]) -> dict[str, Any]:
    """Docker's "inspect" of the plain container."""
    return inspected(container.name, plain_arguments(container, VOLUMES, "10.0.0.1"), image)


@given(containers())
def test_there_and_back(container: Container) -> None:
    """Adopted again, it has the same fields, but for its networks, which Docker has not."""
    image = {**made_up_image(), "Architecture": "arm64" if container.platform else "amd64"}
    details = plain(container, image)
    found = adoption(Inspected(details, image, node_platform="linux/amd64"), ALLOW)
    assert not found.hindrances
    names = {name: dataset_id for dataset_id, name in VOLUMES.items()}
    volumes = [
        {**each, "dataset_id": names[each["dataset"]]} for each in found.fields.get("volumes", ())
    ]
    back = container_of(replace(found, fields=found.fields.discard("volumes")))
    assert replace(back, volumes=container.volumes) == replace(container, networks=pmap())
    assert [(each["dataset_id"], each["mountpoint"]) for each in volumes] == [
        (volume.dataset_id, volume.mountpoint) for volume in container.volumes
    ]


@given(containers(), IMAGE_CONFIGS)
def test_nothing_of_ours(container: Container, image_config: dict[str, Any]) -> None:
    """No label of ours is on it, no path of our datasets in it, and no start gate before it."""
    details = plain(container, made_up_image(image_config))
    assert not OUR_LABELS & details["Config"]["Labels"].keys()
    assert "flocker" not in str(plain_arguments(container, VOLUMES, "10.0.0.1"))


def test_health_check() -> None:
    """A command is Docker's HEALTHCHECK; without one, that of the image is in place again."""
    check = HealthCheck(command=("ping",), timeout_seconds=2.5, interval_seconds=7, retries=4)
    docker = plain_arguments(replace(WEB, health_check=check), {}, "10.0.0.1")["Healthcheck"]
    assert docker == {
        "Test": ["CMD", "ping"],
        "Interval": 7 * 10**9,
        "Timeout": 25 * 10**8,
        "StartPeriod": 30 * 10**9,
        "Retries": 4,
    }
    by_port = replace(WEB, health_check=HealthCheck(port=80))
    assert "Healthcheck" not in plain_arguments(by_port, {}, "10.0.0.1")
    (said,) = [each.text for each in release(by_port, {}, Taken()).not_kept[1:]]
    assert "cannot try port 80 from outside" in said


def test_what_is_lost() -> None:
    """Each thing that only we do is named."""
    container = replace(
        WEB,
        ports=(Port(80, 8080),),
        networks=pmap({"front": ()}),
        links=(Link("db", 5432, 5432),),
        environment_secret=pmap({"PASSWORD": "pw"}),
        depends_on=pmap({"db": "started"}),
        application=Membership("shop", "web"),
        health_check=HealthCheck(command=("x",), on_unhealthy="restart"),
        before_switch=SwitchHook(("save",)),
        failover=Failover(AUTOMATIC),
    )
    found = release(container, {}, Taken(containers=frozenset({"web"})))
    assert [each.field for each in found.not_kept] == [
        *("move", "ports", "name", "networks", "links", "environment_secret", "depends_on"),
        *("application", "health_check", "before_switch", "failover"),
    ]
    assert not found.hindrances
    assert found.docker_name == "web-2"


def test_what_is_in_the_way() -> None:
    """What Docker cannot be told has to be settled first."""
    container = replace(
        WEB,
        secrets=(SecretFile("pw", "/run/pw"),),
        volumes=(Volume("d1", "/a", subpath="part"),),
    )
    found = release(container, {}, Taken(), "no such name", ["/cache"])
    said = [(each.field, each.text) for each in found.hindrances]
    assert [field for field, _ in said] == ["secrets", "volumes", "volumes", "name"]
    assert "/cache is no dataset" in said[2][1]
    assert found.volumes["d1"] == "web-data"


def test_names() -> None:
    """Volumes are called like their datasets, as far as Docker takes that, each otherwise."""
    container = replace(WEB, volumes=(Volume("d1", "/a"), Volume("d2", "/b"), Volume("d3", "/c")))
    found = release(
        container, {"d1": "Müller's", "d2": "_x"}, Taken(volumes=frozenset({"web-data"}))
    )
    assert dict(found.volumes) == {"d1": "M-ller-s", "d2": "x-1", "d3": "web-data-2"}
