"""How the packages are made: the same each time, and so that CentOS 7 can read them."""

from pathlib import Path

from admin.packaging.layout import file_name
from admin.packaging.rpmbuild import Recipe, build_argv, definitions, differing
from admin.packaging.units import command_line, confinement, service

RECIPE = Recipe(Path("/stage"), "1.2.3", 1_700_000_000)


def test_the_payload_is_one_that_rpm_4_11_reads() -> None:
    """It knows gzip, bzip2 and xz."""
    assert definitions(RECIPE, [])["_binary_payload"].endswith(".xzdio")


def test_neither_the_hour_nor_the_machine_gets_into_a_package() -> None:
    """All times are that of the sources."""
    macros = definitions(RECIPE, [])
    assert macros["_buildhost"] == "localhost"
    assert macros["use_source_date_epoch_as_buildtime"] == "1"
    assert macros["clamp_mtime_to_source_date_epoch"] == "1"


def test_commands_come_with_their_sub_packages() -> None:
    """For the spec to sort them into its lists."""
    macros = definitions(RECIPE, ["flocker-agent", "flocker-control"])
    assert macros["flocker_commands"] == "flocker-agent:node flocker-control:control"


def test_macros_are_words_of_their_own() -> None:
    """Each after --define, as rpmbuild takes them, with folders of this build alone."""
    argv = build_argv(Path("/x.spec"), Path("/top"), {"a": "b c"})
    assert argv[-1] == "/x.spec"
    assert [argv[i + 1] for i, word in enumerate(argv) if word == "--define"] == [
        *("_topdir /top", "_tmppath /top/temporary", "_dbpath /top/database", "a b c")
    ]


def test_names_of_packages() -> None:
    """By version and release."""
    assert file_name("", "1.2.3") == "flocker-lite-1.2.3-1.el7.x86_64.rpm"
    assert file_name("node", "1.2.3", "2") == "flocker-lite-node-1.2.3-2.el7.x86_64.rpm"


def test_packages_that_differ_are_named(tmp_path: Path) -> None:
    """Also one that only one side has."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, texts in ((first, "aab"), (second, "aac")):
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / str(number)).write_text(text)
    (second / "3").write_text("more")
    assert differing(first, second) == ["2", "3"]
    assert differing(first, first) == []


def test_a_daemon_is_tried_with_what_its_unit_gives_it() -> None:
    """Its command line without what is not set, its user, and no more powers."""
    said = service(
        "[Service]\nExecStart=/usr/bin/x --a b $MORE\nCapabilityBoundingSet=CAP_KILL CAP_CHOWN\n"
    )
    assert command_line(said) == ["/usr/bin/x", "--a", "b"]
    assert confinement(said) == ["setpriv", "--bounding-set=-all,+kill,+chown"]
    assert confinement({**said, "CapabilityBoundingSet": "", "User": "u", "Group": "g"}) == [
        *("setpriv", "--bounding-set=-all", "--reuid=u", "--regid=g", "--clear-groups")
    ]
