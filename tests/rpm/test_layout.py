"""Where the packages' files lie, and which package has which command."""

from pathlib import Path, PurePosixPath

import pytest

from admin.packaging import layout, staging

CHECKOUT = Path(__file__).parents[2]


def test_every_command_of_the_project_has_its_package() -> None:
    """A new one fails here until it is said which."""
    scripts = staging.commands(CHECKOUT)
    assert scripts
    for name in scripts:
        assert layout.package_of(name, scripts) in layout.SUB_PACKAGES


def test_a_new_command_is_asked_about() -> None:
    """Rather than left out."""
    with pytest.raises(KeyError, match="OWNERS"):
        layout.package_of("flocker-new", {"flocker-new": "flocker_lite.new:main"})


def test_files_may_lie_in_few_places() -> None:
    """Nowhere else, and in /usr/bin only as links with the names of our commands."""
    good = ["/opt/flocker-lite/python", "/etc/flocker-lite/agent.yml", "/usr/bin/flocker-agent"]
    bad = ["/usr/lib/python3/x.py", "/opt/flocker-lite-2/x", "/usr/bin/flocker-control"]
    other_link = "/usr/bin/python3"
    assert layout.misplaced([*good, *bad, other_link], [good[2], other_link]) == [*bad, other_link]


def test_a_command_runs_the_packages_own_interpreter() -> None:
    """And nothing that its user has in the environment or at home."""
    text = layout.launcher("flocker_lite.receive:main")
    assert text.startswith("#!/opt/flocker-lite/python/bin/python3.11 -sE\n")
    assert "from flocker_lite.receive import main\n" in text
    compile(text, "launcher", "exec")


def test_tests_stay_out_of_the_packages() -> None:
    """Wherever they are; what only sounds like it stays in."""
    assert not layout.is_needed(PurePosixPath("twisted/web/test/test_http.py"))
    assert not layout.is_needed(PurePosixPath("flocker_lite/testing/cluster.py"))
    assert layout.is_needed(PurePosixPath("treq/testing.py"))
    names = ["flocker_lite/__init__.py", "flocker_lite/testing/cluster.py", "tests/x.py"]
    assert staging.modules([*names, "flocker_lite/zfs/names.py"]) == [
        *("flocker_lite", "flocker_lite.zfs.names")
    ]


def test_the_spec_has_what_is_shipped() -> None:
    """Each file that goes to its own place is named in one of the sub-packages."""
    spec = (CHECKOUT / "packaging/rpm/flocker-lite.spec").read_text()
    for source, target in layout.SHIPPED.items():
        if source.startswith("packaging/") and not target.startswith(layout.HOME):
            assert spec.count(f"{target}\n") == 1, target
    for package in layout.SUB_PACKAGES:
        assert f"%package {package}\n" in spec
