"""A new dataset gets the owner and the mode of the image's directory, and no other dataset does."""

from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import pytest
from docker import APIClient

from flocker_lite.containers import image_owners
from flocker_lite.containers.data_binds import DataBind
from tests.containers.fake_engine import API_VERSION, Answer, FakeEngine, Request

ASIDE = "/containers/flocker-owners--db"


def header(mode: int, kind: bytes = tarfile.DIRTYPE) -> bytes:
    """The first block of what Docker answers of a path."""
    found = tarfile.TarInfo("data")
    found.type, found.mode, found.uid, found.gid = kind, mode, os.getuid(), os.getgid()
    return found.tobuf()


def given(directory: Path, answer: Answer) -> tuple[int, list[tuple[str, str]]]:
    """The mode that the dataset has afterwards, and what Docker was asked."""

    def docker(request: Request) -> Answer:
        match request.method, request.path:
            case "POST", "/containers/create":
                return Answer(201, {"Id": "aside", "Warnings": []})
            case "GET", path if path == f"{ASIDE}/archive":
                assert request.query == "path=%2Fdata%2F."
                return answer
            case "DELETE", path if path == ASIDE:
                return Answer(204)
        return Answer(404, {"message": "there is none"})

    dataset = directory / "dataset"
    dataset.mkdir(mode=0o755)
    served = FakeEngine(directory, docker)
    client = APIClient(f"unix://{served.socket}", version=API_VERSION)
    try:
        bind = DataBind(str(dataset), str(dataset), "/data")
        image_owners.give(client, "db", "sha256:1", [bind], Path)
    finally:
        client.close()
        served.close()
    asked = [(request.method, request.path) for request in served.asked]
    return stat.S_IMODE(dataset.stat().st_mode), asked


@pytest.mark.parametrize(("mode", "becomes"), [(0o700, 0o700), (0o1777, 0o775), (0o2750, 0o2750)])
def test_as_the_image_has_it(tmp_path: Path, mode: int, becomes: int) -> None:
    """But never world-writable; the container that was asked is removed."""
    found, asked = given(tmp_path, Answer(endless=header(mode)))
    assert found == becomes
    assert asked == [
        ("DELETE", ASIDE),
        ("POST", "/containers/create"),
        ("GET", f"{ASIDE}/archive"),
        ("DELETE", ASIDE),
    ]


@pytest.mark.parametrize(
    "answer", [Answer(404, {"message": "none"}), Answer(endless=header(0o600, tarfile.REGTYPE))]
)
def test_no_directory_in_the_image(tmp_path: Path, answer: Answer) -> None:
    """Then the dataset stays as it is."""
    assert given(tmp_path, answer)[0] == 0o755


@pytest.mark.skipif(os.getuid() != 0, reason="a new dataset is root's")
def test_what_is_new(tmp_path: Path) -> None:
    """An empty one of root's, of which the container has the whole."""
    for name in ("new", "used", "owned", "part"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "used" / "file").touch()
    os.chown(tmp_path / "owned", 999, 999)
    names = ("new", "used", "owned", "gone")
    binds = [DataBind(name, name, "/data") for name in names]
    binds.append(DataBind("part", "part/x", "/data", "x"))
    assert image_owners.new_ones(binds, tmp_path.joinpath) == (binds[0],)
