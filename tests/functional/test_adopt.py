"""What a container that `docker run` started becomes, and that it is adopted as it was said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from admin.hosts.files import AGENT_FILE
from tests.functional.agents_lab import Cluster, agents_lab, wait_for

POSTGRES = (
    *("--name", "pg", "--restart", "unless-stopped", "--publish", "5432:5432"),
    *("--volume", "pgdata:/var/lib/postgresql/data", "--label", "team=shop"),
    *("--env", "POSTGRES_HOST_AUTH_METHOD=trust", "--env", "GREETING=g'day \N{SNOWMAN}"),
    *("--health-cmd", "psql -U postgres -c 'select 1'", "--health-interval", "2s"),
    *("--memory", "256m", "--stop-timeout", "20", "--hostname", "pg-host"),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Both nodes let users adopt."""
    with agents_lab("test-adopt", "10.89.0.0/24", "allow: [adopt, /srv/conf]\n") as lab:
        # The machine has one /srv; the node has its own now.
        lab.node("n1").run(["mount", "-t", "tmpfs", "tmpfs", "/srv"])
        yield lab


def dry_run(lab: Cluster, container: str, **more: str) -> Any:
    """What the container would become."""
    body = {"host": lab.node("n1").address, "container": container, **more}
    return lab.player.post("/configuration/adoptions?dry_run=1", body)


def adopt(lab: Cluster, name: str) -> Any:
    """Adopt a container; the move that this was."""
    body = {"host": lab.node("n1").address, "container": name}
    move_id = lab.player.post("/configuration/adoptions", body)["move_id"]

    def over() -> Any:
        found = lab.get(f"/state/moves/{move_id}")
        return found if "ended_at" in found else None

    return wait_for(over, f"{name} is adopted", 120.0)


def psql(lab: Cluster, node: str, container: str, statement: str) -> str:
    """A statement to PostgreSQL, inside its container."""
    words = ("exec", container, "psql", "-U", "postgres", "-tA", "-c", statement)
    return lab.docker(node, *words)


def ready(lab: Cluster, node: str, container: str) -> bool:
    """Whether PostgreSQL in this container answers."""
    done = lab.node(node).run(
        ["docker", "exec", container, "psql", "-U", "postgres", "-tAc", "select 1"], check=False
    )
    return done.stdout.strip() == "1"


def test_postgres(cluster: Cluster) -> None:
    """Its data, ports, variables, labels, limits and health come along; then it can move."""
    cluster.docker("n1", "run", "--detach", *POSTGRES, "postgres:latest")
    wait_for(lambda: ready(cluster, "n1", "pg"), "PostgreSQL answers")
    psql(cluster, "n1", "pg", "create table sold (what text)")
    psql(
        cluster, "n1", "pg", "insert into sold select 'thing ' || n from generate_series(1, 5000) n"
    )
    before = cluster.docker("n1", "inspect", "pg")
    found = dry_run(cluster, "pg")
    assert found["hindrances"] == found["not_kept"] == []
    assert (found["volumes"][0]["size_bytes"] or 0) > 10 * 2**20
    assert found["container"] == {
        "host": cluster.node("n1").address,
        "name": "pg",
        "image": "postgres:latest",
        "environment": {"POSTGRES_HOST_AUTH_METHOD": "trust", "GREETING": "g'day \N{SNOWMAN}"},
        "labels": {"team": "shop"},
        "hostname": "pg-host",
        "stop_timeout_seconds": 20,
        "memory_limit": 256 * 2**20,
        "ports": [{"internal": 5432, "external": 5432}],
        "volumes": [{"dataset": "pgdata", "mountpoint": "/var/lib/postgresql/data"}],
        "restart_policy": {"name": "always"},
        "health_check": {
            "command": ["/bin/sh", "-c", "psql -U postgres -c 'select 1'"],
            "timeout_seconds": 30.0,
            "interval_seconds": 2.0,
            "retries": 3,
            "start_period_seconds": 30.0,
        },
    }
    # Looking changes nothing.
    assert json.loads(cluster.docker("n1", "inspect", "pg"))[0]["State"]["Running"] is True
    assert json.loads(before)[0]["Id"] == json.loads(cluster.docker("n1", "inspect", "pg"))[0]["Id"]
    assert cluster.get("/configuration/datasets") == []
    move = adopt(cluster, "pg")
    assert (move["kind"], move["phase"]) == ("adoption", "done")
    assert psql(cluster, "n1", "flocker--pg", "select count(*) from sold") == "5000"
    greeting = cluster.docker("n1", "exec", "flocker--pg", "printenv", "GREETING")
    assert greeting == "g'day \N{SNOWMAN}"
    cluster.docker("n1", "rm", "pg--before-flocker")
    address = cluster.node("n2").address
    cluster.player.post("/configuration/containers/pg", {"host": address})
    cluster.state(
        "pg",
        lambda state: state.get("host") == address and state.get("running"),
        timeout_seconds=180.0,
    )
    wait_for(lambda: ready(cluster, "n2", "flocker--pg"), "PostgreSQL answers")
    assert psql(cluster, "n2", "flocker--pg", "select count(*) from sold") == "5000"
    cluster.delete("pg")


