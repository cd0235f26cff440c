"""What the ELF files of a folder need of the machine's glibc, by what readelf says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from admin.packaging.errors import PackagingError
from admin.vm.commands import run

Version = tuple[int, ...]

CEILING: Version = (2, 17)
"""The glibc of CentOS 7."""

MAGIC = b"\x7fELF"
READ_SECONDS_MAX = 60

_NEED = re.compile(r"\bName: (GLIBC_\w+(?:\.\w+)*)")
_NUMBERED = re.compile(r"GLIBC_(\d+(?:\.\d+)*)")


@dataclass(frozen=True, slots=True)
class Needs:
    """What one file needs: the newest numbered version of glibc, and what has no number."""

    glibc: Version
    odd: tuple[str, ...] = ()

    def is_met_by(self, ceiling: Version) -> bool:
        """Whether a glibc of that version, as CentOS 7 has it, can load the file."""
        return self.glibc <= ceiling and not self.odd


def needs(said: str) -> Needs:
    """What `readelf --version-info --dynamic` says of a file.

    GLIBC_PRIVATE is what only glibc's own parts may use, GLIBC_ABI_DT_RELR and relative
    relocations of that kind are what no glibc before 2.36 understands.
    """
    names = sorted(set(_NEED.findall(said)))
    numbered = [match[1] for name in names if (match := _NUMBERED.fullmatch(name))]
    versions = [tuple(int(part) for part in text.split(".")) for text in numbered]
    odd = [name for name in names if not _NUMBERED.fullmatch(name)]
    if "(RELR" in said:
        odd.append("DT_RELR")
    return Needs(max(versions, default=(0,)), tuple(odd))


def text_of(version: Version) -> str:
    """A version as glibc writes it."""
    return ".".join(map(str, version))


@dataclass(frozen=True, slots=True)
class Found:
    """How many ELF files there were, and the newest glibc that one of them needs."""

    files: int
    glibc: Version


def check(root: Path, ceiling: Version = CEILING) -> Found:
    """Look at every ELF file below a folder.

    :raises PackagingError: when one needs a newer glibc, or there is none at all.
    """
    found = {path: needs(_said_of(path)) for path in sorted(elf_files(root))}
    too_new = {path: its for path, its in found.items() if not its.is_met_by(ceiling)}
    if too_new or not found:
        raise PackagingError(refusal(root, too_new, ceiling) if found else f"no ELF file in {root}")
    return Found(len(found), max(its.glibc for its in found.values()))


def refusal(root: Path, too_new: dict[Path, Needs], ceiling: Version) -> str:
    """Says which files are too new, and why."""
    lines = [
        f"{path.relative_to(root)}: GLIBC_{text_of(its.glibc)} {' '.join(its.odd)}".rstrip()
        for path, its in too_new.items()
    ]
    return f"these need more than GLIBC_{text_of(ceiling)}:\n" + "\n".join(lines)


def elf_files(root: Path) -> Iterator[Path]:
    """The files below a folder that begin as ELF files do; links are not followed."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(len(MAGIC)) == MAGIC:
                        yield path


def _said_of(path: Path) -> str:
    argv: Sequence[str] = ("readelf", "--wide", "--version-info", "--dynamic", os.fspath(path))
    return run(argv, timeout_seconds=READ_SECONDS_MAX).decode(errors="replace")
