"""A configuration goes from SQLite to a real etcd and back, and in and out of both as YAML."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from admin.etcd_members import Members
from flocker_lite.control.store.content import Content, from_yaml
from flocker_lite.control.store.database import Database, read_content
from flocker_lite.model import deltas
from flocker_lite.model.records import Change, Configuration, Dataset
from flocker_lite.testing.store_contract import DATASET, EVERYTHING, NODE
from tests.conformance.live import TWO_NODES, ControlProcess

COMMAND_SECONDS_MAX = 60
CLUSTER = "cccccccc-0000-4000-8000-000000000001"
SOUND: Configuration = deltas.apply(
    EVERYTHING, [Change("datasets", DATASET, Dataset(DATASET, NODE, maximum_size=2**30))]
)


@pytest.fixture(scope="module")
def members() -> Iterator[Members]:
    """One etcd for all tests."""
    with tempfile.TemporaryDirectory() as folder:
        made = Members(Path(folder))
        made.start()
        yield made
        made.stop()


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """A command, to its end."""
    return subprocess.run(
        words, input=text, capture_output=True, text=True, timeout=COMMAND_SECONDS_MAX
    )


def migrate(members: Members, prefix: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`flocker-control migrate`."""
    program = str(Path(sys.executable).with_name("flocker-control"))
    etcd = (f"--etcd-certificates={members.certificates}", f"--etcd-prefix={prefix}")
    return run(program, "migrate", *words, *etcd)


def test_there_and_back(members: Members, tmp_path: Path) -> None:
    """Everything comes back as it was, with a later generation; what is there stays."""
    with closing(Database(tmp_path / "a")) as database:
        database.fill(Content(CLUSTER, SOUND), 10**15)
    first, second = f"sqlite:{tmp_path / 'a'}", f"sqlite:{tmp_path / 'b'}"
    there = ("--from", first, "--to", members.store)
    said = migrate(members, "/m/", *there)
    assert said.returncode == 0, said.stderr
    assert f"moved cluster {CLUSTER} with 1 containers" in said.stdout
    again = migrate(members, "/m/", *there)
    assert again.returncode == 1
    assert "etcd already has a configuration at /m/" in again.stderr
    said = migrate(members, "/m/", "--from", members.store, "--to", second)
    assert said.returncode == 0, said.stderr
    assert read_content(tmp_path / "b") == Content(CLUSTER, SOUND)
    with closing(Database(tmp_path / "b")) as database:
        assert database.generation > 10**15


def test_while_it_runs(members: Members, tmp_path: Path) -> None:
    """A store that a control service uses is not migrated, from or to."""
    data = tmp_path / "data"
    with closing(Database(data)) as database:
        database.fill(TWO_NODES)
        said = migrate(members, "/r/", "--from", f"sqlite:{data}", "--to", members.store)
    assert said.returncode == 1
    assert "is in use by another control service" in said.stderr
    control = ControlProcess(
        tmp_path / "none",
        f"--store={members.store}",
        f"--etcd-certificates={members.certificates}",
        "--etcd-prefix=/r/",
        "--address=127.0.0.1",
    )
    control.start()
    try:
        while control.request("GET", "/v1/leader").status != 200:
            pass
        for words in (
            ("--from", members.store, "--to", f"sqlite:{tmp_path / 'c'}"),
            ("--from", f"sqlite:{data}", "--to", members.store),
        ):
            said = migrate(members, "/r/", *words)
            assert said.returncode == 1
            assert "uses this store: stop it first" in said.stderr
    finally:
        control.stop()


def test_as_text(members: Members, tmp_path: Path) -> None:
    """Export and import know etcd too."""
    with closing(Database(tmp_path / "a")) as database:
        database.fill(TWO_NODES)
    python = (sys.executable, "-m", "flocker_lite")
    exported = run(*python, "export", "--data-path", str(tmp_path / "a"))
    etcd = (
        f"--store={members.store}",
        f"--etcd-certificates={members.certificates}",
        "--etcd-prefix=/t/",
    )
    imported = run(*python, "import", *etcd, text=exported.stdout)
    assert imported.returncode == 0, imported.stderr
    assert from_yaml(run(*python, "export", *etcd).stdout) == TWO_NODES


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--from", "sqlite:/a", "--to", "sqlite:/b"), "one of both is sqlite:DIRECTORY"),
        (("--from", "mysql:x", "--to", "etcd:https://a:2379"), "'mysql:x' is no store"),
        (("--from", "sqlite:/nowhere", "--to", "etcd:https://a:2379"), "does not exist"),
    ],
)
def test_refused(members: Members, words: tuple[str, ...], complaint: str) -> None:
    """What makes no sense is explained."""
    said = migrate(members, "/x/", *words)
    assert said.returncode == 1
    assert complaint in said.stderr
