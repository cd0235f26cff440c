"""Whether a volume or a directory by itself can become a dataset."""

from __future__ import annotations

from typing import Any

import pytest

from flocker_lite.containers.adoption.data import FoundData, data_adoption
from flocker_lite.model.adoption import BIND, VOLUME

ALLOW = ("adopt", "/srv/files")


def volume(**more: Any) -> FoundData:
    """A volume of the local driver."""
    path = "/var/lib/docker/volumes/pgdata/_data"
    return FoundData(
        "pgdata", {"Driver": "local", "Mountpoint": path, **more}, data_root="/flocker"
    )


def directory(path: str = "/srv/files", **more: Any) -> FoundData:
    return FoundData(path, data_root="/flocker", **more)


def test_volume() -> None:
    """Its dataset has its name; where its data is is Docker's affair."""
    found = data_adoption(volume(), ALLOW)
    (source,) = found.sources
    assert (source.kind, source.take, source.dataset) == (VOLUME, True, "pgdata")
    assert source.path == "/var/lib/docker/volumes/pgdata/_data"
    assert (found.hindrances, dict(found.fields), found.instance) == ((), {}, "")
    bound = volume(Options={"o": "bind,rw", "device": "/srv/pg/"})
    assert data_adoption(bound, ALLOW).sources[0].path == "/srv/pg"


def test_directory() -> None:
    """Its dataset has the last part of its path as its name."""
    (source,) = data_adoption(directory("/srv/files/"), ALLOW).sources
    assert (source.kind, source.take) == (BIND, True)
    assert (source.path, source.dataset) == ("/srv/files", "files")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (volume(Driver="rexray"), "volume driver rexray"),
        (volume(Options={"type": "nfs", "device": ":/x"}), "a mount of its own"),
        (directory("/etc/ssl"), "the node's own system"),
        (directory("/"), "the node's own system"),
        (directory("/srv/other"), "does not allow /srv/other: write `allow: ["),
        (directory("/srv/files/below"), "does not allow /srv/files/below"),
        (directory(is_directory=False), "there is no directory at /srv/files"),
        (directory(users=("web", "db")), "web, db runs with it: adopt that container"),
    ],
)
def test_hindrances(found: FoundData, why: str) -> None:
    """What is in the way, and what to do."""
    what = data_adoption(found, ALLOW)
    assert why in what.hindrances[0].text
    assert not what.sources[0].take


def test_our_own() -> None:
    """Datasets are no source of data."""
    found = FoundData("/flocker/x", data_root="/flocker")
    assert (
        "has datasets already" in data_adoption(found, ("adopt", "/flocker/x")).hindrances[0].text
    )
