"""Export and import of the whole configuration, and the commands for it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import yaml
from pyrsistent import pmap

from flocker_lite.__main__ import main
from flocker_lite.control.store.content import Content, from_yaml, to_yaml
from flocker_lite.control.store.database import Database
from flocker_lite.errors import StoreError
from flocker_lite.model import deltas
from flocker_lite.model.records import (
    Change,
    Configuration,
    Container,
    Dataset,
    Registry,
    Secret,
    Volume,
)
from flocker_lite.testing.store_contract import DATASET, EVERYTHING, NODE

CLUSTER = "cccccccc-0000-4000-8000-000000000001"
# A container must not use a dataset that is deleted, as that of the contract does.
SOUND = deltas.apply(
    EVERYTHING, [Change("datasets", DATASET, Dataset(DATASET, NODE, maximum_size=2**30))]
)


def run(command: str, directory: Path, text: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    stdout, stderr = StringIO(), StringIO()
    code = main([command, "--data-path", str(directory)], StringIO(text), stdout, stderr)
    return code, stdout.getvalue(), stderr.getvalue()


def test_round_trip() -> None:
    """What was exported is imported as it was."""
    for configuration in (Configuration(), SOUND):
        content = Content(CLUSTER, configuration)
        assert from_yaml(to_yaml(content)) == content


def test_secrets() -> None:
    """Their values are left out unless they are asked for; the names are there."""
    secret = Secret("pg", "aHVudGVyMg==", 1.0, 2.0)
    login = Registry("docker.io", "bob", "correct-horse", 1.0)
    known = replace(SOUND, secrets=pmap({"pg": secret}), registries=pmap({"docker.io": login}))
    content = Content(CLUSTER, known)
    assert from_yaml(to_yaml(content, with_secrets=True)) == content
    text = to_yaml(content)
    assert "aHVudGVyMg==" not in text
    assert "correct-horse" not in text
    without = from_yaml(text).configuration
    assert without.secrets["pg"] == replace(secret, data="")
    assert without.registries["docker.io"] == replace(login, password="")


def test_secrets_command(tmp_path: Path) -> None:
    """The flag of the command line."""
    secret = Secret("pg", "aHVudGVyMg==", 1.0, 2.0)
    content = Content(CLUSTER, replace(SOUND, secrets=pmap({"pg": secret})))
    assert run("import", tmp_path, to_yaml(content, with_secrets=True))[0] == 0
    assert "aHVudGVyMg==" not in run("export", tmp_path)[1]
    out = StringIO()
    words = ["export", "--secrets", "--data-path", str(tmp_path)]
    assert main(words, StringIO(), out, StringIO()) == 0
    assert "aHVudGVyMg==" in out.getvalue()


def test_readable() -> None:
    """It is plain YAML: a mapping for each kind of record."""
    document = yaml.safe_load(to_yaml(Content(CLUSTER, SOUND)))
    assert document["format"] == 1
    assert document["cluster_id"] == CLUSTER
    assert document["nodes"] == {NODE: {"node_id": NODE, "address": "10.77.0.11"}}
    assert document["grants"] == {DATASET: {"owner": NODE, "epoch": 7, "materialised": True}}


def test_commands(tmp_path: Path) -> None:
    """Export reads a store that is in use; import makes the same one of it elsewhere."""
    with closing(Database(tmp_path / "a")) as opened:
        opened.commit(deltas.whole(SOUND))
        code, text, _ = run("export", tmp_path / "a")
        assert code == 0
        cluster_id = opened.cluster_id
    assert run("import", tmp_path / "b", text) == (0, "", "")
    with closing(Database(tmp_path / "b")) as opened:
        assert (opened.cluster_id, opened.load()) == (cluster_id, SOUND)
    assert run("export", tmp_path / "b")[1] == text


def test_not_empty(tmp_path: Path) -> None:
    """What is there is never overwritten."""
    text = to_yaml(Content(CLUSTER, SOUND))
    run("import", tmp_path, text)
    code, _, said = run("import", tmp_path, text)
    assert code == 1
    assert "already has a configuration: move the file away" in said


def test_in_use(tmp_path: Path) -> None:
    """Nothing is imported under a running control service."""
    with closing(Database(tmp_path)):
        code, _, said = run("import", tmp_path, to_yaml(Content(CLUSTER, SOUND)))
    assert code == 1
    assert "is in use by another control service" in said


def test_nothing_to_export(tmp_path: Path) -> None:
    """An export makes no store where there is none."""
    code, _, said = run("export", tmp_path / "none")
    assert code == 1
    assert "does not exist: name the directory of a control service" in said
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "it has to begin with `format: 1`"),
        ({"cluster_id": 5}, "`cluster_id:` has to be a UUID"),
        ({"cats": {}}, "unknown key cats"),
        ({"nodes": []}, None),
        ({"nodes": [5]}, "`nodes:` has to be a mapping"),
        ({"nodes": {NODE: {"node_id": NODE}}}, "not a Node: missing 'address'"),
        ({"nodes": {"x": {"node_id": NODE, "address": "10.0.0.1"}}}, f"calls itself {NODE}"),
        ({"grants": {}}, f"dataset {DATASET} has no grant"),
        ({"datasets": {}}, f"container web uses dataset {DATASET}, which does not exist"),
    ],
)
def test_refused(change: dict[str, object], complaint: str | None) -> None:
    """A file with something wrong in it is refused, and what it is, is said."""
    document = {**yaml.safe_load(to_yaml(Content(CLUSTER, SOUND))), **change}
    with pytest.raises(StoreError) as caught:
        from_yaml(yaml.safe_dump(document))
    assert complaint is None or complaint in str(caught.value)


def test_not_yaml() -> None:
    """What is no YAML at all is refused."""
    for text in ("{", "", "[1]"):
        with pytest.raises(StoreError, match="not "):
            from_yaml(text)


def test_used_twice() -> None:
    """What is unique in a cluster must be unique in an imported one."""
    other = Container("other", NODE, "a:b", SOUND.containers["web"].ports, (Volume(DATASET, "/"),))
    twice = deltas.apply(SOUND, [Change("containers", "other", other)])
    with pytest.raises(StoreError, match=f"port 8080 is used twice; the dataset {DATASET} is used"):
        from_yaml(to_yaml(Content(CLUSTER, twice)))
