"""What lets a container out of its box, on a node that allows it and on one that does not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from admin.hosts.files import AGENT_FILE
from admin.story.player import StoryError
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

ALLOW = "allow: [NET_ADMIN, /dev/null]"
MORE = "allow: [NET_ADMIN, /dev/null, SYS_TIME]"
PRIVILEGED = "allow: [NET_ADMIN, /dev/null, privileged]"
FIELDS: dict[str, Any] = {
    "cap_add": ["NET_ADMIN"],
    "devices": ["/dev/null:/dev/nothing:r"],
}
SYS_TIME = 1 << 25


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """n1 allows nothing, n2 what `ALLOW` says."""
    with agents_lab("test-allow", "10.86.0.0/24") as lab:
        rewrite(lab, "n2", "", ALLOW)
        # A node is known with what it allowed when its agent last came.
        wait_for(lambda: accepted(lab, "n2", "out", **FIELDS), "n2 allows it")
        lab.running("out")
        yield lab


def rewrite(lab: Cluster, node: str, old: str, new: str) -> None:
    """The administrator changes a line of the agent's file, and restarts the agent."""
    path = lab.node(node).root / AGENT_FILE
    text = path.read_text()
    path.write_text(text.replace(old, new) if old else f"{text}{new}\n")
    lab.restart_agent(node)


def accepted(lab: Cluster, node: str, name: str, **fields: Any) -> bool:
    """Whether the container can be configured there."""
    try:
        lab.create(node, name, **fields)
    except StoryError:
        return False
    return True


def refusal(lab: Cluster, path: str, body: dict[str, Any]) -> str:
    """What the API says when it refuses this."""
    with pytest.raises(StoryError) as raised:
        lab.player.post(path, body)
    return str(raised.value)


def effective(lab: Cluster, name: str) -> int:
    """The capabilities that a container's first process has, as seen inside."""
    line = lab.docker("n2", "exec", f"flocker--{name}", "grep", "CapEff", "/proc/1/status")
    return int(line.split()[1], 16)


def test_nothing_is_allowed_by_default(cluster: Cluster) -> None:
    """A node whose file says nothing refuses, and the answer has the line to write."""
    address = cluster.node("n1").address
    body = {"host": address, "name": "never", "image": "redis:latest", **FIELDS}
    said = refusal(cluster, "/configuration/containers", body)
    for word in ("NET_ADMIN", "/dev/null"):
        assert f"{address} does not allow {word}: write `{ALLOW}` into /etc/flocker" in said


def test_a_move_to_where_it_is_not_allowed(cluster: Cluster) -> None:
    """It is refused in the same words, and the container runs on."""
    before = cluster.inspect("n2", "out")["State"]["StartedAt"]
    address = cluster.node("n1").address
    said = refusal(cluster, "/configuration/containers/out", {"host": address})
    assert f"write `{ALLOW}` into" in said
    assert cluster.inspect("n2", "out")["State"]["StartedAt"] == before


def test_inside(cluster: Cluster) -> None:
    """What is allowed is there: the node's device under another name, and the capability."""
    look = "stat -c '%F %t:%T' /dev/nothing; cat /dev/nothing"
    found = cluster.docker("n2", "exec", "flocker--out", "sh", "-c", look)
    assert found == "character special file 1:3"
    assert effective(cluster, "out") & (1 << 12)
    assert not effective(cluster, "out") & SYS_TIME


def test_the_agent_refuses_as_well(cluster: Cluster) -> None:
    """What an agent allowed once is on record; with another file it makes no such container.

    The line that the state has is the one that helps.
    """
    rewrite(cluster, "n2", ALLOW, MORE)
    more = {**FIELDS, "cap_add": ["NET_ADMIN", "SYS_TIME"], "running": False}
    wait_for(lambda: accepted(cluster, "n2", "late", **more), "n2 allows more")
    names = ("ps", "--all", "--format", "{{.Names}}")
    wait_for(lambda: "flocker--late" in cluster.docker("n2", *names), "it is kept ready")
    rewrite(cluster, "n2", MORE, ALLOW)
    cluster.docker("n2", "rm", "flocker--late")
    cluster.player.post("/configuration/containers/late", {"running": True})
    cluster.state("late", lambda state: f"write `{MORE}` into" in state.get("error", ""))
    assert "flocker--late" not in cluster.docker("n2", *names)
    rewrite(cluster, "n2", ALLOW, MORE)
    cluster.cured("late")
    assert effective(cluster, "late") & SYS_TIME
    rewrite(cluster, "n2", MORE, ALLOW)


def test_privileged(cluster: Cluster) -> None:
    """Docker is asked for it. It is not started: a lab may not have all that it would be given."""
    rewrite(cluster, "n2", ALLOW, PRIVILEGED)
    wanted = {"privileged": True, "running": False}
    wait_for(lambda: accepted(cluster, "n2", "all", **wanted), "n2 allows it")
    names = ("ps", "--all", "--format", "{{.Names}}")
    wait_for(lambda: "flocker--all" in cluster.docker("n2", *names), "it is kept ready")
    assert cluster.inspect("n2", "all")["HostConfig"]["Privileged"] is True
    cluster.delete("all")
    rewrite(cluster, "n2", PRIVILEGED, ALLOW)


def test_what_exists_is_left_alone(cluster: Cluster) -> None:
    """A container that is no longer allowed runs on; it can be stopped and deleted."""
    before = cluster.inspect("n2", "late")["State"]["StartedAt"]
    cluster.create("n2", "next")
    cluster.running("next")
    assert cluster.inspect("n2", "late")["State"]["StartedAt"] == before
    cluster.player.post("/configuration/containers/late", {"running": False})
    cluster.state("late", lambda state: state.get("running") is False)
    cluster.delete("late", "next", "out")


def is_refused(said: str, state: dict[str, Any]) -> bool:
    """Whether the state of a container says this."""
    return said in state.get("error", "")


def test_bind_mounts(cluster: Cluster) -> None:
    """A directory of the node is there; what has datasets or Docker's files is for nobody."""
    docker = cluster.docker("n2", "info", "--format", "{{.DockerRootDir}}")
    paths = ["/run/shared", "/flocker", f"{docker}/volumes", "/run/missing"]
    (cluster.node("n2").root / "run/shared").mkdir(parents=True)
    (cluster.node("n2").root / "run/shared/file").write_text("hello")
    rewrite(cluster, "n2", ALLOW, f"allow: [{', '.join(paths)}]")

    def binds(path: str) -> list[dict[str, str]]:
        return [{"host_path": path, "mountpoint": "/shared"}]

    wait_for(lambda: accepted(cluster, "n2", "bound", bind_mounts=binds(paths[0])), "n2 allows it")
    cluster.running("bound")
    inside = ("exec", "flocker--bound", "sh", "-c", "cat /shared/file; echo more >/shared/more")
    assert cluster.docker("n2", *inside) == "hello"
    assert (cluster.node("n2").root / "run/shared/more").read_text() == "more\n"
    for path, said in (
        (paths[1], "/flocker has datasets, which are in /flocker: name them in volumes"),
        (paths[2], f"{paths[2]} has Docker's own files, of {docker}: no container can have them"),
        (paths[3], "bind source path does not exist: /run/missing"),
    ):
        name = f"bound-{paths.index(path)}"
        cluster.create("n2", name, bind_mounts=binds(path))
        state = cluster.state(name, partial(is_refused, said))
        assert not state["running"]
        cluster.delete(name)
