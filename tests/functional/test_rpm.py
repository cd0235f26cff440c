"""What systemd and readelf of this machine say of what the packages for CentOS 7 have."""

import shutil
import subprocess
from pathlib import Path

import pytest

from admin.packaging.elf import check
from admin.packaging.errors import PackagingError

UNITS = Path(__file__).parents[2] / "packaging/systemd"
TIMEOUT_SECONDS = 60


def verify(folder: Path) -> tuple[int, str]:
    """The exit code of systemd-analyze for the units in a folder, and what it says."""
    argv = ["systemd-analyze", "verify", *map(str, sorted(folder.glob("*.service")))]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    return done.returncode, done.stderr


def units_of_installed_programs(folder: Path) -> None:
    """The units, in a folder, as if what they start were installed here."""
    for path in UNITS.glob("*.service"):
        text = path.read_text()
        for name in ("flocker-agent", "flocker-control"):
            text = text.replace(f"/usr/bin/{name} ", "/bin/true ")
        (folder / path.name).write_text(text)


def test_systemd_has_nothing_to_say_of_the_units(tmp_path: Path) -> None:
    """Its exit code alone would be 0 with keys that it does not know, too."""
    units_of_installed_programs(tmp_path)
    assert verify(tmp_path) == (0, "")
    with (tmp_path / "flocker-agent.service").open("a") as unit:
        unit.write("[Service]\nNoSuchKey=yes\n")
    assert "NoSuchKey" in verify(tmp_path)[1]


def test_a_program_of_this_machine_is_too_new(tmp_path: Path) -> None:
    """Debian 12's `ls` asks for the glibc 2.34 at least."""
    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/ls", tmp_path / "bin/ls")
    with pytest.raises(PackagingError, match=r"GLIBC_2\.17:\nbin/ls: GLIBC_2\.3\d"):
        check(tmp_path)
    assert check(tmp_path, (9, 99)).files == 1
