"""Which sources the interpreter is compiled from, and how apt is asked for them."""

from pathlib import Path

from admin.packaging.sources import Source, apt_options, sources, sources_list
from admin.vm.host import Mirror

LOCK = """\
# A comment.
zlib 1:1.2.13.dfsg-1 aaaa
python3.11 3.11.2-6+deb12u8 bbbb
"""


def test_an_epoch_is_in_no_files_name() -> None:
    """The rest of the version is."""
    zlib, python = sources(LOCK)
    assert zlib == Source("zlib", "1:1.2.13.dfsg-1", "aaaa")
    assert zlib.description == "zlib_1.2.13.dfsg-1.dsc"
    assert python.description == "python3.11_3.11.2-6+deb12u8.dsc"


def test_sources_are_where_packages_are() -> None:
    """On a machine whose own list has binaries only."""
    mirrors = (Mirror("file:/mirror/", "bookworm"), Mirror("file:/mirror/", "bookworm-updates"))
    assert sources_list(mirrors) == (
        "deb-src file:/mirror/ bookworm main\ndeb-src file:/mirror/ bookworm-updates main\n"
    )


def test_the_machines_apt_stays_as_it_is() -> None:
    """What is read of lists, and all that is written, is in the folder."""
    options = apt_options(Path("/work"))
    settings = dict(option.split("=", 1) for option in options if option != "--option")
    assert settings["Dir::Etc::sourceparts"] == "/dev/null"
    for name in ("Dir::Etc::sourcelist", "Dir::State::lists", "Dir::Cache"):
        assert settings[name].startswith("/work/")


def test_the_real_lock_is_whole() -> None:
    """Each with the hash of its description."""
    lock = Path(__file__).parents[2] / "packaging/rpm/sources.lock"
    found = sources(lock.read_text())
    assert {"python3.11", "openssl", "sqlite3"} <= {source.name for source in found}
    assert all(len(bytes.fromhex(source.sha256)) == 32 for source in found)
