"""The libraries in the packages are those that the checks run with, no more and no less."""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
ADVICE = "make requirements/rpm.lock anew, as CONTRIBUTING.rst says"


def pins(name: str) -> dict[str, str]:
    """The versions in a lock file, by name."""
    text = (CHECKOUT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def needed(distribution: str, extras: frozenset[str], found: set[str]) -> None:
    """Add what a distribution needs to run, and what that needs."""
    for line in requires(distribution) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is not None and not any(
            marker.evaluate({"extra": extra}) for extra in extras or {""}
        ):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found or requirement.extras:
            found.add(name)
            needed(name, frozenset(requirement.extras), found)


def test_the_lock_has_just_what_the_project_needs() -> None:
    """A dependency that came, or went, changes the packages too."""
    found: set[str] = set()
    needed("flocker-lite", frozenset(), found)
    assert found == set(pins("rpm.lock")), ADVICE


def test_the_packages_have_what_is_tested() -> None:
    """Version by version."""
    tested = pins("dev.lock")
    assert {name: tested.get(name) for name in pins("rpm.lock")} == pins("rpm.lock"), ADVICE
