"""The texts that name the release name this one."""

from __future__ import annotations

import re
from pathlib import Path

from flocker_lite import __version__

CHECKOUT = Path(__file__).parents[2]


def test_the_changelog_begins_with_it() -> None:
    """With its upgrade notes, what was added, changed and fixed, and security."""
    text = (CHECKOUT / "CHANGELOG.rst").read_text("utf-8")
    releases = re.findall(r"^(\d\S+) \(.*\)\n=+\n", text, re.MULTILINE)
    assert releases[0] == __version__
    parts = re.findall(r"^(\w[\w ]+)\n-+\n", text, re.MULTILINE)
    assert parts[:5] == ["Upgrade notes", "Added", "Changed", "Fixed", "Security"]


def test_the_readme_has_no_other() -> None:
    """What it says of its status is about this release."""
    text = (CHECKOUT / "README.rst").read_text("utf-8")
    assert set(re.findall(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.]\d)", text)) == {__version__}
