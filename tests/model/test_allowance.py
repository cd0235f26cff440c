"""What lets a container out of its box, and whether a node allows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flocker_lite.convergence.allowance import Allowance
from flocker_lite.errors import Conflict, ContainerError
from flocker_lite.model import allowance, edits
from flocker_lite.model.container_fields.files import BindMount
from flocker_lite.model.deltas import apply
from flocker_lite.model.records import Change, Configuration, Container, Node

A = Node("a", "10.0.0.1", protocol=2)
B = Node("b", "10.0.0.2", protocol=2, allow=("SYS_ADMIN", "/dev/kvm"))
PLAIN = Container("web", "a", "nginx:latest")
OUT = replace(PLAIN, node="b", cap_add=("SYS_ADMIN", "CHOWN"), devices=("/dev/kvm",))


def configuration() -> Configuration:
    """Two nodes."""
    return apply(Configuration(), [Change("nodes", node.node_id, node) for node in (A, B)])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, []),
        ({"cap_add": ("CHOWN", "CAP_KILL"), "cap_drop": ("ALL",)}, []),
        ({"cap_add": ("ALL", "cap_net_admin")}, ["ALL", "NET_ADMIN"]),
        ({"security_opt": ("no-new-privileges", "no-new-privileges:true")}, []),
        ({"security_opt": ("seccomp:unconfined", "no-new-privileges=false")}, ["security_opt"]),
        ({"security_opt": ("something new",)}, ["security_opt"]),
        ({"privileged": True, "userns_mode": "host"}, ["privileged", "userns_mode"]),
        ({"devices": ("/dev/../etc/x:/dev/kvm",)}, ["/etc/x"]),
        ({"read_only": True, "group_add": ("disk",)}, []),
        ({"bind_mounts": (BindMount("/srv/web", "/www", read_only=True),)}, ["/srv/web"]),
    ],
)
def test_needs(fields: dict[str, object], words: list[str]) -> None:
    """What is not known to be harmless needs an entry."""
    found = allowance.needs(replace(PLAIN, **fields))  # type: ignore[arg-type]
    assert [need.word for need in found] == words


def test_a_word_for_users() -> None:
    """`adopt` is about users: a node may say it, and no container needs it."""
    assert allowance.entry("adopt") == "adopt"
    assert not allowance.missing(replace(OUT, node="b"), [*B.allow, "adopt"])
    with pytest.raises(ValueError, match="none of adopt, privileged"):
        allowance.entry("adopts")


def test_paths() -> None:
    """A path allows what is below it, and nothing beside it."""
    assert allowance.is_allowed("/dev/net/tun", ["/dev/net"])
    assert allowance.is_allowed("/dev/net", ["/dev/net"])
    assert allowance.is_allowed("/dev/net", ["/"])
    assert not allowance.is_allowed("/dev/network", ["/dev/net"])
    assert not allowance.is_allowed("/dev", ["/dev/net"])
    assert not allowance.is_allowed("privileged", ["/"])


def test_create_and_move() -> None:
    """A node takes what it allows; another one says which line is missing."""
    edit = edits.create_container(configuration(), OUT)
    with pytest.raises(Conflict) as raised:
        edits.move_container(edit.configuration, "web", "10.0.0.1")
    assert [fact.text for fact in raised.value.facts] == [
        f"{field}: 10.0.0.1 does not allow {word}: write `allow: [SYS_ADMIN, /dev/kvm]` into "
        "/etc/flocker-lite/agent.yml on 10.0.0.1, and restart its agent"
        for field, word in (("cap_add", "SYS_ADMIN"), ("devices", "/dev/kvm"))
    ]
    with pytest.raises(Conflict, match="does not allow"):
        edits.create_container(configuration(), replace(OUT, node="a"))
    with pytest.raises(Conflict, match="does not allow"):
        edits.update_container(
            edit.configuration, "web", lambda each: replace(each, privileged=True)
        )


def test_all_capabilities() -> None:
    """ALL allows each of them, and nothing else."""
    assert allowance.is_allowed("SYS_ADMIN", ["ALL"])
    assert not allowance.is_allowed("privileged", ["ALL"])
    assert not allowance.is_allowed("/dev/kvm", ["ALL"])
    assert not allowance.is_allowed("ALL", ["SYS_ADMIN"])


def test_no_longer_allowed() -> None:
    """What a container has already is not asked for again where it is: it can be stopped."""
    before = edits.create_container(configuration(), OUT).configuration
    less = apply(before, [Change("nodes", "b", replace(B, allow=()))])
    stopped = edits.update_container(less, "web", lambda each: replace(each, running=False))
    assert not stopped.configuration.containers["web"].running
    with pytest.raises(Conflict, match="does not allow"):
        edits.update_container(less, "web", lambda each: replace(each, devices=("/dev/fuse",)))


def test_placeholder() -> None:
    """Nobody knows what a node allows whose agent never came."""
    waiting = edits.expect_node(Configuration(), "10.0.0.9").configuration
    assert edits.create_container(waiting, replace(OUT, node="10.0.0.9")).changes


def test_led_away() -> None:
    """A symbolic link leads no further than to what is allowed, unless it is named itself."""
    links = {"/dev/by-name/good": "/dev/by-name/1", "/dev/by-name/bad": "/dev/sda"}

    def require(*entries: str) -> None:
        allowed = Allowance(entries, real_path=lambda path: links.get(path, path))
        allowed.require(replace(PLAIN, devices=("/dev/by-name/good", "/dev/by-name/bad:r")))

    with pytest.raises(ContainerError, match=r"does not allow /dev/sda: write"):
        require("/dev/by-name")
    require("/dev/by-name", "/dev/by-name/bad")
    require("/dev")


def test_bind_mounts() -> None:
    """Each path is an entry itself: who writes above it could make a link of it at any time."""
    has = replace(PLAIN, bind_mounts=(BindMount("/srv/web", "/www"),))
    assert not allowance.missing(has, ["/srv/web"])
    (need,) = allowance.missing(has, ["/srv", "/"])
    assert (need.field, need.word) == ("bind_mounts", "/srv/web")
    Allowance(("/srv/web",)).require(has)
    with pytest.raises(ContainerError, match=r"write `allow: \[/srv, /srv/web\]` into"):
        Allowance(("/srv",)).require(has)


@pytest.mark.parametrize("path", ["/flocker", "/flocker/d", "/", "/srv/link"])
def test_datasets_are_no_bind_mounts(path: str) -> None:
    """No container gets a path that has datasets, whatever its node allows."""
    links = {"/srv/link": "/flocker/d/sub"}
    allowed = Allowance(
        (path,), mount_root="/flocker", real_path=lambda each: links.get(each, each)
    )
    with pytest.raises(ContainerError, match=f"^{path} has datasets, which are in /flocker"):
        allowed.require(replace(PLAIN, bind_mounts=(BindMount(path, "/x"),)))
    beside = replace(PLAIN, bind_mounts=(BindMount("/flocker-2", "/x"),))
    Allowance(("/flocker-2",), mount_root="/flocker").require(beside)


def test_agent() -> None:
    """An agent refuses by itself, and names its own file."""
    Allowance(B.allow).require(OUT)
    with pytest.raises(ContainerError) as raised:
        Allowance(("SYS_ADMIN",), "/etc/other.yml").require(OUT)
    assert str(raised.value) == (
        "this node does not allow /dev/kvm: write `allow: [SYS_ADMIN, /dev/kvm]` into "
        "/etc/other.yml, and restart the agent"
    )
