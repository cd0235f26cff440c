"""Images of the lab: layers with their marks of removal, and the registry's storage."""

import hashlib
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from admin.hosts.images.debian import RECIPE_FOLDERS, parse_sources
from admin.hosts.images.layers import is_kept, is_removed, whiteout_of, write_layer
from admin.hosts.images.recipes import RECIPES, image_configuration
from admin.hosts.images.storage import Blob, blob_path, digest_of, image_files, make_manifest

RECIPE = {recipe.name: recipe for recipe in RECIPES}


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("usr/share/doc", True),
        ("usr/share/doc/bash", False),
        ("usr/share/docs", True),
        ("proc", True),
        ("proc/1", False),
        ("etc/resolv.conf", False),
        ("etc/passwd", True),
        ("var/lib/dpkg/status", True),
    ],
)
def test_what_goes_into_a_layer(path: str, kept: bool) -> None:
    """Documentation, caches and what belongs to the building machine stay out."""
    assert is_kept(path) is kept


def test_marks_of_removal() -> None:
    """A removed file is a name with a prefix, in the same folder."""
    assert whiteout_of("a/b/c") == "a/b/.wh.c"
    assert whiteout_of("a") == ".wh.a"


def test_only_a_device_without_numbers_marks_a_removal() -> None:
    """Other devices are devices, and no file is a mark."""
    assert is_removed(stat.S_IFCHR, os.makedev(0, 0))
    assert not is_removed(stat.S_IFCHR, os.makedev(1, 3))
    assert not is_removed(stat.S_IFREG, os.makedev(0, 0))


def test_a_layer_holds_files_links_and_folders_in_order(tmp_path: Path) -> None:
    """Folders come before what is in them; hard links stay hard links; owners are numbers."""
    root = tmp_path / "root"
    (root / "b" / "c").mkdir(parents=True)
    (root / "b" / "c" / "file").write_text("content")
    os.link(root / "b" / "c" / "file", root / "b" / "hard")
    (root / "a").symlink_to("b/c/file")
    blob = write_layer(root, tmp_path / "layer.tar")
    content = (tmp_path / "layer.tar").read_bytes()
    assert blob == Blob("sha256:" + hashlib.sha256(content).hexdigest(), len(content))
    with tarfile.open(tmp_path / "layer.tar") as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert list(members) == ["a", "b", "b/c", "b/c/file", "b/hard"]
    assert members["a"].issym()
    assert members["b/hard"].islnk()
    assert {member.uname for member in members.values()} == {""}


def test_the_storage_names_every_blob_and_only_links_to_what_is_there() -> None:
    """Each link of the storage leads to a blob that is stored or is a layer."""
    layers = [Blob(digest_of(b"base"), 4), Blob(digest_of(b"top"), 3)]
    configuration = image_configuration(RECIPE["redis"], "amd64", [b.digest for b in layers])
    files = dict(image_files("library/redis", "latest", configuration, layers))
    blobs = {path for path in files if path.endswith("/data")} | {
        blob_path(layer.digest) for layer in layers
    }
    for path, content in files.items():
        if path.endswith("/data"):
            assert path == blob_path(digest_of(content))
        else:
            assert blob_path(content.decode()) in blobs
    current = "repositories/library/redis/_manifests/tags/latest/current/link"
    assert [path for path in files if path.endswith(current)]


def test_a_manifest_lists_the_layers_from_the_lowest() -> None:
    """Sizes and digests are those of the blobs."""
    layers = [Blob("sha256:aa", 1), Blob("sha256:bb", 2)]
    manifest = json.loads(make_manifest(Blob("sha256:cc", 3), layers))
    assert [(row["digest"], row["size"]) for row in manifest["layers"]] == [
        ("sha256:aa", 1),
        ("sha256:bb", 2),
    ]
    assert manifest["config"]["digest"] == "sha256:cc"


def test_images_behave_like_the_official_ones() -> None:
    """Ports, folders and stop signals are those that users of the names expect."""
    configurations = {
        name: json.loads(image_configuration(recipe, "amd64", []))["config"]
        for name, recipe in RECIPE.items()
    }
    assert configurations["redis"]["WorkingDir"] == "/data"
    assert configurations["redis"]["Volumes"] == {"/data": {}}
    assert configurations["postgres"]["StopSignal"] == "SIGINT"
    assert "PGDATA=/var/lib/postgresql/data" in configurations["postgres"]["Env"]
    assert configurations["nginx"]["StopSignal"] == "SIGQUIT"
    assert "Entrypoint" not in configurations["nginx"]
    ports = {name: [*c["ExposedPorts"]] for name, c in configurations.items()}
    assert ports == {"redis": ["6379/tcp"], "postgres": ["5432/tcp"], "nginx": ["80/tcp"]}


def test_every_recipe_has_its_scripts() -> None:
    """The folder of an image holds how it is built and how it starts."""
    for recipe in RECIPES:
        folder = RECIPE_FOLDERS / recipe.name
        assert (folder / "build.sh").exists()
        assert (folder / "entrypoint.sh").exists() is recipe.has_entrypoint


def test_only_debian_archives_count_and_each_once() -> None:
    """The machine may have others' archives; images are built from Debian's alone."""
    listed = (
        "Debian http://mirror.example/debian/ bookworm\n"
        "Other http://other.example/ stable\n"
        "Debian http://mirror.example/debian/ bookworm\n"
        "Debian http://mirror.example/security/ bookworm-security\n"
    )
    assert parse_sources(listed) == [
        ("http://mirror.example/debian/", "bookworm"),
        ("http://mirror.example/security/", "bookworm-security"),
    ]
