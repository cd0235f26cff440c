"""The words of `docker run`."""

import pytest

from flocker_lite.cli import docker_options
from flocker_lite.cli.docker_options import VolumeOption
from flocker_lite.model.container_fields.networks import NOT_NETWORKS


def test_ports() -> None:
    """As Docker writes them, the outer one first; one number stands for both."""
    assert docker_options.port("8080:80") == {"external": 8080, "internal": 80}
    assert docker_options.port("6379") == {"external": 6379, "internal": 6379}
    for text in ("53:53/udp", "127.0.0.1:80:80", "[::1]:80:80", "8000-8005:8000-8005"):
        assert docker_options.port(text) == text
    for text in ("", "a:b", "80:", "0:80", "80:70000", "53/udp", "80:80/sctp", "web:80:80"):
        with pytest.raises(ValueError, match=r"port"):
            docker_options.port(text)


def test_volumes() -> None:
    """A dataset's name and a path; a path of the node in place of the name is a bind mount."""
    assert docker_options.volume("db:/data") == VolumeOption("db", "/data")
    assert docker_options.volume("/srv/db:/data").is_bind_mount
    assert docker_options.volume("db:/data:ro") == VolumeOption("db", "/data", read_only=True)
    assert docker_options.volume("db:/data:rw") == VolumeOption("db", "/data")
    for text in ("db", "db:data", ":/data", "db:/data:z"):
        with pytest.raises(ValueError, match="is not a volume"):
            docker_options.volume(text)


def test_mounts() -> None:
    """Docker's longer way to write a volume, which knows parts of one."""
    whole = "type=volume,source=db,target=/data,readonly,volume-subpath=pg/16"
    assert docker_options.mount(whole) == VolumeOption("db", "/data", True, "pg/16")
    assert docker_options.mount("dst=/data,src=db,ro=false") == VolumeOption("db", "/data")
    bind = docker_options.mount("type=bind,src=/srv/web,dst=/www,ro")
    assert bind.fields() == {"host_path": "/srv/web", "mountpoint": "/www", "read_only": True}
    for text in ("src=/srv/web,dst=/www", "type=bind,src=web,dst=/www", "src=db,dst=data"):
        with pytest.raises(ValueError, match="is not a volume"):
            docker_options.mount(text)
    for text in ("", "type=tmpfs,target=/run", "source=db", "source=a,src=b,target=/c"):
        with pytest.raises(ValueError, match=r"is not (a volume|one of)"):
            docker_options.mount(text)


def test_ulimits() -> None:
    """One number stands for both limits."""
    found = docker_options.ulimits(["nofile=1024:65536", "core=-1"])
    assert found == {"nofile": {"soft": 1024, "hard": 65536}, "core": {"soft": -1, "hard": -1}}
    with pytest.raises(ValueError, match="is not a limit"):
        docker_options.ulimits(["nofile"])


def test_environment() -> None:
    """A bare name takes the value that it has here, and is left out when it has none."""
    found = docker_options.environment(["A=1", "B", "C", "D=x=y"], {"B": "2"})
    assert found == {"A": "1", "B": "2", "D": "x=y"}
    with pytest.raises(ValueError, match="is not a variable"):
        docker_options.environment(["=1"], {})


def test_environment_files() -> None:
    """As Docker reads them: comments and empty lines are none, quotes and spaces stay."""
    data = b"\xef\xbb\xbf# x\n\nA=1\r\n  B='2' #3 \n\t#C=1\nD=x=y\nHERE\nGONE\nE=\nA=4"
    found = docker_options.environment_file(data, "env", {"HERE": "5"})
    assert found == {"A": "4", "B": "'2' #3 ", "D": "x=y", "HERE": "5", "E": ""}
    assert docker_options.environment_file(b"", "env", {}) == {}
    for wrong in (b"=1", b"export A=1", b"A\tB=1", b"A =1", b"\xff=1"):
        with pytest.raises(ValueError, match=r"^env, line 2 is "):
            docker_options.environment_file(b"A=1\n" + wrong, "env", {})


def test_secrets() -> None:
    """A name, or what a service of Docker's says; a target is in /run/secrets unless absolute."""
    assert docker_options.secret("pg") == "pg"
    assert docker_options.secret("source=pg") == "pg"
    path = {"secret": "pg", "path": "/run/secrets/key"}
    assert docker_options.secret("pg,target=key") == path
    whole = {"secret": "pg", "path": "/etc/key", "mode": "0400", "uid": 0, "gid": 999}
    assert docker_options.secret("src=pg,dst=/etc/key,mode=0400,uid=0,gid=999") == whole
    for text in ("", "pg,", "pg,key", "target=/etc/key", "pg,source=pg", "pg,target=", "pg,uid=x"):
        with pytest.raises(ValueError, match=r"is not (a secret|one of)|are numbers"):
            docker_options.secret(text)


def test_variables_of_secrets() -> None:
    """A variable, and the name of the secret that is its value."""
    found = docker_options.environment_secrets(["A=pg", "B=tls"])
    assert found == {"A": "pg", "B": "tls"}
    for text in ("A", "A=", "=pg"):
        with pytest.raises(ValueError, match="has no secret"):
            docker_options.environment_secrets([text])


def test_networks() -> None:
    """Names, or Docker's longer way; an alias alone is one in the first network."""
    assert docker_options.networks(["back"], []) == {"back": {}}
    found = docker_options.networks(["back", "name=front,alias=web,alias=www"], ["db", "db"])
    assert found == {"back": {"aliases": ["db"]}, "front": {"aliases": ["web", "www"]}}
    assert docker_options.networks(["name=back,alias=a"], ["b"]) == {
        "back": {"aliases": ["a", "b"]}
    }
    for text in ("", "alias=a", "name=a,name=b", "name=", "name=back,ip=10.0.0.9"):
        with pytest.raises(ValueError, match=r"is not (a network|one of)"):
            docker_options.networks([text], [])
    with pytest.raises(ValueError, match="give each network once"):
        docker_options.networks(["back", "name=back,alias=a"], [])
    with pytest.raises(ValueError, match="--network"):
        docker_options.networks([], ["db"])


@pytest.mark.parametrize("kind", [*NOT_NETWORKS, "container:db"])
def test_networks_that_are_none(kind: str) -> None:
    """What Docker means by these words is no network by name; each is told what to do."""
    with pytest.raises(ValueError, match=r"leave .* out|publish its ports"):
        docker_options.networks([kind], [])


def test_restart_policies() -> None:
    """Docker's words."""
    assert docker_options.restart_policy("no") == {"name": "never"}
    assert docker_options.restart_policy("unless-stopped") == {"name": "always"}
    assert docker_options.restart_policy("on-failure") == {"name": "on-failure"}
    counted = {"name": "on-failure", "maximum_retry_count": 3}
    assert docker_options.restart_policy("on-failure:3") == counted
    with pytest.raises(ValueError, match="is not a restart policy"):
        docker_options.restart_policy("sometimes")


@pytest.mark.parametrize(
    ("image", "name"),
    [("redis", "redis"), ("reg:5000/team/app.web:1.2", "app-web"), ("a/b@sha256:00", "b")],
)
def test_names_of_images(image: str, name: str) -> None:
    """A container is called as its image is, when nobody says otherwise."""
    assert docker_options.container_name(image) == name
