"""Images and containers for a platform: what Docker is asked, and what its words become."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from flocker_lite.containers import platforms
from flocker_lite.containers.connection import Connection
from flocker_lite.containers.image_digests import ImageDigests
from flocker_lite.containers.images import Images
from flocker_lite.containers.translate import create_arguments
from flocker_lite.errors import ContainerError, ImageError
from flocker_lite.model.records import Container
from tests.containers.fake_engine import Answer, FakeEngine, Request

NODE = "aaaaaaaa-0000-4000-8000-000000000001"
ARM = "linux/arm64/v8"
OTHER_20 = (
    "image with reference redis:7 was found but does not match the specified platform: "
    "wanted linux/arm64/v8, actual: linux/amd64"
)
OTHER_28 = (
    "image with reference redis:7 was found but does not provide the specified platform "
    "(linux/arm64/v8)"
)


class Docker:
    """An engine that answers these, whatever it is asked for."""

    def __init__(self) -> None:
        self.created = Answer(201, {"Id": "c0ffee"})
        self.image: dict[str, Any] | None = {"Id": "sha256:1", "Os": "linux"}

    def answer(self, request: Request) -> Answer:
        """As Docker does."""
        if request.path == "/containers/create":
            return self.created
        if request.path == "/images/create":
            return Answer(lines=[{"status": "Status: Downloaded newer image"}])
        return (
            Answer(404, {"message": "No such image"})
            if self.image is None
            else Answer(body=self.image)
        )


@pytest.fixture
def docker() -> Docker:
    """A Docker that has an image, and creates what it is asked for."""
    return Docker()


@pytest.fixture(params=["1.41"])
def served(docker: Docker, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[FakeEngine]:
    """The same, at a socket, with a version of its API."""
    fake = FakeEngine(tmp_path, docker.answer, request.param)
    yield fake
    fake.close()


@pytest.fixture
def connection(served: FakeEngine) -> Iterator[Connection]:
    """Ours to it."""
    found = Connection(served.socket)
    yield found
    found.close()


def create(connection: Connection, platform: str | None) -> None:
    """Create a container for that platform."""
    container = Container("db", NODE, "redis:7", platform=platform)
    with connection.client_for("create container db") as client:
        platforms.create(client, create_arguments(container, {}, "10.0.0.1"), "flocker--db")


@pytest.mark.parametrize(
    ("platform", "query"),
    [(None, "name=flocker--db"), (ARM, "name=flocker--db&platform=linux%2Farm64%2Fv8")],
)
def test_create(
    connection: Connection, served: FakeEngine, platform: str | None, query: str
) -> None:
    """Docker is asked for a platform when the container has one."""
    create(connection, platform)
    assert served.asked[-1].query == query


@pytest.mark.parametrize("said", [OTHER_20, OTHER_28])
def test_an_image_for_another(connection: Connection, docker: Docker, said: str) -> None:
    """It is said in Docker's own words, and what to do about it."""
    docker.created = Answer(404, {"message": said})
    with pytest.raises(ImageError) as raised:
        create(connection, ARM)
    assert said in str(raised.value)
    assert f"is not for platform {ARM}: correct platform" in str(raised.value)


def test_another_failure(connection: Connection, docker: Docker) -> None:
    """What is not about the platform stays what it is."""
    docker.created = Answer(404, {"message": "No such image: specified-platform:7"})
    with pytest.raises(ContainerError, match="No such image"):
        create(connection, ARM)


@pytest.mark.parametrize(("platform", "more"), [(None, ""), (ARM, "&platform=linux%2Farm64%2Fv8")])
def test_pull(connection: Connection, served: FakeEngine, platform: str | None, more: str) -> None:
    """A pull is for that platform, or for the node's own."""
    assert Images(connection, ImageDigests()).pull("redis:7", None, platform).advance() is None
    assert served.asked[-1].query == f"tag=7&fromImage=redis{more}"


@pytest.mark.parametrize("served", ["1.24", "1.26", "1.40"], indirect=True)
def test_an_old_docker(connection: Connection, served: FakeEngine) -> None:
    """It is not asked for what it would ignore; without a platform nothing changes."""
    with pytest.raises(ImageError, match=r"needs Docker 20.10 .* upgrade Docker, or leave"):
        create(connection, ARM)
    with pytest.raises(ImageError, match=r"needs Docker 20.10 .* upgrade Docker, or leave"):
        Images(connection, ImageDigests()).pull("redis:7", None, ARM)
    assert served.asked == []
    create(connection, None)


@pytest.mark.parametrize(
    ("image", "platform", "is_here", "is_possible"),
    [
        (None, ARM, False, True),
        (None, None, False, True),
        (("amd64", ""), None, True, True),
        (("amd64", ""), "linux/amd64", True, True),
        (("amd64", ""), "linux/x86_64", True, True),
        (("arm64", "v8"), "linux/arm64", True, True),
        (("arm64", ""), ARM, True, True),
        (("arm", "v6"), "linux/arm/v7", False, True),
        (("arm", "v7"), "linux/arm", True, True),
        (("amd64", ""), ARM, False, False),
        (("amd64", ""), "windows/amd64", False, False),
    ],
)
def test_what_is_here(
    connection: Connection,
    docker: Docker,
    image: tuple[str, str] | None,
    platform: str | None,
    is_here: bool,
    is_possible: bool,
) -> None:
    """An image counts as being here when it is for the platform; Docker knows what else may do."""
    docker.image = None
    if image is not None:
        architecture, variant = image
        docker.image = {
            "Id": "sha256:1",
            "Os": "linux",
            "Architecture": architecture,
            "Variant": variant,
        }
    images = Images(connection, ImageDigests())
    assert images.has("redis:7", platform) == is_here
    with nullcontext() if is_possible else pytest.raises(ImageError, match="is for linux/amd64"):
        images.require_platform("redis:7", platform or "linux/amd64")
