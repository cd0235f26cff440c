"""Secrets: who may use which, and what a new value does to the containers that use it."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from pyrsistent import pmap

from flocker_lite.errors import Conflict, NotFound
from flocker_lite.model import edits, secrets
from flocker_lite.model.completion import is_same
from flocker_lite.model.container_fields.files import BindMount, Tmpfs, Volume
from flocker_lite.model.container_fields.secrets import SecretFile, contradictions
from flocker_lite.model.deltas import apply
from flocker_lite.model.records import Change, Configuration, Container, Ended, Node, Secret

VALUE = "aHVudGVyMg=="
OTHER = "aHVudGVyMw=="
NODE = Node("a", "10.0.0.1", protocol=2)
DB = Container("db", "a", "postgres:16", environment_secret=pmap({"PASSWORD": "pg"}))
WEB = Container("web", "a", "nginx:1", secrets=(SecretFile("tls", "/run/secrets/tls"),))


def configuration() -> Configuration:
    """A node, two secrets, and a container for each."""
    found = apply(Configuration(), [Change("nodes", "a", NODE)])
    for name in ("pg", "tls"):
        found = secrets.create_secret(found, name, VALUE, 100.0).configuration
    for container in (DB, WEB):
        found = edits.create_container(found, container).configuration
    return found


def test_versions() -> None:
    """A container has the time of each of its secrets, and of no other."""
    found = configuration().containers
    assert found["db"].secret_versions == pmap({"pg": 100.0})
    assert found["web"].secret_versions == pmap({"tls": 100.0})


def test_another_value() -> None:
    """It makes another configuration of the containers that use it, and of no others."""
    before = configuration()
    for now in (200.0, 100.0, 50.0):
        edit = secrets.change_secret(before, "pg", OTHER, now)
        assert {change.identity for change in edit.changes} == {"pg", "db"}
        after = edit.configuration
        assert not is_same(before.containers["db"], after.containers["db"])
        assert after.secrets["pg"].data == OTHER
        assert after.secrets["pg"].created_at == 100.0


def test_the_same_value() -> None:
    """It replaces nothing."""
    assert secrets.change_secret(configuration(), "pg", VALUE, 200.0).changes == ()


def test_a_finished_job_runs_again() -> None:
    """With another secret it is another job."""
    before = configuration()
    done = replace(before.containers["db"], ended=Ended(0, 150.0))
    before = apply(before, [Change("containers", "db", done)])
    after = secrets.change_secret(before, "pg", OTHER, 200.0).configuration
    assert after.containers["db"].ended is None


def test_unknown() -> None:
    """A container cannot get what is not there; the nearest name is known."""
    for wanted in (DB, WEB):
        with pytest.raises(NotFound, match="Secret not found") as raised:
            edits.create_container(
                apply(Configuration(), [Change("nodes", "a", NODE)]), replace(wanted, name="x")
            )
        assert "there is no secret" in raised.value.facts[0].text
    for edit in (
        lambda: secrets.change_secret(configuration(), "none", VALUE, 1.0),
        lambda: secrets.delete_secret(configuration(), "none"),
    ):
        with pytest.raises(NotFound):
            edit()


def test_taken() -> None:
    """A secret is not replaced by mistake."""
    with pytest.raises(Conflict, match="exists already"):
        secrets.create_secret(configuration(), "pg", OTHER, 200.0)


def test_in_use() -> None:
    """It is not deleted while a container uses it; the error names which."""
    with pytest.raises(Conflict) as raised:
        secrets.delete_secret(configuration(), "tls")
    assert [fact.used_by for fact in raised.value.facts] == ["web"]
    without = edits.delete_container(configuration(), "web").configuration
    assert "tls" not in secrets.delete_secret(without, "tls").configuration.secrets


@pytest.mark.parametrize("value", [b"a\0b", b"\xff\xfe", b"x" * 131_071])
def test_no_variable(value: bytes) -> None:
    """What Linux does not take as a variable is refused, also when the value comes later."""
    data = b64encode(value).decode()
    with pytest.raises(Conflict, match="cannot be that of a variable"):
        secrets.change_secret(configuration(), "pg", data, 200.0)
    assert secrets.change_secret(configuration(), "tls", data, 200.0).changes


def test_an_older_agent() -> None:
    """A node whose agent does not know secrets is given no container that needs some."""
    before = configuration()
    old = apply(before, [Change("nodes", "b", Node("b", "10.0.0.2"))])
    for name in ("db", "web"):
        with pytest.raises(Conflict, match="too old"):
            edits.move_container(old, name, "10.0.0.2")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"environment": pmap({"PASSWORD": "x"})}, "environment has PASSWORD too"),
        ({"secrets": (SecretFile("pg", "/a"), SecretFile("tls", "/a"))}, "something else is at /a"),
    ],
)
def test_together(fields: dict[str, object], why: str) -> None:
    """Nothing is there twice."""

    def revise(before: Container) -> Container:
        return replace(before, **fields)  # type: ignore[arg-type]

    with pytest.raises(Conflict) as raised:
        edits.update_container(configuration(), "db", revise)
    assert why in raised.value.facts[0].text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"volumes": (Volume("d", "/etc/key/"),)}, "something else is at /etc/key already"),
        ({"bind_mounts": (BindMount("/srv", "/etc/./key"),)}, "else is at /etc/key already"),
        ({"tmpfs": pmap({"/etc/key": Tmpfs()})}, "something else is at /etc/key already"),
        ({"volumes": (Volume("d", "/etc/key/a"),)}, "and /etc/key/a cannot be in it"),
        ({"tmpfs": pmap({"/etc/key/a": Tmpfs()})}, "and /etc/key/a cannot be in it"),
        ({"volumes": (Volume("d", "/etc"),), "tmpfs": pmap({"/etc/keys": Tmpfs()})}, None),
    ],
)
def test_paths_of_files(fields: dict[str, object], why: str | None) -> None:
    """The file of a secret is no mountpoint, and has none in it; it may be in one."""
    file = SecretFile("tls", "/etc/key")
    container = replace(WEB, secrets=(file,), **fields)  # type: ignore[arg-type]
    found = [f"{field}: {text}" for field, text in contradictions(container)]
    assert len(found) == (why is not None)
    assert all(each.startswith("secrets: ") and str(why) in each for each in found)


def test_not_printed() -> None:
    """What a record prints of itself has no value: it may get into a log."""
    assert VALUE not in repr(Secret("pg", VALUE)) + repr(configuration())
