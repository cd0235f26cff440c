"""Fetches Debian's source packages that the interpreter is compiled from, each with a pinned hash.

This machine's apt may know binaries only, and stays as it is: another list of sources, made of the
mirrors that it knows, is used in a folder of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from admin.packaging.errors import PackagingError
from admin.vm.commands import run
from admin.vm.errors import CommandFailed
from admin.vm.host import Mirror, known_mirrors

FETCH_SECONDS_MAX = 900
UNPACK_SECONDS_MAX = 300
UNPATCHED = {"python3.11"}
"""Debian's patches include some for its own layout; the recipe chooses among them."""


@dataclass(frozen=True, slots=True)
class Source:
    """A source package; `sha256` is that of its .dsc, which has those of its other files."""

    name: str
    version: str
    sha256: str

    @property
    def description(self) -> str:
        """The name of its .dsc; an epoch is not a part of it."""
        return f"{self.name}_{self.version.rpartition(':')[2]}.dsc"


def sources(lock: str) -> tuple[Source, ...]:
    """The sources in the text of sources.lock."""
    lines = (line for line in lock.splitlines() if line and not line.startswith("#"))
    return tuple(Source(*line.split()) for line in lines)


def sources_list(mirrors: Sequence[Mirror]) -> str:
    """Where apt finds sources: where it finds packages."""
    return "".join(f"deb-src {mirror.uri} {mirror.suite} main\n" for mirror in mirrors)


def apt_options(folder: Path) -> tuple[str, ...]:
    """What makes apt keep to a folder, and read nothing of the machine's list of sources."""
    settings = (
        f"Dir::Etc::sourcelist={folder}/sources.list",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::lists={folder}/lists",
        f"Dir::Cache={folder}/cache",
        # Its own user may not be let into the folder.
        "APT::Sandbox::User=root",
    )
    return tuple(word for setting in settings for word in ("--option", setting))


def fetch(wanted: Sequence[Source], folder: Path) -> None:
    """Fetch sources and unpack each into `folder`/NAME.

    :raises PackagingError: when one is not to be had, or is another one.
    """
    downloads = folder / "downloads"
    (downloads / "lists/partial").mkdir(parents=True)
    (downloads / "cache/archives/partial").mkdir(parents=True)
    (downloads / "sources.list").write_text(sources_list(known_mirrors()))
    apt = ("apt-get", "--quiet", *apt_options(downloads))
    run((*apt, "update"), timeout_seconds=FETCH_SECONDS_MAX)
    for source in wanted:
        argv = (*apt, "source", "--download-only", f"{source.name}={source.version}")
        try:
            run(argv, timeout_seconds=FETCH_SECONDS_MAX, working_directory=downloads)
        except CommandFailed as error:
            raise PackagingError(
                f"Debian does not have the source of {source.name} {source.version} any more: put "
                f"what it has into packaging/rpm/sources.lock\n{error.output_tail}"
            ) from error
        _unpack(source, downloads, folder / source.name)


def _unpack(source: Source, downloads: Path, target: Path) -> None:
    description = downloads / source.description
    found = hashlib.sha256(description.read_bytes()).hexdigest()
    if found != source.sha256:
        raise PackagingError(f"{source.description} has the SHA-256 {found}, not {source.sha256}")
    options = ("--skip-patches",) if source.name in UNPATCHED else ()
    # apt has checked the signature of what lists it; dpkg-source checks the hashes that it lists.
    argv = ("dpkg-source", "--no-check", *options, "--extract", str(description), str(target))
    run(argv, timeout_seconds=UNPACK_SECONDS_MAX, working_directory=downloads)
