"""The identity of a node: made once, kept, and never made up anew in place of a damaged one."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from flocker_lite.agent.identity import FILE_NAME, IdentityFile, boot_era
from flocker_lite.errors import ConfigurationFileError

NODE = "11111111-1111-4111-8111-111111111111"
OTHER_NODE = "22222222-2222-4222-8222-222222222222"


def test_made_and_kept(tmp_path: Path) -> None:
    """The first start makes it, every later one finds it."""
    first = IdentityFile(tmp_path / "state")
    assert UUID(first.node_id)
    assert first.cluster_id == ""
    assert IdentityFile(tmp_path / "state").node_id == first.node_id


def test_joined(tmp_path: Path) -> None:
    """The cluster is noted for good."""
    IdentityFile(tmp_path).join("cluster-1")
    assert IdentityFile(tmp_path).cluster_id == "cluster-1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"node_id": "x", "cluster_id": ""}', "{}"])
def test_damaged(tmp_path: Path, text: str) -> None:
    """A node with a new identity would forget its data: it does not start."""
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(ConfigurationFileError, match="is damaged: restore it"):
        IdentityFile(tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == text


def test_cannot_be_written(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationFileError, match=r"identity\.json cannot be"):
        IdentityFile(tmp_path / "file")


def test_boot_era() -> None:
    """It is the kernel's id of this boot."""
    assert UUID(boot_era())


def test_from_a_certificate(tmp_path: Path) -> None:
    """A node that has no identity yet takes that of its certificate; it keeps what it has."""
    assert IdentityFile(tmp_path, NODE).node_id == NODE
    assert IdentityFile(tmp_path, NODE).node_id == NODE
    assert IdentityFile(tmp_path).node_id == NODE
    with pytest.raises(ConfigurationFileError, match=f"flocker-ca create-node --uuid {NODE}"):
        IdentityFile(tmp_path, OTHER_NODE)
    assert IdentityFile(tmp_path).node_id == NODE
