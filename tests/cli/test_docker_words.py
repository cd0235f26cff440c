"""The words of `docker run`."""

import pytest

from flocker_lite.cli import docker_words
from flocker_lite.cli.docker_words import VolumeWords


def test_ports() -> None:
    """As Docker writes them, the outer one first; one number stands for both."""
    assert docker_words.port("8080:80") == {"external": 8080, "internal": 80}
    assert docker_words.port("6379") == {"external": 6379, "internal": 6379}
    for text in ("", "a:b", "80:", "0:80", "80:70000", "53:53/udp", "127.0.0.1:80:80"):
        with pytest.raises(ValueError, match=r"port"):
            docker_words.port(text)


def test_volumes() -> None:
    """A dataset's name and a path; a path of the node is refused, with what to do."""
    assert docker_words.volume("db:/data") == VolumeWords("db", "/data")
    with pytest.raises(ValueError, match="name a dataset instead"):
        docker_words.volume("/srv/db:/data")
    for text in ("db", "db:data", ":/data"):
        with pytest.raises(ValueError, match="is no volume"):
            docker_words.volume(text)


def test_environment() -> None:
    """A bare name takes the value that it has here, and is left out when it has none."""
    found = docker_words.environment(["A=1", "B", "C", "D=x=y"], {"B": "2"})
    assert found == {"A": "1", "B": "2", "D": "x=y"}
    with pytest.raises(ValueError, match="is no variable"):
        docker_words.environment(["=1"], {})


def test_restart_policies() -> None:
    """Docker's words."""
    assert docker_words.restart_policy("no") == {"name": "never"}
    assert docker_words.restart_policy("unless-stopped") == {"name": "always"}
    assert docker_words.restart_policy("on-failure") == {"name": "on-failure"}
    counted = {"name": "on-failure", "maximum_retry_count": 3}
    assert docker_words.restart_policy("on-failure:3") == counted
    with pytest.raises(ValueError, match="is no restart policy"):
        docker_words.restart_policy("sometimes")


@pytest.mark.parametrize(
    ("image", "name"),
    [("redis", "redis"), ("reg:5000/team/app.web:1.2", "app-web"), ("a/b@sha256:00", "b")],
)
def test_names_of_images(image: str, name: str) -> None:
    """A container is called as its image is, when nobody says otherwise."""
    assert docker_words.container_name(image) == name
