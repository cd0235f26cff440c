"""What is read from apt and dpkg, and what is made of it for the guest."""

import pytest

from admin.vm.errors import HostUnfit
from admin.vm.host import Mirror, acquire_settings, mirrors, missing_packages, sources_list

TARGETS = """\
http://mirror.example/debian-security/ bookworm-security
http://mirror.example/debian/ bookworm-updates
http://mirror.example/debian/ bookworm
http://mirror.example/debian/ bookworm
http://other.example/tools/ stable
"""


def test_only_installed_packages_count() -> None:
    """A package that was removed but not purged is missing."""
    status = "git\tii \nqemu-system-x86\trc \n"
    assert missing_packages(status, ("git", "qemu-system-x86", "debootstrap")) == (
        "qemu-system-x86",
        "debootstrap",
    )


def test_mirrors_of_the_suite_are_found_once() -> None:
    """Other repositories and repeated indexes are left out; the suite itself comes first."""
    assert mirrors(TARGETS) == (
        Mirror("http://mirror.example/debian/", "bookworm"),
        Mirror("http://mirror.example/debian-security/", "bookworm-security"),
        Mirror("http://mirror.example/debian/", "bookworm-updates"),
    )


def test_host_of_another_suite_is_unfit() -> None:
    """Without a mirror of the guest's suite the error says what to add."""
    with pytest.raises(HostUnfit, match=r"bookworm.*sources\.list\.d"):
        mirrors("http://mirror.example/debian/ trixie\n")


def test_guest_uses_contrib() -> None:
    """OpenZFS is in contrib."""
    line = "deb http://mirror.example/debian/ bookworm main contrib\n"
    assert sources_list([Mirror("http://mirror.example/debian/", "bookworm")]) == line


def test_way_to_the_mirrors_is_taken_over() -> None:
    """Proxies are; empty groups and other settings of apt are not."""
    dump = 'APT "";\nAcquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://proxy:1";\n'
    assert acquire_settings(dump) == 'Acquire::http::Proxy "http://proxy:1";\n'
