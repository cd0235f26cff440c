"""What a file needs of glibc, read from readelf, and what CentOS 7 cannot load."""

from pathlib import Path

import pytest

from admin.packaging.elf import CEILING, Needs, check, elf_files, needs
from admin.packaging.errors import PackagingError

SAID = """\
Dynamic section at offset 0x2d10 contains 27 entries:
  Tag        Type                         Name/Value
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]

Version needs section '.gnu.version_r' contains 1 entry:
 Addr: 0x0000000000000460  Offset: 0x00000460  Link: 6 (.dynstr)
  000000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.3.4  Flags: none  Version: 4
  0x0020:   Name: GLIBC_2.14  Flags: none  Version: 3
  0x0030:   Name: GLIBC_2.2.5  Flags: none  Version: 2
"""


def test_the_newest_version_counts() -> None:
    """As numbers, not as text."""
    assert needs(SAID) == Needs((2, 14))
    assert needs(SAID).is_met_by(CEILING)


def test_a_static_file_needs_nothing() -> None:
    """readelf says that there is no such section."""
    assert needs("There is no dynamic section in this file.\n") == Needs((0,))


@pytest.mark.parametrize("name", ["GLIBC_2.18", "GLIBC_2.34", "GLIBC_3.0", "GLIBC_2.17.1"])
def test_newer_ones_are_refused(name: str) -> None:
    """CentOS 7 has 2.17."""
    assert not needs(SAID.replace("GLIBC_2.14", name)).is_met_by(CEILING)


def test_the_ceiling_itself_is_allowed() -> None:
    """It is what there is."""
    assert needs(SAID.replace("GLIBC_2.14", "GLIBC_2.17")).is_met_by(CEILING)


@pytest.mark.parametrize(
    ("said", "odd"),
    [
        (SAID.replace("GLIBC_2.3.4", "GLIBC_PRIVATE"), ("GLIBC_PRIVATE",)),
        (SAID.replace("GLIBC_2.3.4", "GLIBC_ABI_DT_RELR"), ("GLIBC_ABI_DT_RELR",)),
        (SAID + " 0x0000000000000024 (RELR)  0x6e0\n", ("DT_RELR",)),
    ],
)
def test_what_has_no_number_is_refused(said: str, odd: tuple[str, ...]) -> None:
    """It is what only glibc itself may use, or what older ones do not understand."""
    assert needs(said) == Needs((2, 14), odd)
    assert not needs(said).is_met_by(CEILING)


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    """A check that looked at nothing has found nothing out; links count for nothing."""
    (tmp_path / "text").write_text("no more than text")
    (tmp_path / "link").symlink_to("/bin/sh")
    assert list(elf_files(tmp_path)) == []
    with pytest.raises(PackagingError, match="no ELF file"):
        check(tmp_path)
