"""Another machine is one that differs, as far as this one can play it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from admin.releasing.varied import VARIATIONS, Variation, able
from admin.vm.commands import run

PAGE = Path(__file__).parents[2] / "docs/making-a-release.rst"
SECONDS_MAX = 30
SAID_BY = {
    "host name": "uname -n",
    "user": "id -u",
    "umask": "umask",
    "processors": "cat /proc/self/status | grep Cpus_allowed_list",
    "kernel": "uname -r",
    "addresses in memory": "cat /proc/self/personality",
    "niceness": "nice",
    "clock": "date -u +%F",
    "time zone": "date +%z",
    "language": "echo $LC_ALL $LANG",
    "home": "echo $HOME $USER",
}
"""What shows each variation, as a shell's command."""


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda each: each.name)
def test_each_makes_a_difference(variation: Variation) -> None:
    """Whoever asks the machine is told something else; so a build might be."""
    here, there = able(()), able((variation,))
    if there.left_out:
        pytest.skip(there.left_out[variation.name])
    if variation.name == "processors" and len(os.sched_getaffinity(0)) == 1:
        pytest.skip("there is only one here")
    said = [
        run(
            machine.command(("sh", "-c", SAID_BY[variation.name])),
            timeout_seconds=SECONDS_MAX,
            environment=machine.environment(os.environ),
        )
        for machine in (here, there)
    ]
    assert said[0] != said[1]


def test_all_at_once() -> None:
    """They go together: what is left out is only what is left out by itself."""
    alone = {each.name for each in VARIATIONS if able((each,)).left_out}
    assert set(able(VARIATIONS).left_out) == alone


def test_what_is_not_possible_is_left_out_and_told() -> None:
    """The others are done all the same."""
    wrong = Variation("moon", ("sh", "-c", "echo no moon here >&2; exit 1"))
    absent = Variation("sun", ("/nonexistent/program",))
    zone = Variation("time zone", environment={"TZ": "UTC-3"})
    found = able((wrong, absent, zone))
    assert found.variations == (zone,)
    assert found.left_out["moon"] == "no moon here"
    assert "No such file" in found.left_out["sun"]
    assert found.command(("a", "b")) == ("a", "b")
    assert found.environment({"TZ": "UTC", "x": "y"}) == {"TZ": "UTC-3", "x": "y"}


def test_the_page_has_them_all() -> None:
    """In a table of its own, and no other."""
    table = PAGE.read_text("utf-8").split("Another machine", 1)[1]
    names = [
        line.removeprefix("   * - ") for line in table.splitlines() if line.startswith("   * -")
    ]
    assert names[1:-2] == [each.name for each in VARIATIONS]