def test_volume_without_a_name(cluster: Cluster) -> None:
    """What Docker made for the image is found, copied, and there again; so is a directory."""
    (cluster.node("n1").root / "srv/conf").mkdir(parents=True)
    (cluster.node("n1").root / "srv/more").mkdir(parents=True)
    (cluster.node("n1").root / "srv/conf/hint").write_text("read me")
    words = ("--volume", "/srv/conf:/conf:ro", "--volume", "/srv/more:/more", "--publish", "6379")
    cluster.docker("n1", "run", "--detach", "--name", "cache", *words, "redis:latest")
    cluster.docker("n1", "exec", "cache", "redis-cli", "set", "greeting", "hello")
    cluster.docker("n1", "exec", "cache", "redis-cli", "save")
    cluster.docker("n1", "exec", "cache", "sh", "-c", "echo kept >/more/file")
    found = dry_run(cluster, "cache")
    taken = {each["mountpoint"]: each.get("dataset") for each in found["volumes"]}
    assert taken == {"/data": "cache-data", "/more": "cache-more", "/conf": None}
    assert found["container"]["bind_mounts"] == [
        {"host_path": "/srv/conf", "mountpoint": "/conf", "read_only": True}
    ]
    assert {remark["field"] for remark in found["not_kept"]} == {"hostname", "ports"}
    assert adopt(cluster, "cache")["phase"] == "done"
    inside = ("exec", "flocker--cache")
    wait_for(
        lambda: cluster.docker("n1", *inside, "redis-cli", "get", "greeting") == "hello", "redis"
    )
    assert cluster.docker("n1", *inside, "cat", "/more/file", "/conf/hint") == "kept\nread me"
    assert f"{found['container']['ports'][0]['external']}" in cluster.docker(
        "n1", "port", "flocker--cache"
    )
    cluster.docker("n1", "rm", "--volumes", "cache--before-flocker")
    cluster.delete("cache")


def test_what_is_ours(cluster: Cluster) -> None:
    """A container of flocker_lite's is known as one; one that is to vanish is refused."""
    cluster.create("n1", "mine")
    cluster.running("mine")
    said = [each["message"] for each in dry_run(cluster, "flocker--mine", name="x")["hindrances"]]
    assert "it is container mine of flocker_lite already" in said
    cluster.docker("n1", "run", "--detach", "--rm", "--name", "brief", "redis:latest")
    assert [each["field"] for each in dry_run(cluster, "brief")["hindrances"]] == ["--rm"]
    cluster.docker("n1", "rm", "--force", "brief")
    cluster.delete("mine")


def test_not_allowed(cluster: Cluster) -> None:
    """The agent shows nothing without the word in its file, and says what to write."""
    body = {"host": cluster.node("n2").address, "container": "pg"}
    path = cluster.node("n2").root / AGENT_FILE
    path.write_text(path.read_text().replace("allow: [adopt, /srv/conf]", "allow: [/srv/conf]"))
    cluster.restart_agent("n2")
    command = (
        f"curl -sS -H 'Content-Type: application/json' -d '{json.dumps(body)}' "
        f"'{cluster.player.api}/configuration/adoptions?dry_run=1'"
    )
    wait_for(
        lambda: "write `allow: [/srv/conf, adopt]` into" in cluster.player.run(command),
        "n2 is back, and refuses",
    )
