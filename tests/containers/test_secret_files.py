"""The files and variables of secrets, as a container is made with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyrsistent import pmap

from flocker_lite.containers.data_binds import data_binds
from flocker_lite.containers.secret_files import SecretFiles, Secrets
from flocker_lite.containers.translate import create_arguments, made_from
from flocker_lite.errors import ContainerError
from flocker_lite.model.container_fields.secrets import SecretFile
from flocker_lite.model.records import Container

CONTAINER = Container(
    "db",
    "a",
    "postgres:16",
    environment=pmap({"A": "b"}),
    environment_secret=pmap({"PASSWORD": "pg"}),
    secrets=(SecretFile("pg", "/run/secrets/pg", 0o400), SecretFile("key", "/etc/key")),
)
VALUES = {"pg": b"hunter2", "key": b"\xff\0"}


def test_added(tmp_path: Path) -> None:
    """Variables and read-only mounts; the labels have no trace of a value."""
    plain = create_arguments(CONTAINER, {}, "10.0.0.1")
    secrets = Secrets(CONTAINER, VALUES)
    arguments = secrets.added_to(plain, SecretFiles("/state/secrets", tmp_path))
    assert arguments["Env"] == ["A=b", "PASSWORD=hunter2"]
    mounts = [(each["Target"], each["ReadOnly"]) for each in arguments["HostConfig"]["Mounts"]]
    assert mounts == [("/run/secrets/pg", True), ("/etc/key", True)]
    # Neither a dataset nor a reason to make the container anew.
    assert data_binds(arguments) == ()
    assert arguments["Labels"] == plain["Labels"]
    assert made_from(plain, arguments["Labels"])
    other = Secrets(CONTAINER, {**VALUES, "pg": b"other"})
    assert other.added_to(plain, SecretFiles("/o", tmp_path))["Labels"] == plain["Labels"]
    assert "hunter2" not in repr(secrets)


def test_files(tmp_path: Path) -> None:
    """Root alone can enter the directory; the files are as the container wants them."""
    files = SecretFiles("/state/secrets", tmp_path)
    for _ in range(2):
        written = files.write(CONTAINER, VALUES)
        assert list(written) == ["/run/secrets/pg", "/etc/key"]
        paths = [tmp_path / source.lstrip("/") for source in written.values()]
        assert [path.read_bytes() for path in paths] == [b"hunter2", b"\xff\0"]
        assert [path.stat().st_mode & 0o777 for path in paths] == [0o400, 0o444]
        assert paths[0].parent.stat().st_mode & 0o777 == 0o700
        assert paths[0].parent.parent.stat().st_mode & 0o777 == 0o700
    files.forget("db")
    files.forget("db")
    assert list((tmp_path / "state/secrets").iterdir()) == []


def test_nowhere(tmp_path: Path) -> None:
    """What cannot be written is said, without the value."""
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ContainerError, match="cannot write the secrets of container db") as raised:
        SecretFiles("/state/secrets", tmp_path).write(CONTAINER, VALUES)
    assert "hunter2" not in str(raised.value)
